"""Assistants: instructions, model and sampling under a name; the house's, and a person's own.

The house's are made by administrators, plain on disk and shared with everybody or some groups: their
instructions are the only text whose KV cache users share (PUBLIC). A person's own are sealed under
their key and nobody else's to see. What is not shared with somebody reads as missing.
"""

from dataclasses import dataclass, replace

import msgspec
from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat import preset_store as store
from appliance.clock import Clock
from appliance.core import DataClass, Outcome, Permission, Principal, Target
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

KIND = "assistant"
COLOURS = ("grey", "blue", "green", "amber", "red", "violet")
MAX_NAME, MAX_DESCRIPTION, MAX_INSTRUCTIONS, MAX_STARTER, MAX_STARTERS = 60, 300, 20_000, 200, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantDraft:
    """What an assistant is made of. `model` empty: whichever is loaded. `max_tokens` 0: the policy's
    limit. `groups` empty: everybody, for one of the house's."""

    name: str
    instructions: str
    description: str = ""
    letter: str = ""
    colour: str = "grey"
    model: str = ""
    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 0
    starters: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    data_class: DataClass = DataClass.OPEN


@dataclass(frozen=True, slots=True)
class Assistant:
    """An assistant that is kept. `owner` is empty for the house's."""

    id: str
    owner: str
    made_of: AssistantDraft

    @property
    def public(self) -> bool:
        """Whether an administrator made it, so that its instructions may be shared."""
        return self.owner == store.HOUSE

    @property
    def letter(self) -> str:
        return self.made_of.letter or self.made_of.name[:1]


class Assistants:
    """The service. Every method is one short transaction."""

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, clock: Clock, policy: ActivePolicy
    ) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._policy = policy

    def visible(self, principal: Principal) -> list[Assistant]:
        """The house's that are shared with this person, then their own."""
        with self._database.read() as session:
            rows = store.of_owner(session, KIND, store.HOUSE)
            shared = [one for one in self._opened(session, rows) if self._may(principal, one)]
            return shared + self._opened(session, store.of_owner(session, KIND, principal.user_id))

    def own(self, principal: Principal) -> list[Assistant]:
        """Those that this person made."""
        with self._database.read() as session:
            return self._opened(session, store.of_owner(session, KIND, principal.user_id))

    def house(self) -> list[Assistant]:
        """All of the house's, for the console."""
        with self._database.read() as session:
            return self._opened(session, store.of_owner(session, KIND, store.HOUSE))

    def get(self, principal: Principal, assistant_id: str) -> Assistant:
        """One that this person may use. NotFound for a missing one and for one not shared with them."""
        with self._database.read() as session:
            return self.get_in(session, principal, assistant_id)

    def get_in(self, session: Session, principal: Principal, assistant_id: str) -> Assistant:
        """The same in the caller's transaction."""
        row = store.get(session, KIND, assistant_id)
        if row is None or row.owner not in (store.HOUSE, principal.user_id):
            raise missing()
        assistant = self._assistant(session, row)
        if assistant.public and not self._may(principal, assistant):
            raise missing()
        return assistant

    def save(
        self, principal: Principal, made_of: AssistantDraft, *, house: bool, assistant_id: str = ""
    ) -> str:
        """Keep a new one, or change that of this id; its id. Who may, the caller has asked the policy.

        Raises InvalidInput for what cannot be kept, Conflict for a taken name, NotFound.
        """
        made_of = _checked(made_of)
        owner = store.HOUSE if house else principal.user_id
        with self._database.write() as session:
            rows = store.of_owner(session, KIND, owner)
            others = [one for one in self._opened(session, rows) if one.id != assistant_id]
            if any(one.made_of.name == made_of.name for one in others):
                raise Conflict(
                    N_("There is already an assistant called '%(name)s'."), field="name", name=made_of.name
                )
            row = _owned(session, owner, assistant_id) if assistant_id else self._new(session, owner)
            row.groups, row.updated_at = sorted(made_of.groups), self._clock.now()
            store.write(session, self._vault, row, msgspec.json.encode(made_of), sealed=not house)
            action = AuditAction.ASSISTANT_CHANGED if assistant_id else AuditAction.ASSISTANT_CREATED
            self._audit.append(session, entry(action, principal, row.id, owner))
            return row.id

    def remove(self, principal: Principal, assistant_id: str, *, house: bool) -> None:
        """Take it away. What was said with it stays."""
        owner = store.HOUSE if house else principal.user_id
        with self._database.write() as session:
            session.delete(_owned(session, owner, assistant_id))
            self._audit.append(session, entry(AuditAction.ASSISTANT_REMOVED, principal, assistant_id, owner))

    def record_use(self, session: Session, principal: Principal, assistant_id: str) -> None:
        """Note that an answer is made with it, in the transaction that admits the answer."""
        used = entry(AuditAction.ASSISTANT_USED, principal, assistant_id, principal.user_id)
        self._audit.append(session, used)

    def _may(self, principal: Principal, assistant: Assistant) -> bool:
        """Whether one of the house's is shared with this person and no rule takes it from them."""
        made_of = assistant.made_of
        if made_of.groups and principal.groups.isdisjoint(made_of.groups):
            return False
        target = Target(made_of.model, made_of.name, made_of.data_class)
        rules = self._policy.current.denies.get(Permission.CHAT_USE, ())
        return not any(rule.matches(principal, target) for rule in rules if rule.assistants)

    def _new(self, session: Session, owner: str) -> store.PresetRow:
        now = self._clock.now()
        row = store.PresetRow(
            id=new_id(), kind=KIND, owner=owner, groups=[], content=b"", sealed=True, created_at=now,
            updated_at=now,
        )  # fmt: skip
        store.add(session, row)
        return row

    def _opened(self, session: Session, rows: list[store.PresetRow]) -> list[Assistant]:
        return [self._assistant(session, row) for row in rows]

    def _assistant(self, session: Session, row: store.PresetRow) -> Assistant:
        content = store.read(session, self._vault, row)
        return Assistant(row.id, row.owner, msgspec.json.decode(content, type=AssistantDraft))


