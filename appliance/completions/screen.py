"""What the policy says to a prompt before it is admitted: all that the caller wrote, tools included."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import msgspec

from appliance.completions.values import Ask, Span
from appliance.core import Decision, Outcome, Target
from appliance.errors import N_, ReasonNeeded
from appliance.policy.decide import decide
from appliance.policy.detectors.finding import Finding
from appliance.policy.detectors.scan import scan
from appliance.policy.model import Action, Direction, PolicySet
from appliance.policy.pseudonyms import Pseudonyms
from appliance.protocol.messages import Call, Tool, Tools, Turn

MODEL_SPOKE = "assistant"
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision on an ask and, if it is permitted, what the model may read.

    `last_turn` counts what was masked in the newest turn, by kind; `spans` says where in it
    something was found that a rule acts on. `offers` are the ways on that the person has when it
    was held back. `found` counts everything that was found in what is new, by detector and level.
    """

    decision: Decision
    turns: tuple[Turn, ...]
    tools: Tools
    last_turn: dict[str, int]
    spans: tuple[Span, ...]
    offers: frozenset[str]
    found: dict[str, int]


def check_prompt(policy: PolicySet, ask: Ask, today: date, target: Target) -> Checked:
    """Decide on an ask as a whole: who asks, for what, with which personal data in it.

    Every turn is looked at again each time: the policy may have changed since the conversation
    began. What is new is decided on; in older turns, which were decided on before, everything is
    masked that a rule holds back by now, but what their writer gave a reason for. Only the turns
    that this product's model spoke were screened when they were made.
    """
    reader = _Reader(policy, ask, today, target)
    turns = tuple(
        turn if ask.own_replies and turn.role == MODEL_SPOKE else reader.turn(turn, place)
        for place, turn in enumerate(ask.turns)
    )
    last_turn = reader.masked
    spans = tuple(
        replace(span, start=span.start - ask.enclosed, end=span.end - ask.enclosed) for span in reader.spans
    )
    tools = reader.tools(ask.tools)
    reader.text(ask.template_values)
    decision = decide(policy, ask.principal, ask.permission, reader.findings, target)
    offers = reader.offers(decision)
    found = Counter(f"{one.detector}.{one.level.name}" for one in reader.findings)
    decision = _chosen(ask, decision, offers, reader, spans)
    return Checked(decision, turns, tools, last_turn, spans, offers, dict(found))


def _chosen(
    ask: Ask, decision: Decision, offers: frozenset[str], reader: "_Reader", spans: tuple[Span, ...]
) -> Decision:
    """The decision after the person chose how to go on."""
    if ask.choice not in offers:
        return decision
    if ask.choice == "masked":
        return replace(decision, outcome=Outcome.MASKED)
    stated = " ".join(ask.stated_reason.split())
    if not 1 <= len(stated) <= LONGEST_REASON:
        raise ReasonNeeded(
            N_("Say in at most %(most)d characters why this must be sent as it is."),
            spans=tuple((span.start, span.end) for span in spans),
            offers=offers,
            most=LONGEST_REASON,
        )
    reason = f"{decision.reason} Sent as it is, because: {reader.without_findings(stated)}"
    return replace(decision, outcome=Outcome.WARNED, reason=reason)


class _Reader:
    """Masks texts and collects what was found in them; `masked` and `spans` are of the last text."""

    def __init__(self, policy: PolicySet, ask: Ask, today: date, target: Target) -> None:
        self._policy = policy
        self._rulings = policy.rulings(ask.principal, target.data_class)
        self._ask = ask
        self._today = today
        self._names = Pseudonyms()
        self._by_name = policy.parts.dlp.masks == "pseudonym"
        self.findings: list[Finding] = []
        self.masked: dict[str, int] = {}
        self.spans: list[Span] = []

    def text(self, text: str, *, new: bool = True, released: bool = False) -> str:
        """The text as the model may read it."""
        found = scan(text, self._today, self._policy.own)
        if new:
            self.findings.extend(found)
        counts: Counter[str] = Counter()
        self.spans = []
        parts: list[str] = []
        position = 0
        for one in found:
            name = self._names.name(one, text[one.start : one.end])
            ruling = self._rulings.of(Direction.PROMPT, one)
            if ruling.action is Action.ALLOW:
                continue
            hidden = self._hides(ruling.action, new=new, released=released)
            span = Span(one.start, one.end, one.type.value, ruling.action.value, ruling.rules, hidden)
            self.spans.append(span)
            if hidden:
                parts += (text[position : one.start], name if self._by_name else one.mask)
                position = one.end
                counts[one.type.value] += 1
        self.masked = dict(counts)
        return "".join(parts) + text[position:]

    def turn(self, turn: Turn, place: int) -> Turn:
        new, released = place >= self._ask.new_from, place in self._ask.released
        calls = tuple(Call(call.id, call.name, self.text(call.arguments, new=new)) for call in turn.calls)
        reasoning = self.text(turn.reasoning, new=new) if turn.reasoning else ""
        content = self.text(turn.content, new=new, released=released)
        return msgspec.structs.replace(turn, content=content, calls=calls, reasoning=reasoning)

    def tools(self, tools: Tools) -> Tools:
        if not tools.offered:
            return tools
        offered = tuple(
            Tool(tool.name, self.text(tool.description), self.text(tool.parameters), tool.strict)
            for tool in tools.offered
        )
        return msgspec.structs.replace(tools, offered=offered)

    def offers(self, decision: Decision) -> frozenset[str]:
        """How the person may go on when a rule holds the text back."""
        if decision.outcome not in (Outcome.BLOCKED, Outcome.ASKED):
            return frozenset()
        rulings = [self._rulings.of(Direction.PROMPT, one) for one in self.findings]
        if any(ruling.action is Action.BLOCK and ruling.final for ruling in rulings):
            return frozenset()
        return frozenset({"masked"} if decision.outcome is Outcome.BLOCKED else {"masked", "as_is"})

    def without_findings(self, text: str) -> str:
        """A text for the log: whatever was found in it is masked, whether a rule says so or not."""
        for one in reversed(scan(text, self._today, self._policy.own)):
            text = text[: one.start] + one.mask + text[one.end :]
        return text

    def _hides(self, action: Action, *, new: bool, released: bool) -> bool:
        if action is Action.ASK:
            return not (released or (new and self._ask.choice == "as_is"))
        return action in (Action.MASK, Action.BLOCK)
