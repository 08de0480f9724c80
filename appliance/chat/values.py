"""Conversations as their owner sees them: opened texts, frozen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    id: str
    title: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. For an answer: `state` is running, done, stopped or failed, `reason` the
    runtime's word for its end; `detections` counts what was masked, by detector type."""

    id: str
    role: str
    text: str
    state: str
    reason: str
    prompt_tokens: int
    completion_tokens: int
    dropped_turns: int
    decode_s: float
    detections: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person goes on with a message that a rule held back: masked, or as it is for a reason."""

    way: Literal["", "masked", "as_is"] = ""
    reason: str = ""


UNDECIDED = Choice()


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    messages: tuple[Message, ...]

    @property
    def running(self) -> Message | None:
        """The answer that is still being made, if there is one."""
        last = self.messages[-1] if self.messages else None
        return last if last is not None and last.state == "running" else None


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a sent message went. A retry under the same client id gets the same three ids."""

    conversation_id: str
    user_message_id: str
    answer_id: str
