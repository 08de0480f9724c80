"""The official OpenAI client over the API in one process: which of its error classes a refusal becomes."""

import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from appliance.core import SYSTEM, KeyScope
from tests.http.api_house import MODEL, ApiHouse


def test_a_key_narrowed_to_other_endpoints_is_a_permission_denied_error() -> None:
    house = ApiHouse()
    scope = KeyScope(frozenset(), frozenset({"models"}))
    key = house.identity.keys.create(SYSTEM, house.alice.id, "narrow", scope=scope)[1]
    with TestClient(house.app(), base_url="http://localhost") as transport:
        client = OpenAI(base_url="http://localhost/v1", api_key=key, max_retries=0, http_client=transport)
        assert client.models.list().data[0].id == MODEL
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}])
    assert not house.echo.asked
    house.close()
