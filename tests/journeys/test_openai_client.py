"""The official OpenAI client, pointed at the product by nothing but base_url and key."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.journeys.product import Product

QUESTION = "Name three colours of the rainbow."


@pytest.fixture
def client(product: Product, api_key: str) -> OpenAI:
    return OpenAI(base_url=f"{product.url}/v1", api_key=api_key, max_retries=0)


@pytest.fixture
def model(client: OpenAI) -> str:
    return client.models.list().data[0].id


def ask(client: OpenAI, model: str, text: str = QUESTION, **more: int) -> ChatCompletion:
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        temperature=0,
        max_tokens=more.get("max_tokens", 24),
    )


def test_the_listed_model_answers_and_counts_its_tokens(client: OpenAI, model: str) -> None:
    answer = ask(client, model)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streamed_and_whole_answers_are_the_same_text(client: OpenAI, model: str) -> None:
    whole = ask(client, model).choices[0].message.content
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=24,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None


def test_a_seed_reproduces_a_sampled_answer(client: OpenAI, model: str) -> None:
    answers = {
        client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": QUESTION}],
            temperature=0.9,
            seed=7,
            max_tokens=16,
        )
        .choices[0]
        .message.content
        for _ in range(2)
    }
    assert len(answers) == 1


def test_sixteen_at_once_all_finish_with_their_own_answers(client: OpenAI, model: str) -> None:
    prompts = [f"Repeat only this word: {word}" for word in WORDS]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda prompt: ask(client, model, prompt), prompts))
    assert len({answer.id for answer in answers}) == 16
    assert all(answer.choices[0].message.content for answer in answers)
    texts = [str(answer.choices[0].message.content).lower() for answer in answers]
    own = sum(word in text for word, text in zip(WORDS, texts, strict=True))
    foreign = sum(
        other in text for word, text in zip(WORDS, texts, strict=True) for other in WORDS if other != word
    )
    assert own >= 12
    assert foreign == 0


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Count: one, two, three, four, five."}],
        temperature=0,
        max_tokens=48,
        stop=["three"],
    )
    assert "three" not in str(answer.choices[0].message.content)


def test_a_wrong_key_is_an_authentication_error(product: Product) -> None:
    stranger = OpenAI(base_url=f"{product.url}/v1", api_key="nae_wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(client, "somebody-elses-model")


def test_a_parameter_that_is_not_supported_is_named(client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": QUESTION}], modalities=["audio"]
        )
    assert caught.value.param == "modalities.0"


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, "word " * 20_000)
    assert caught.value.type == "exceed_context_size_error"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["n_prompt_tokens"] > caught.value.body["n_ctx"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "m", "messages": []}',
        b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "m", "messages": [{"role": "wizard", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": -1}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "spell": 1}',
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_a_malformed_request_gets_the_one_error_shape(product: Product, api_key: str, body: bytes) -> None:
    answer = httpx.post(
        f"{product.url}/v1/chat/completions",
        content=body,
        headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in answer.text


WORDS = (
    "apple",
    "bridge",
    "candle",
    "dragon",
    "eagle",
    "forest",
    "garden",
    "hammer",
    "island",
    "jacket",
    "kettle",
    "lemon",
    "mirror",
    "needle",
    "orange",
    "pencil",
)
