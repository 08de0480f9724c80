"""What the parameters of POST /v1/chat/completions mean for the model, before any model is asked."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from appliance.http.api.bodies import IGNORED
from appliance.http.api.chat_bodies import ChatCompletionRequest

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "write")]


def request(**fields: Any) -> ChatCompletionRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "안녕"}], **fields}
    return ChatCompletionRequest.model_validate_json(json.dumps(body))


@pytest.mark.parametrize(
    ("effort", "tokens"),
    [("none", 0), ("minimal", 256), ("low", 1024), ("medium", 4096), ("high", None), ("xhigh", None)],
)
def test_an_effort_bounds_the_reasoning_and_reaches_the_template(effort: str, tokens: int | None) -> None:
    asked = request(reasoning_effort=effort)
    assert asked.sampling().reasoning_tokens == tokens
    values = json.loads(asked.values())
    assert values["reasoning_effort"] == effort
    assert values.get("enable_thinking", True) is (effort != "none")


def test_values_for_the_template_go_before_the_effort_and_the_budget_is_not_one_of_them() -> None:
    asked = request(
        reasoning_effort="high",
        chat_template_kwargs={"thinking_budget": 7, "reasoning_effort": "low", "x": 1},
    )
    assert asked.sampling().reasoning_tokens == 7
    assert json.loads(asked.values()) == {"reasoning_effort": "low", "x": 1}
    assert request(chat_template_kwargs={"enable_thinking": False}).sampling().reasoning_tokens == 0
    with pytest.raises(ValidationError, match="thinking_budget"):
        request(chat_template_kwargs={"thinking_budget": -1})


def test_a_developer_is_the_system_and_parts_are_one_text() -> None:
    parts = [{"type": "text", "text": "짧게"}, {"type": "text", "text": " 답하세요."}]
    turns = request(
        messages=[
            {"role": "developer", "content": parts},
            {"role": "user", "content": "안녕"},
            {"role": "assistant", "content": "네", "reasoning": "인사다"},
            {"role": "user", "content": "또"},
        ]
    ).turns()
    assert (turns[0].role, turns[0].content) == ("system", "짧게 답하세요.")
    assert turns[2].reasoning == "인사다"


def test_the_newer_name_of_the_limit_goes_before_the_older() -> None:
    assert request(max_tokens=9).sampling().max_tokens == 9
    assert request(max_tokens=9, max_completion_tokens=5).sampling().max_tokens == 5


def test_every_sampling_parameter_reaches_the_model_under_its_own_name() -> None:
    given = {
        "temperature": 0.5, "top_p": 0.6, "top_k": 7, "min_p": 0.1, "seed": 3, "presence_penalty": 0.2,
        "frequency_penalty": 0.3, "repeat_penalty": 1.1, "korean_only": True,
    }  # fmt: skip
    sampling = request(
        **given, stop=["끝", "."], logit_bias={"5": -100}, logprobs=True, top_logprobs=2
    ).sampling()
    assert {name: getattr(sampling, name) for name in given} == given
    assert (sampling.stop, sampling.logit_bias, sampling.logprobs) == (("끝", "."), {5: -100}, 2)
    assert request(stop="끝").sampling().stop == ("끝",)
    assert request(logprobs=True).sampling().logprobs == 0
    assert request().sampling().logprobs is None


@pytest.mark.parametrize(
    ("choice", "parallel", "wanted"),
    [
        (None, None, ("auto", "", True)),
        ("auto", False, ("auto", "", False)),
        ("none", None, ("none", "", True)),
        ("required", None, ("required", "", False)),
        ("required", True, ("required", "", True)),
        ({"type": "function", "function": {"name": "write"}}, True, ("required", "write", True)),
    ],
)
def test_which_tools_may_be_called_and_how_many(
    choice: Any, parallel: bool | None, wanted: tuple[str, str, bool]
) -> None:
    tools = request(tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel).offered()
    assert (tools.choice, tools.only, tools.parallel) == wanted
    assert [tool.name for tool in tools.offered] == ["look", "write"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tool_choice": "required"},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "read"}}},
        {"tools": [*TOOLS, TOOLS[0]]},
        {"top_logprobs": 2},
        {"stream_options": {"include_usage": True}},
        {"logit_bias": {"yes": 1}},
        {"temperature": "0.5"},
        {"grammar": "root ::= x"},
        {"audio": {}},
    ],
)
def test_what_does_not_fit_together_or_is_not_known_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**wrong)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_clients_send_as_a_matter_of_course_is_taken_and_changes_nothing(name: str) -> None:
    plain, with_it = request(), request(**{name: {"a": "b"}})
    assert with_it == plain
