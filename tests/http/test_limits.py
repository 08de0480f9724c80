"""One person's limits hold over pages and API together, however many questions come at once."""

import asyncio

import httpx

from appliance.core import SYSTEM
from appliance.http import csrf
from appliance.ids import new_id
from tests.http.conftest import ORIGIN
from tests.http.fakes import House
from tests.http.test_data_classes import change

MOST, EACH = 15, 25


def test_pages_and_api_share_what_a_person_may_ask_in_a_minute(house: House) -> None:
    default = house.policy.current.parts.limits.default
    change(house, limits={"default": default.model_copy(update={"requests_per_minute": MOST})})
    person, token = house.person("alice")
    key = house.identity.keys.create(SYSTEM, person.user_id, "test")[1]

    async def ask_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(house.site)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:

            async def by_page() -> httpx.Response:
                form = {csrf.FIELD: csrf.token_for(token), "text": "안녕", "client_id": new_id()}
                headers = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
                cookie = {"Cookie": f"naesil={token}"}
                return await http.post("/chat/messages", data=form, headers=headers | cookie)

            async def by_api() -> httpx.Response:
                asked = [{"role": "user", "content": "안녕"}]
                body = {"model": house.inference.model.model_name, "messages": asked}
                headers = {"Authorization": f"Bearer {key}"}
                return await http.post("/v1/chat/completions", json=body, headers=headers)

            return await asyncio.gather(*(by() for _ in range(EACH) for by in (by_page, by_api)))

    answers = asyncio.run(ask_all())
    refused = [one for one in answers if one.status_code == 429]
    assert {one.status_code for one in answers} == {200, 429}, [one.text for one in answers][:3]
    assert len(answers) - len(refused) == MOST
    assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
    assert {"/chat/messages", "/v1/chat/completions"} == {one.request.url.path for one in refused}
