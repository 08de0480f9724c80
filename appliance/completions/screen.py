"""What the policy says to a prompt before it is admitted, and to a reply while it streams."""

from dataclasses import dataclass
from datetime import date

from appliance.completions.values import Ask
from appliance.core import Decision
from appliance.policy.decide import decide
from appliance.policy.documents import PolicySet
from appliance.protocol.messages import Turn


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision on an ask and, if it is permitted, the turns that the model may read."""

    decision: Decision
    turns: tuple[Turn, ...]
    last_turn: dict[str, int]


def check_prompt(policy: PolicySet, ask: Ask, today: date) -> Checked:
    """Decide on an ask as a whole: who asks, for what, with which personal data in it."""
    return Checked(decide(policy, ask.principal, ask.permission), ask.turns, {})


class Screen:
    """One reply on its way to the reader."""

    def __init__(self, policy: PolicySet, today: date) -> None:
        self.detections: dict[str, int] = {}

    def feed(self, text: str) -> str:
        return text

    def finish(self) -> str:
        return ""
