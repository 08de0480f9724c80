"""The OpenAPI document is true: whatever it allows is answered as it says, the rest refused as it says."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import InvalidSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.http.api_house import MODEL, ApiHouse

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = (
    "POST /chat/completions",
    "POST /completions",
    "POST /embeddings",
    "GET /models",
    "GET /models/{name}",
    "POST /responses",
    "POST /messages",
    "POST /messages/count_tokens",
    "POST /tokenize",
    "POST /detokenize",
    "POST /apply-template",
)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiHouse]:
    house = ApiHouse()
    yield house
    house.close()


@pytest.fixture(scope="module")
def operations(api: ApiHouse) -> dict[str, Any]:
    """What the document describes, by method and path."""
    document = schemathesis.openapi.from_asgi("/v1/openapi.json", api.app(), headers={"Host": "localhost"})
    found: list[Any] = [result.ok() for result in document.get_all_operations()]  # type: ignore[union-attr]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


def test_the_document_describes_every_endpoint(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_endpoint_does_what_the_document_says(
    operations: dict[str, Any], api: ApiHouse, name: str, mode: GenerationMode
) -> None:
    if name == "GET /models" and mode is GenerationMode.NEGATIVE:
        return  # it takes nothing that could be wrong
    headers = {"Authorization": f"Bearer {api.key}", "Host": "localhost"}

    @BOUNDED
    @given(case=operations[name].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        api.clock.advance(60)
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODEL
        statuses[case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

    statuses: Counter[int] = Counter()
    try:
        ask()
    except InvalidSchema:  # now and then the generator finds no way to break a nested list
        assert mode is GenerationMode.NEGATIVE
    if mode is GenerationMode.POSITIVE and name != "GET /models/{name}":
        assert statuses[200]  # it did get past the door
