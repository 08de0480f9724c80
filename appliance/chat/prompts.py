"""The prompt library: texts with {{variables}} that a person keeps, alone or for one of their groups.

A prompt for oneself is sealed under the person's key. One that is shared with a group is plain on
disk, readable by whoever is in the group, and changed by its owner alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat import preset_store as store
from appliance.chat.finding import Needle
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, NotFound
from appliance.ids import new_id
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

KIND = "prompt"
MAX_NAME, MAX_TEXT, MAX_VARIABLES = 80, 20_000, 20
_VARIABLE = re.compile(r"\{\{\s*([^{}\n]{1,40}?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class PromptText:
    """What is kept of a prompt."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """`group`: who else may use it; empty for nobody. `mine`: whether the reader may change it."""

    id: str
    name: str
    text: str
    group: str
    mine: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in {{…}}, each once, in order."""
        return variables(self.text)

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with each variable's value in its place; one without a value stays as it is."""
        return _VARIABLE.sub(lambda found: values.get(found[1]) or found[0], self.text)


def variables(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


class Prompts:
    """The service. Every method is one short transaction."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock

    def own(self, principal: Principal) -> tuple[SavedPrompt, ...]:
        """Those that this person made."""
        return tuple(one for one in self.list(principal) if one.mine)

    def list(self, principal: Principal, words: str = "") -> list[SavedPrompt]:
        """Their own and their groups', by name; with `words` those that have all of them."""
        needle = Needle(words)
        with self._database.read() as session:
            rows = {row.id: row for row in store.of_owner(session, KIND, principal.user_id)}
            rows |= {
                row.id: row
                for row in store.plain(session, KIND)
                if not principal.groups.isdisjoint(row.groups)
            }
            prompts = [self._prompt(session, principal, row) for row in rows.values()]
        found = [one for one in prompts if not needle or needle.found_in(f"{one.name}\n{one.text}")]
        return sorted(found, key=lambda one: one.name)

    def get(self, principal: Principal, prompt_id: str) -> SavedPrompt:
        """One they may use. NotFound for a missing one and for one not shared with them."""
        with self._database.read() as session:
            row = store.get(session, KIND, prompt_id)
            if row is None or (row.owner != principal.user_id and principal.groups.isdisjoint(row.groups)):
                raise _missing()
            return self._prompt(session, principal, row)

    def save(
        self, principal: Principal, name: str, text: str, *, group: str = "", prompt_id: str = ""
    ) -> str:
        """Keep a new one or change one's own; its id. Whether they may share, the caller has asked.

        Raises InvalidInput, NotFound; Conflict when there are too many.
        """
        kept = _checked(name, text)
        if group and group not in principal.groups:
            raise InvalidInput(N_("You can share a prompt with a group that you are in."), field="group")
        with self._database.write() as session:
            row = self._owned(session, principal, prompt_id) if prompt_id else self._new(session, principal)
            row.groups, row.updated_at = [group] if group else [], self._clock.now()
            store.write(session, self._vault, row, msgspec.json.encode(kept), sealed=not group)
            self._record(session, AuditAction.PROMPT_SAVED, principal, row.id, "shared" if group else "")
            return row.id

    def remove(self, principal: Principal, prompt_id: str) -> None:
        with self._database.write() as session:
            session.delete(self._owned(session, principal, prompt_id))
            self._record(session, AuditAction.PROMPT_REMOVED, principal, prompt_id, "")

    def _new(self, session: Session, principal: Principal) -> store.PresetRow:
        now = self._clock.now()
        row = store.PresetRow(
            id=new_id(), kind=KIND, owner=principal.user_id, groups=[], content=b"", sealed=True,
            created_at=now, updated_at=now,
        )  # fmt: skip
        store.add(session, row)
        return row

    def _owned(self, session: Session, principal: Principal, prompt_id: str) -> store.PresetRow:
        row = store.get(session, KIND, prompt_id)
        if row is None or row.owner != principal.user_id:
            raise _missing()
        return row

    def _prompt(self, session: Session, principal: Principal, row: store.PresetRow) -> SavedPrompt:
        kept = msgspec.json.decode(store.read(session, self._vault, row), type=PromptText)
        group = row.groups[0] if row.groups else ""
        return SavedPrompt(row.id, kept.name, kept.text, group, row.owner == principal.user_id)

    def _record(
        self, session: Session, action: AuditAction, principal: Principal, prompt_id: str, reason: str
    ) -> None:
        self._audit.append(
            session,
            Entry(
                action=action,
                actor=principal,
                outcome=Outcome.ALLOWED,
                object=f"prompt:{prompt_id}",
                subject=principal.user_id,
                task="conversation",
                reason=reason,
            ),
        )


def _missing() -> NotFound:
    return NotFound(N_("There is no such prompt for you. It may have been removed."))


def _checked(name: str, text: str) -> PromptText:
    kept = PromptText(" ".join(name.split()), text.strip())
    if not (1 <= len(kept.name) <= MAX_NAME and 1 <= len(kept.text) <= MAX_TEXT):
        raise InvalidInput(
            N_("A prompt has a name of at most %(name)d characters and a text of at most %(text)d."),
            field="text", name=MAX_NAME, text=MAX_TEXT,
        )  # fmt: skip
    if len(variables(kept.text)) > MAX_VARIABLES:
        raise InvalidInput(
            N_("A prompt has at most %(most)d different variables."), field="text", most=MAX_VARIABLES
        )
    return kept
