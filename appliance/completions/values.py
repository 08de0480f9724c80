"""What goes into a completion and what comes out of it: frozen values, no behaviour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from appliance.core import Decision, Permission, Principal, Target, Usage
from appliance.protocol.messages import NO_TOOLS, Hello, Sampling, Tools, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A wish for one answer, before anybody has looked at whether it may be had.

    `object` names what is acted on ("conversation:<id>", "api:chat"); `subject_id` is whose
    data the text is. `trim` allows the oldest turns to be left out when all do not fit.
    `prefix_turns`, `prefix_scope`: leading turns that come again with other asks, and who shares
    what the model remembers of them: PUBLIC for an administrator's text, else one user's scope.
    `form`: "chat" turns go through the chat template; "text" is one turn whose content is the
    prompt as it stands; "vectors" are texts to embed, one a turn. `own_replies`: the assistant's
    turns were made and screened here; a caller's own are looked at like any other.
    `enclosed`: leading characters of the newest turn that come from files, which no limit of a message
    counts, and from after which spans are told. `template_values`: a JSON object for the chat template.
    `new_from`: the first turn that nobody decided on before; `released`: older turns that were sent
    as they are for a stated reason. `choice`: how the person wants to go on when the text is held
    back, "masked" or "as_is" with a `stated_reason`. `target`: what policies can tell apart; admission
    fills in the model's name and raises the class to the lowest that the policy has for this person.
    """

    principal: Principal
    permission: Permission
    turns: tuple[Turn, ...]
    sampling: Sampling
    request_id: str
    object: str
    subject_id: str
    cache_scope: str = ""
    prefix_turns: int = 0
    prefix_scope: str = ""
    trim: bool = False
    priority: Literal["interactive", "batch"] = "interactive"
    form: Literal["chat", "text", "vectors"] = "chat"
    own_replies: bool = False
    tools: Tools = NO_TOOLS
    template_values: str = ""
    enclosed: int = 0
    new_from: int = 0
    released: frozenset[int] = frozenset()
    choice: str = ""
    stated_reason: str = ""
    target: Target = field(default_factory=Target)


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a text something was found that a rule acts on; offsets in characters, below 0 in a file
    before it.

    `hidden`: the model read a mask in its place.
    """

    start: int
    end: int
    kind: str
    action: str
    rules: tuple[str, ...]
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An ask that was allowed and whose entry is durable. Only `Completions.admit` makes one.

    `turns` and `tools` are what the model will read: personal data masked as the policy says.
    `last_turn` counts what was masked in the newest turn, by kind, and `spans` says where something
    was found in it; `max_tokens` is the limit
    of the answer that policy and request agree on, `most_running` how many answers of this person
    are made at the same time, `most_context` how many tokens prompt and answer may have together
    (0: as many as the model takes).
    """

    answer_id: str
    ask: Ask
    turns: tuple[Turn, ...]
    tools: Tools
    decision: Decision
    last_turn: dict[str, int]
    spans: tuple[Span, ...]
    model: Hello
    weight: float
    most_running: int
    max_tokens: int
    most_context: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How an answer ended: its parts as the reader saw them, and what it cost.

    `reason` is Finished.reason or Failed.code of the runtime's last word, or "lost" when the
    product itself stopped. Durations in seconds; `work_s` is what the model spent on it. `calls` are
    the names and JSON arguments of tool calls. `found` counts what was masked or blocked by detector
    and level; `first_token_s` is how long the reader waited for the first word, None without one.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    state: Literal["done", "stopped", "failed"] = "failed"
    reason: str = "lost"
    usage: Usage = field(default_factory=Usage)
    dropped_turns: int = 0
    decode_s: float = 0.0
    work_s: float = 0.0
    reasoning_s: float = 0.0
    detections: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    first_token_s: float | None = None

    @property
    def spoken(self) -> str:
        """Everything that was said, as the log commits to it: the text alone where there is no more."""
        calls = [f"{name}({arguments})" for name, arguments in self.calls]
        return "\n\n".join(part for part in (self.reasoning, self.text, *calls) if part)


StorePrompt = Callable[[Session, Admitted], None]
StoreReply = Callable[[Session, str, Reply], None]


def nothing_to_store(*_: object) -> None:
    """For callers that keep no conversation (the API)."""
