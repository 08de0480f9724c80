"""What the policy says to a prompt before it is admitted: all that the caller wrote, tools included."""

from dataclasses import dataclass
from datetime import date

import msgspec

from appliance.completions.values import Ask
from appliance.core import Decision
from appliance.policy.decide import decide, mask
from appliance.policy.detectors.finding import Finding
from appliance.policy.detectors.scan import scan
from appliance.policy.model import Direction, PolicySet
from appliance.protocol.messages import Call, Tool, Tools, Turn

MODEL_SPOKE = "assistant"


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision on an ask and, if it is permitted, what the model may read.

    `last_turn` counts what was masked in the newest turn, by kind.
    """

    decision: Decision
    turns: tuple[Turn, ...]
    tools: Tools
    last_turn: dict[str, int]


def check_prompt(policy: PolicySet, ask: Ask, today: date) -> Checked:
    """Decide on an ask as a whole: who asks, for what, with which personal data in it.

    Every turn is looked at again each time: the policy may have changed since the conversation
    began. Only the turns that this product's model spoke were screened when they were made.
    """
    reader = _Reader(policy, today)
    turns = tuple(
        turn if ask.own_replies and turn.role == MODEL_SPOKE else reader.turn(turn) for turn in ask.turns
    )
    last_turn = reader.last
    tools = reader.tools(ask.tools)
    reader.text(ask.template_values)
    decision = decide(policy, ask.principal, ask.permission, reader.findings)
    return Checked(decision, turns, tools, last_turn)


class _Reader:
    """Masks texts and collects what was found in them; `last`: in the last turn, by kind."""

    def __init__(self, policy: PolicySet, today: date) -> None:
        self._policy = policy
        self._today = today
        self.findings: list[Finding] = []
        self.last: dict[str, int] = {}

    def text(self, text: str) -> str:
        found = scan(text, self._today, self._policy.dictionary)
        self.findings.extend(found)
        masked = mask(text, found, self._policy, Direction.PROMPT)
        self.last = masked.detections
        return masked.text

    def turn(self, turn: Turn) -> Turn:
        calls = tuple(Call(call.id, call.name, self.text(call.arguments)) for call in turn.calls)
        reasoning = self.text(turn.reasoning) if turn.reasoning else ""
        content = self.text(turn.content)
        return msgspec.structs.replace(turn, content=content, calls=calls, reasoning=reasoning)

    def tools(self, tools: Tools) -> Tools:
        if not tools.offered:
            return tools
        offered = tuple(
            Tool(tool.name, self.text(tool.description), self.text(tool.parameters), tool.strict)
            for tool in tools.offered
        )
        return msgspec.structs.replace(tools, offered=offered)
