"""What goes into a completion and what comes out of it: frozen values, no behaviour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from appliance.core import Decision, Permission, Principal, Usage
from appliance.protocol.messages import Hello, Sampling, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A wish for one answer, before anybody has looked at whether it may be had.

    `object` names what is acted on ("conversation:<id>", "api:chat"); `subject_id` is whose
    data the text is. `trim` allows the oldest turns to be left out when all do not fit.
    `prefix_turns`, `prefix_scope`: leading turns that come again with other asks, and who shares
    what the model remembers of them: PUBLIC for an administrator's text, else one user's scope.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An ask that was allowed and whose entry is durable. Only `Completions.admit` makes one.

    `turns` are what the model will read: personal data masked as the policy says.
    `last_turn` counts what was masked in the newest turn, by kind; `max_tokens` is the limit
    of the answer that policy and request agree on, `most_running` how many answers of this person
    are made at the same time.
    """

    answer_id: str
    ask: Ask
    turns: tuple[Turn, ...]
    decision: Decision
    last_turn: dict[str, int]
    model: Hello
    weight: float
    most_running: int
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How an answer ended: its text as the reader saw it, and what it cost.

    `reason` is Finished.reason or Failed.code of the runtime's last word, or "lost" when the
    product itself stopped. Durations in seconds.
    """

    text: str = ""
    state: Literal["done", "stopped", "failed"] = "failed"
    reason: str = "lost"
    usage: Usage = field(default_factory=Usage)
    dropped_turns: int = 0
    decode_s: float = 0.0
    detections: dict[str, int] = field(default_factory=dict)


StorePrompt = Callable[[Session, Admitted], None]
StoreReply = Callable[[Session, str, Reply], None]


def nothing_to_store(*_: object) -> None:
    """For callers that keep no conversation (the API)."""
