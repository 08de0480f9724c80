"""What the policy says to a prompt before it is admitted, and to a reply while it streams."""

from dataclasses import dataclass
from datetime import date

from appliance.completions.values import Ask
from appliance.core import Decision
from appliance.policy.decide import Masked, decide, mask
from appliance.policy.detectors.finding import Finding
from appliance.policy.detectors.scan import scan
from appliance.policy.model import Direction, PolicySet
from appliance.protocol.messages import Turn

MODEL_SPOKE = "assistant"


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision on an ask and, if it is permitted, the turns that the model may read.

    `last_turn` counts what was masked in the newest turn, by kind.
    """

    decision: Decision
    turns: tuple[Turn, ...]
    last_turn: dict[str, int]


def check_prompt(policy: PolicySet, ask: Ask, today: date) -> Checked:
    """Decide on an ask as a whole: who asks, for what, with which personal data in it.

    Every turn but the model's own is looked at again each time: the policy may have changed
    since the conversation began. The model's turns were screened when they were made.
    """
    findings: list[Finding] = []
    masked: list[Masked] = []
    for turn in ask.turns:
        found = () if turn.role == MODEL_SPOKE else scan(turn.content, today, policy.dictionary)
        findings.extend(found)
        masked.append(mask(turn.content, found, policy, Direction.PROMPT))
    decision = decide(policy, ask.principal, ask.permission, findings)
    turns = tuple(Turn(turn.role, shown.text) for turn, shown in zip(ask.turns, masked, strict=True))
    return Checked(decision, turns, masked[-1].detections if masked else {})
