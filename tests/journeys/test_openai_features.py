"""Tools, structured output, odds, several answers, vectors and tokens, through the official client."""

import base64
import json
import struct
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel, Field

from tests.journeys.product import Product

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
PARIS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=120)
    hobbies: list[str] = Field(max_length=2)


@pytest.fixture
def client(product: Product, api_key: str) -> OpenAI:
    return OpenAI(base_url=f"{product.url}/v1", api_key=api_key, max_retries=0)


@pytest.fixture
def model(client: OpenAI) -> str:
    return client.models.list().data[0].id


def test_a_required_call_has_valid_arguments_and_its_result_is_answered(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=PARIS, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=96
    )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city", "unit"}
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "22 degrees, sunny"}
    spoken: Any = choice.message.model_dump(exclude_none=True)
    after = client.chat.completions.create(
        model=model, messages=[*PARIS, spoken, result], tools=[WEATHER], temperature=0, max_tokens=24
    )
    assert after.choices[0].message.content


def test_a_named_call_streams_by_index_and_equals_the_whole_one(client: OpenAI, model: str) -> None:
    named: Any = {"type": "function", "function": {"name": "get_weather"}}
    asked: Any = {
        "model": model, "messages": PARIS, "tools": [WEATHER], "tool_choice": named,
        "temperature": 0.8, "seed": 5, "max_tokens": 96,
    }  # fmt: skip
    whole = client.chat.completions.create(**asked).choices[0].message.tool_calls
    assert whole is not None
    chunks = list(client.chat.completions.create(**asked, stream=True))
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert {call.index for call in calls} == {0}
    assert calls[0].function is not None
    assert (calls[0].function.name, calls[0].type) == ("get_weather", "function")
    streamed = "".join(call.function.arguments or "" for call in calls if call.function)
    assert streamed == whole[0].function.arguments
    assert len(calls) >= 2
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_pydantic_class_is_what_comes_back(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "Bob is 42 and likes chess. Describe him."}],
        response_format=Person,
        temperature=1.0,
        seed=3,
        max_tokens=256,
    )
    person = answer.choices[0].message.parsed
    assert isinstance(person, Person)
    assert 0 <= person.age <= 120


def test_any_json_object_is_enforced_too(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Say hello."}],
        response_format={"type": "json_object"},
        temperature=0,
        max_tokens=64,
    )
    text = str(answer.choices[0].message.content)
    assert text.lstrip().startswith("{")
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "http://example.com/x"}}},
        {"type": "string", "pattern": "^(a+)+$"},
        {"type": "array", "minItems": 10**9},
        {"anyOf": [{"type": "object", "properties": {str(n): {"type": "string"}}} for n in range(6000)]},
    ],
    ids=["recursive", "elsewhere", "pattern", "endless", "huge"],
)
def test_a_schema_that_cannot_be_enforced_is_refused_with_its_reason(
    client: OpenAI, model: str, schema: dict[str, Any]
) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, messages=PARIS, response_format=form)
    assert caught.value.param == "response_format.json_schema.schema"


def test_odds_come_with_every_token_and_match_the_text(client: OpenAI, model: str) -> None:
    asked: Any = {
        "model": model, "messages": PARIS, "temperature": 0, "max_tokens": 12,
        "logprobs": True, "top_logprobs": 3,
    }  # fmt: skip
    choice = client.chat.completions.create(**asked).choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    odds = choice.logprobs.content
    assert (
        b"".join(bytes(one.bytes or ()) for one in odds).decode("utf-8", "ignore") == choice.message.content
    )
    assert all(one.logprob <= 0 and len(one.top_logprobs) == 3 for one in odds)
    assert all(one.top_logprobs[0].token == one.token for one in odds)
    streamed = [
        one.token
        for chunk in client.chat.completions.create(**asked, stream=True)
        for part in chunk.choices
        if part.logprobs
        for one in part.logprobs.content or ()
    ]
    assert streamed == [one.token for one in odds]