def missing() -> NotFound:
    """The error for an assistant that is not there, or not there for this person."""
    return NotFound(
        N_("There is no such assistant for you. It may have been removed; start a new conversation.")
    )


def entry(action: AuditAction, principal: Principal, preset_id: str, owner: str) -> Entry:
    """What the log says about an assistant; never its name or text."""
    return Entry(
        action=action,
        actor=principal,
        outcome=Outcome.ALLOWED,
        object=f"assistant:{preset_id}",
        subject=owner,
        task="conversation",
        reason="" if owner else "of the house",
    )


def _owned(session: Session, owner: str, assistant_id: str) -> store.PresetRow:
    row = store.get(session, KIND, assistant_id)
    if row is None or row.owner != owner:
        raise missing()
    return row


def _checked(made_of: AssistantDraft) -> AssistantDraft:
    """The draft with its texts trimmed. InvalidInput when one is too long or a number out of range."""
    starters = tuple(line for text in made_of.starters if (line := _one_line(text)))
    made_of = replace(
        made_of,
        name=_one_line(made_of.name),
        description=_one_line(made_of.description),
        instructions=made_of.instructions.strip(),
        letter=_one_line(made_of.letter)[:2],
        starters=starters,
    )
    lengths = (
        ("name", made_of.name, 1, MAX_NAME),
        ("description", made_of.description, 0, MAX_DESCRIPTION),
        ("instructions", made_of.instructions, 1, MAX_INSTRUCTIONS),
        *(("starters", one, 1, MAX_STARTER) for one in starters),
    )
    for field, text, least, most in lengths:
        if not least <= len(text) <= most:
            raise InvalidInput(
                N_("'%(what)s' has %(least)d to %(most)d characters."),
                field=field, what=field, least=least, most=most,
            )  # fmt: skip
    if len(starters) > MAX_STARTERS or made_of.colour not in COLOURS:
        raise InvalidInput(
            N_("Choose one of the colours and at most %(most)d starter questions."),
            field="starters", most=MAX_STARTERS,
        )  # fmt: skip
    if not (0 <= made_of.temperature <= 2 and 0 < made_of.top_p <= 1 and made_of.max_tokens >= 0):
        raise InvalidInput(
            N_("Temperature is 0 to 2, top-p above 0 to 1, and the longest answer not below 0."),
            field="temperature",
        )
    return made_of


def _one_line(text: str) -> str:
    return " ".join(text.split())
