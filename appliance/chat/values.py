"""Conversations as their owner sees them: opened texts, frozen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from appliance.chat.tree import ALONE, Branch
from appliance.core import DataClass


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation in the list. `folder` is empty for none."""

    id: str
    title: str
    updated_at: datetime
    pinned: bool = False
    archived: bool = False
    folder: str = ""
    data_class: DataClass = DataClass.OPEN


@dataclass(frozen=True, slots=True)
class Screened:
    """Where in a question something was found, and what came of it: `hidden` from the model, or not.

    Offsets count from the question's own text; below 0 it was found in a file beside it.
    """

    start: int
    end: int
    kind: str
    action: str
    rules: tuple[str, ...]
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file beside a question. `unit`: what its parts are called, empty for a text without parts.

    `used` of its `characters` go to the model, `shown` whole parts of `total`; `whole`: all of them.
    """

    id: str
    name: str
    kind: str
    unit: str
    size: int
    sha256: str
    characters: int
    used: int
    shown: int
    total: int
    whole: bool


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
    screened: tuple[Screened, ...] = ()
    branch: Branch = ALONE
    reasoning: str = ""
    reasoning_s: float = 0.0
    maker: str = ""
    attachments: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person goes on with a message that a rule held back: masked, or as it is for a reason."""

    way: Literal["", "masked", "as_is"] = ""
    reason: str = ""


UNDECIDED = Choice()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One branch of a conversation, oldest message first."""

    id: str
    title: str
    messages: tuple[Message, ...]
    pinned: bool = False
    archived: bool = False
    folder: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    data_class: DataClass = DataClass.OPEN
    maker: str = ""

    @property
    def running(self) -> Message | None:
        """The answer that is still being made, if there is one."""
        last = self.messages[-1] if self.messages else None
        return last if last is not None and last.state == "running" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """Conversations that are gone, and how many keys with them; messages are counted for a whole person."""

    conversations: int
    messages: int = 0
    keys: int


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a sent message went. A retry under the same client id gets the same three ids."""

    conversation_id: str
    user_message_id: str
    answer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for: a new question, an old one in other words, or another answer.

    `conversation_id` None begins a conversation. `instead_of` names the question that `text`
    replaces, or with `again` the answer that another one should stand beside. `client_id` is a
    UUID made by the page: the same wish sent again is answered once. `maker`: the id of a setting or an
    assistant, empty for what the conversation has. `beside`: while another answer to it is made.
    `data_class`: at least this from now on. `attachments`: ids of files that wait here.
    """

    conversation_id: str | None
    client_id: str
    request_id: str
    text: str = ""
    instead_of: str = ""
    again: bool = False
    choice: Choice = UNDECIDED
    data_class: DataClass = DataClass.OPEN
    maker: str = ""
    beside: bool = False
    attachments: tuple[str, ...] = ()