def test_several_answers_with_a_seed_differ_and_reproduce(client: OpenAI, model: str) -> None:
    def ask() -> list[str]:
        answer = client.chat.completions.create(
            model=model, messages=PARIS, temperature=1.2, seed=11, n=3, max_tokens=16
        )
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        return [str(choice.message.content) for choice in answer.choices]

    first = ask()
    assert len(set(first)) > 1
    assert ask() == first


def test_a_banned_token_never_comes_and_a_forced_one_always(
    client: OpenAI, model: str, product: Product, api_key: str
) -> None:
    found = httpx.post(
        f"{product.url}/tokenize", json={"content": " yes"}, headers={"Authorization": f"Bearer {api_key}"}
    ).json()["tokens"]
    assert len(found) == 1
    answer = client.chat.completions.create(
        model=model, messages=PARIS, temperature=0, max_tokens=4, logit_bias={str(found[0]): 100}
    )
    assert answer.choices[0].message.content == " yes" * 4


def test_han_characters_are_never_picked_when_only_korean_is_wanted(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Write 中国 five times."}],
        temperature=1.5,
        seed=1,
        max_tokens=64,
        extra_body={"korean_only": True},
    )
    assert not any("\u3400" <= letter <= "\u9fff" for letter in str(answer.choices[0].message.content))


def test_vectors_are_normalised_and_alike_in_both_encodings(client: OpenAI, model: str) -> None:
    texts = ["The cat sits on the mat.", "A kitten sits on a rug.", "Quarterly revenue grew by ten percent."]
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    coded = client.embeddings.create(model=model, input=texts)  # the client asks for base64 by itself
    assert [one.index for one in plain.data] == [0, 1, 2]
    vectors = [one.embedding for one in plain.data]
    assert [one.embedding for one in coded.data] == vectors
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-5 for vector in vectors)
    near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert near > far
    assert plain.usage.prompt_tokens > 15


def test_base64_vectors_are_little_endian_float32(
    client: OpenAI, model: str, product: Product, api_key: str
) -> None:
    body = {"model": model, "input": "hello", "encoding_format": "base64"}
    answer = httpx.post(
        f"{product.url}/v1/embeddings", json=body, headers={"x-api-key": api_key}, timeout=60
    ).json()
    raw = base64.b64decode(answer["data"][0]["embedding"])
    assert (
        list(struct.unpack(f"<{len(raw) // 4}f", raw))
        == client.embeddings.create(model=model, input="hello").data[0].embedding
    )


def test_a_text_is_continued_with_echo_and_tokens_come_back(client: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "prompt": "One, two, three,", "temperature": 0, "max_tokens": 6}
    whole = client.completions.create(**asked, echo=True)
    assert whole.choices[0].text.startswith("One, two, three,")
    streamed = "".join(
        choice.text for chunk in client.completions.create(**asked, stream=True) for choice in chunk.choices
    )
    assert "One, two, three," + streamed == whole.choices[0].text
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**asked, suffix="end")
    assert caught.value.param == "suffix"


def test_tokens_texts_and_prompts_turn_into_each_other(product: Product, api_key: str) -> None:
    with httpx.Client(base_url=product.url, headers={"Authorization": f"Bearer {api_key}"}) as http:
        tokens = http.post("/tokenize", json={"content": "안녕하세요 world"}).json()["tokens"]
        assert http.post("/detokenize", json={"tokens": tokens}).json()["content"] == "안녕하세요 world"
        prompt = http.post("/apply-template", json={"messages": PARIS}).json()["prompt"]
        assert prompt.endswith("<|im_start|>assistant\n")
        assert http.post("/v1/tokenize", json={"content": "x"}).status_code == 200
        nobody = httpx.post(f"{product.url}/tokenize", json={"content": "x"})
        assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "authentication_error")


def test_a_request_id_comes_back_and_limits_are_told(product: Product, api_key: str) -> None:
    headers = {"Authorization": f"Bearer {api_key}", "x-request-id": "my-id-1"}
    answer = httpx.get(f"{product.url}/v1/models", headers=headers)
    assert answer.headers["x-request-id"] == "my-id-1"
    assert int(answer.headers["x-ratelimit-remaining-requests"]) <= int(
        answer.headers["x-ratelimit-limit-requests"]
    )
    assert answer.json()["data"][0]["meta"]["licence"]
