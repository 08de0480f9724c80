"""GET /metrics: nothing without its token, numbers of nobody in particular with it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from typer.testing import CliRunner

from appliance.cli.app import app as program
from appliance.config import load
from appliance.errors import ConfigError
from tests.http.api_house import MODEL, ApiHouse
from tests.http.fakes import application

TOKEN = "prometheus-of-the-machine-room"
ENDS = ("naesil_answers_total", "naesil_refusals_total")
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.fixture
def house() -> Iterator[ApiHouse]:
    made = ApiHouse()
    yield made
    made.close()


def watched(house: ApiHouse, digest: str = DIGEST) -> TestClient:
    services = replace(house.api_services, settings=replace(house.settings, metrics_token_sha256=digest))
    return TestClient(application(services), base_url="http://localhost")


def samples(text: str) -> dict[tuple[str, str], float]:
    """Value by name and the values of its labels."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_there_is_no_such_page_unless_the_settings_name_a_token(house: ApiHouse) -> None:
    with watched(house, "") as client:
        assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {DIGEST}"])
def test_nothing_is_said_to_whoever_has_not_its_token(house: ApiHouse, sent: str) -> None:
    with watched(house) as client:
        answer = client.get("/metrics", headers={"Authorization": sent} if sent else {})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "naesil_" not in answer.text


def test_answers_and_refusals_are_counted_and_nobody_is_named(house: ApiHouse) -> None:
    key = {"Authorization": f"Bearer {house.key}"}
    with watched(house) as client:
        for said in ("hello", "my number is 900101-1234568"):
            body = {"model": MODEL, "messages": [{"role": "user", "content": said}]}
            client.post("/v1/chat/completions", headers=key, json=body)
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert (found["naesil_ready", ""], found["naesil_running", ""]) == (1, 2)
    counted = sum(value for (name, _), value in found.items() if name in ENDS)
    assert counted == 2
    assert found["naesil_completion_tokens_total", ""] > 0
    for secret in (house.alice.id, house.alice.name, house.key, "hello", "900101"):
        assert secret not in answer.text


def test_the_token_that_is_printed_is_the_one_that_is_asked_for(house: ApiHouse) -> None:
    words = CliRunner().invoke(program, ["metrics-token"]).output.split()
    token = next(word for word in words if len(word) == 43)
    with watched(house, words[-1].strip('"')) as client:
        assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_in_the_place_of_its_digest_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        load({}, {"NAESIL_METRICS_TOKEN_SHA256": TOKEN})
    assert TOKEN not in str(refused.value)
