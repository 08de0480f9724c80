"""The Responses API, Anthropic's client, litellm and LangChain, pointed here by address and key alone."""

import json
import os
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import OpenAI
from pydantic import BaseModel, Field, SecretStr

from tests.journeys.product import Product

QUESTION = "Name three colours of the rainbow."
MODEL = "smollm2-135m-instruct"
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture
def client(product: Product, api_key: str) -> OpenAI:
    return OpenAI(base_url=f"{product.url}/v1", api_key=api_key, max_retries=0)


@pytest.fixture
def claude(product: Product, api_key: str) -> Anthropic:
    return Anthropic(base_url=product.url, api_key=api_key, max_retries=0)


def test_a_response_streams_the_same_text_as_the_whole_one(client: OpenAI) -> None:
    asked: Any = {"model": MODEL, "input": QUESTION, "temperature": 0, "max_output_tokens": 24}
    whole = client.responses.create(**asked)
    assert whole.output_text
    assert whole.status in ("completed", "incomplete")
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    events = list(client.responses.create(**asked, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text == whole.output_text


def test_a_response_calls_a_tool_and_reads_its_output(client: OpenAI) -> None:
    weather: Any = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}
    conversation: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    asked: Any = {"model": MODEL, "tools": [weather], "temperature": 0, "max_output_tokens": 64}
    with client.responses.stream(**asked, input=conversation, tool_choice="required") as stream:
        for _ in stream:
            pass
        (call,) = stream.get_final_response().output
    assert call.type == "function_call"
    assert set(json.loads(call.arguments)) == {"city"}
    conversation += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"},
    ]
    after = client.responses.create(**asked, input=conversation, tool_choice="none", instructions="Be brief.")
    assert after.output_text


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=120)


def test_a_response_can_be_a_pydantic_class(client: OpenAI) -> None:
    answer = client.responses.parse(
        model=MODEL, input="Bob is 42.", text_format=Person, temperature=0, max_output_tokens=96
    )
    assert isinstance(answer.output_parsed, Person)


def test_a_response_cannot_go_on_from_an_earlier_one(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"


def test_anthropics_client_reads_messages_streamed_and_whole(claude: Anthropic) -> None:
    asked: Any = {
        "model": MODEL, "max_tokens": 24, "system": "Be brief.", "extra_body": {"temperature": 0},
        "messages": [{"role": "user", "content": QUESTION}],
    }  # fmt: skip
    whole = claude.messages.create(**asked)
    assert whole.content[0].type == "text"
    assert whole.stop_reason in ("end_turn", "max_tokens")
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens
    counted = claude.messages.count_tokens(
        model=MODEL, system="Be brief.", messages=[{"role": "user", "content": QUESTION}]
    )
    assert counted.input_tokens == whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)


def test_anthropics_client_calls_tools_and_stops_where_told(claude: Anthropic) -> None:
    weather: Any = {"name": "get_weather", "description": "Weather of a city", "input_schema": WEATHER}
    asking: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    asked: Any = {"model": MODEL, "max_tokens": 64, "tools": [weather], "extra_body": {"temperature": 0}}
    with claude.messages.stream(**asked, messages=asking, tool_choice={"type": "any"}) as stream:
        called = stream.get_final_message()
    assert called.stop_reason == "tool_use"
    (use,) = called.content
    assert use.type == "tool_use"
    assert set(use.input) == {"city"}
    result: Any = {"type": "tool_result", "tool_use_id": use.id, "content": "22 degrees"}
    after = claude.messages.create(
        **asked,
        messages=[
            *asking,
            {"role": "assistant", "content": called.content},
            {"role": "user", "content": [result]},
        ],
        tool_choice={"type": "none"},
    )
    assert after.content
    counting = claude.messages.create(
        model=MODEL,
        max_tokens=48,
        extra_body={"temperature": 0},
        stop_sequences=["three"],
        messages=[{"role": "user", "content": "Repeat exactly: one two three four"}],
    )
    assert counting.stop_reason == "stop_sequence"
    assert counting.stop_sequence == "three"


def test_anthropics_client_knows_our_errors(claude: Anthropic) -> None:
    asked: Any = {"max_tokens": 8, "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="another", **asked)
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(model=MODEL, max_tokens=0, messages=asked["messages"])
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    with pytest.raises(anthropic.AuthenticationError):
        claude.with_options(api_key="nae_wrong").messages.create(model=MODEL, **asked)


def test_litellm_speaks_to_us(product: Product, api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # otherwise it would ask the internet
    import litellm  # noqa: PLC0415 - it reads the environment when it is imported

    litellm.telemetry = False
    asked: Any = {
        "model": f"openai/{MODEL}", "base_url": f"{product.url}/v1", "api_key": api_key,
        "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 24,
    }  # fmt: skip
    whole: Any = litellm.completion(**asked)
    text = whole.choices[0].message.content
    assert text
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, stream=True)
    )
    assert streamed == text
    with pytest.raises(litellm.exceptions.AuthenticationError):
        litellm.completion(**(asked | {"api_key": "nae_wrong"}))


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"22 degrees in {city}"


def test_langchain_chats_streams_calls_and_structures(product: Product, api_key: str) -> None:
    os.environ.pop("OPENAI_API_KEY", None)
    chat = ChatOpenAI(
        model=MODEL, base_url=f"{product.url}/v1", api_key=SecretStr(api_key), temperature=0, max_retries=0,
        max_completion_tokens=48, stream_usage=True,
    )  # fmt: skip
    whole = chat.invoke(QUESTION)
    assert whole.content
    assert whole.usage_metadata is not None
    assert "".join(str(chunk.content) for chunk in chat.stream(QUESTION)) == whole.content
    called = chat.bind_tools([get_weather], tool_choice="get_weather").invoke("Weather in Paris?")
    assert [call["name"] for call in called.tool_calls] == ["get_weather"]
    person = chat.with_structured_output(Person, method="json_schema").invoke("Bob is 42.")
    assert isinstance(person, Person)
    vectors = OpenAIEmbeddings(
        model=MODEL,
        base_url=f"{product.url}/v1",
        api_key=SecretStr(api_key),
        check_embedding_ctx_length=False,
    ).embed_documents(["one", "two"])
    assert len(vectors) == 2
