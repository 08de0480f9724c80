"""Turns and tools as chat templates expect them, and in plain words for templates that know no tools."""

import json
from collections.abc import Sequence
from typing import Any

from appliance.protocol.messages import Call, Tool, Turn
from appliance.runtime.calls import CLOSE, OPEN

INSTRUCTION = """You can call these functions, described as JSON:
<tools>
%(tools)s
</tools>
To call one, answer with nothing but its name and arguments as JSON between tags:
%(open)s
{"name": "function name", "arguments": {"argument": "value"}}
%(close)s
The result comes in the next message. Call a function only if it helps; otherwise answer yourself."""


def message(turn: Turn) -> dict[str, Any]:
    """A turn as Hugging Face's templates know it."""
    shown: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.calls:
        shown["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call)},
            }
            for call in turn.calls
        ]
    if turn.reasoning:
        shown["reasoning_content"] = turn.reasoning
    if turn.role == "tool":
        shown |= {"tool_call_id": turn.call_id, "name": turn.name}
    return shown


def description(tool: Tool) -> dict[str, Any]:
    """A tool as OpenAI's API and Hugging Face's templates know it."""
    parameters = json.loads(tool.parameters) if tool.parameters else {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def in_plain_words(turns: Sequence[Turn], tools: Sequence[Tool]) -> list[Turn]:
    """The same conversation for a template without tools: the system's turn says what there is."""
    plain = [_plain(turn) for turn in turns]
    if not tools:
        return plain
    described = "\n".join(json.dumps(description(tool)["function"], ensure_ascii=False) for tool in tools)
    instruction = INSTRUCTION % {"tools": described, "open": OPEN, "close": CLOSE}
    if plain and plain[0].role == "system":
        return [Turn("system", f"{plain[0].content}\n\n{instruction}"), *plain[1:]]
    return [Turn("system", instruction), *plain]


def _plain(turn: Turn) -> Turn:
    if turn.role == "tool":
        return Turn("user", f"<tool_response>\n{turn.content}\n</tool_response>")
    values = [{"name": call.name, "arguments": _arguments(call)} for call in turn.calls]
    calls = [f"{OPEN}\n{json.dumps(value, ensure_ascii=False)}\n{CLOSE}" for value in values]
    return Turn(turn.role, "\n".join([*([turn.content] if turn.content else []), *calls]))


def _arguments(call: Call) -> Any:
    """As templates want them: decoded, or the text itself where it is no JSON."""
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments
