"""A conversation and the list of them, as the templates print them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.chat.tree import Branch
from appliance.chat.values import Attached, ConversationSummary, Message
from appliance.errors import N_
from appliance.http import phrases
from appliance.http.markdown import parser, render
from appliance.http.nodes import Node
from appliance.http.view import SEOUL
from appliance.i18n import Translator
from appliance.policy.pseudonyms import Restorer

_AGES = (
    (0, N_("Today")),
    (1, N_("Yesterday")),
    (7, N_("Last 7 days")),
    (30, N_("Last 30 days")),
)
_OLDER = N_("Older")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message. `question`: for an answer, the text that asking again would send; `with_files`: that
    files were beside it."""

    id: str
    role: str
    state: str
    text: str
    nodes: list[Node]
    notice: str
    dropped: str
    masked: str
    pieces: list[tuple[str, bool]]
    speed: str
    question: str
    created_at: datetime
    branch: Branch
    reasoning: str
    thought: str
    files: list[tuple[Attached, str]]
    with_files: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Conversations of one folder or age, the one used last first."""

    label: str
    conversations: list[ConversationSummary]


@dataclass(frozen=True, slots=True)
class Listed:
    """The conversation list in the order it is shown."""

    pinned: list[ConversationSummary]
    folders: list[Group]
    by_age: list[Group]
    archived: list[ConversationSummary]

    def __bool__(self) -> bool:
        return bool(self.pinned or self.folders or self.by_age or self.archived)


def shown(messages: tuple[Message, ...], words: Translator, restorer: Restorer) -> list[Shown]:
    """The messages with their Markdown rendered, masked values given back, and notices in words."""
    made: list[Shown] = []
    question, with_files = "", False
    markdown = parser()
    for message in messages:
        nodes: list[Node] = []
        if message.role == "user":
            question, with_files = message.text, bool(message.attachments)
        else:
            nodes = render(restorer.whole(message.text), words, markdown)
        made.append(_shown(message, question, nodes, words, with_files=with_files))
    return made


def listed(conversations: list[ConversationSummary], now: datetime, words: Translator) -> Listed:
    """The list: pinned ones first, then folders by name, then by age, then the archive."""
    open_ones = [one for one in conversations if not one.archived]
    folders = sorted({one.folder for one in open_ones if one.folder and not one.pinned})
    return Listed(
        pinned=[one for one in open_ones if one.pinned],
        folders=[
            Group(name, [one for one in open_ones if one.folder == name and not one.pinned])
            for name in folders
        ],
        by_age=_by_age([one for one in open_ones if not one.pinned and not one.folder], now, words),
        archived=[one for one in conversations if one.archived],
    )


def _by_age(conversations: list[ConversationSummary], now: datetime, words: Translator) -> list[Group]:
    """Under Today, Yesterday and so on, as the calendar in Seoul has it."""
    groups: list[Group] = []
    for conversation in conversations:
        age = (now.astimezone(SEOUL).date() - conversation.updated_at.astimezone(SEOUL).date()).days
        label = words(next((label for limit, label in _AGES if age <= limit), _OLDER))
        if not groups or groups[-1].label != label:
            groups.append(Group(label, []))
        groups[-1].conversations.append(conversation)
    return groups


def _masked(message: Message, words: Translator) -> str:
    if message.screened:
        return "; ".join(phrases.screened(message.screened, words))
    return phrases.masked(message.detections, words)


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text cut where something was found in it: (piece, whether it was found)."""
    cut: list[tuple[str, bool]] = []
    position = 0
    for start, end in spans:
        cut += [(text[position:start], False), (text[start:end], True)]
        position = end
    return [*cut, (text[position:], False)]


def _shown(
    message: Message, question: str, nodes: list[Node], words: Translator, *, with_files: bool
) -> Shown:
    answer = message.role == "assistant"
    return Shown(
        id=message.id,
        role=message.role,
        state=message.state,
        text=message.text,
        nodes=nodes,
        notice=phrases.ending(message.state, message.reason, words) if answer else "",
        dropped=phrases.dropped(message.dropped_turns, words),
        masked="; ".join(phrases.screened(message.screened, words))
        or phrases.masked(message.detections, words),
        pieces=pieces(message.text, [(one.start, one.end) for one in message.screened if one.start >= 0]),
        speed=phrases.speed(message.completion_tokens, message.decode_s, words),
        question=question if answer else "",
        created_at=message.created_at,
        branch=message.branch,
        reasoning=message.reasoning,
        thought=phrases.thought(message.reasoning, message.reasoning_s, words),
        files=[(one, phrases.attached(one, words)) for one in message.attachments],
        with_files=with_files,
    )
