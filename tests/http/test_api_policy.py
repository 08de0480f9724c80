"""What a program can say to the policy: the class of its data, and how to go on with what is held back."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from appliance.core import DataClass
from appliance.policy.dlp import Action, Direction, DlpRule
from tests.http.api_house import MODEL, ApiHouse
from tests.http.test_data_classes import WHY, change

TEXT = "보낼 곳은 hong@corp.example 입니다"
ROOMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": TEXT}]},
    "/v1/responses": {"input": TEXT},
    "/v1/messages": {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 64},
    "/v1/completions": {"prompt": TEXT},
}


def rule(action: Action, **more: Any) -> DlpRule:
    return DlpRule(
        id="P-9", directions=(Direction.PROMPT,), detectors=("email",), action=action, reason=WHY, **more
    )


@pytest.fixture
def api() -> Iterator[ApiHouse]:
    house = ApiHouse()
    yield house
    house.close()


@pytest.fixture
def client(api: ApiHouse) -> TestClient:
    headers = {"Authorization": f"Bearer {api.key}"}
    return TestClient(api.app(), base_url="http://localhost:8080", headers=headers)


def ask(client: TestClient, path: str, **naesil: str) -> Any:
    body = {"model": MODEL, **ROOMS[path], **({"naesil": naesil} if naesil else {})}
    return client.post(path, json=body)


@pytest.mark.parametrize("path", ROOMS)
def test_what_is_held_back_says_how_to_go_on_and_does(api: ApiHouse, client: TestClient, path: str) -> None:
    change(api, dlp={"rules": (rule(Action.ASK),)})
    held = ask(client, path)
    assert held.status_code == 403
    assert held.json()["error"]["offers"] == ["as_is", "masked"]
    assert '"if_held": "masked"' in held.json()["error"]["message"]
    assert api.echo.asked == []
    assert ask(client, path, if_held="masked").status_code == 200
    assert ask(client, path, if_held="as_is", reason="결재 받음").status_code == 200
    read = [one.raw or one.turns[-1].content for one in api.echo.asked]
    assert ["hong@corp.example" in str(text) for text in read] == [False, True]
    assert ask(client, path, if_held="as_is").status_code == 400
    assert ask(client, path, if_held="masked", reason="x").status_code == 400


def test_a_blocked_text_can_only_go_masked_and_a_final_one_not_at_all(
    api: ApiHouse, client: TestClient
) -> None:
    path = "/v1/chat/completions"
    change(api, dlp={"rules": (rule(Action.BLOCK),)})
    assert ask(client, path).json()["error"]["offers"] == ["masked"]
    assert ask(client, path, if_held="as_is", reason="결재 받음").status_code == 403
    assert ask(client, path, if_held="masked").status_code == 200
    change(api, dlp={"rules": (rule(Action.BLOCK, final=True),)})
    final = ask(client, path, if_held="masked")
    assert final.status_code == 403
    assert "offers" not in final.json()["error"]


def test_rules_go_by_the_class_that_a_request_names(api: ApiHouse, client: TestClient) -> None:
    path = "/v1/chat/completions"
    change(api, dlp={"rules": (rule(Action.BLOCK, classes=(DataClass.SECRET,)),)})
    assert ask(client, path, data_class="S").status_code == 200
    assert ask(client, path, data_class="C").status_code == 403
    assert ask(client, path, data_class="X").status_code == 400


def test_the_policy_bounds_what_a_request_may_have_the_model_read(api: ApiHouse, client: TestClient) -> None:
    default = api.policy.current.parts.limits.default
    change(api, limits={"default": default.model_copy(update={"context": 256})})
    ask(client, "/v1/chat/completions")
    assert api.echo.asked[0].most_context == 256
