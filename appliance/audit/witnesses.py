"""Witnesses of this log: whose cosignatures count, and which checkpoints they signed.

A witness is trusted by a person who got its key from its keeper. A cosignature is taken in only
when it holds under such a key and signs a checkpoint this log really has.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.audit import tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.store import CosignatureRow, WitnessRow
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.storage.engine import Database
from appliance.tlog.cosign import CosignerKey
from appliance.tlog.faults import NoteError
from appliance.tlog.note import Note, parse_checkpoint, told_checkpoint


@dataclass(frozen=True, slots=True)
class Witness:
    """A trusted witness and the largest checkpoint it cosigned; 0 for none yet."""

    name: str
    key: str
    added_at: datetime
    size: int


class Witnesses:
    """The service; every method is one short transaction."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def trust(self, actor: Principal, key_text: str) -> Witness:
        """Let this witness's cosignatures count. InvalidInput for no key; Conflict when it is known."""
        try:
            key = CosignerKey.parse(key_text)
        except NoteError:
            raise InvalidInput(N_("This is not a witness's verifier key.")) from None
        with self._database.write() as session:
            if session.get(WitnessRow, str(key)) is not None:
                raise Conflict(N_("The witness '%(name)s' is already trusted."), name=key.name)
            now = self._clock.now()
            session.add(WitnessRow(key=str(key), added_at=now))
            self._record(session, actor, AuditAction.WITNESS_TRUSTED, f"witness:{key}")
        return Witness(key.name, str(key), now, 0)

    def find(self, name: str) -> Witness:
        """The trusted witness of that name. NotFound if there is none."""
        for witness in self.list():
            if witness.name == name:
                return witness
        raise NotFound(N_("There is no trusted witness called '%(name)s'."), name=name)

    def accept(self, actor: Principal, text: str, only: str = "") -> list[tuple[str, int]]:
        """Take in the cosignatures under a checkpoint of ours; (witness, size) of each.

        `only`: the key whose cosignature is awaited. InvalidInput when the text is no checkpoint of this
        log or no trusted witness signed it.
        """
        try:
            note = Note.parse(text)
            size = parse_checkpoint(note.text).size
            with self._database.write() as session:
                ours = tree.checkpoint_of(session, size)
                if ours is None or Note.parse(ours).text != note.text:
                    raise InvalidInput(N_("This is not a checkpoint of this log."))
                known = [row.key for row in session.scalars(select(WitnessRow))]
                keys = [CosignerKey.parse(key) for key in known if only in ("", key)]
                found = [self._accept(session, actor, key, note, size) for key in keys if key.times(note)]
        except NoteError as error:
            raise InvalidInput(N_("The cosigned checkpoint is bad: %(error)s."), error=error) from None
        if not found:
            raise InvalidInput(N_("No trusted witness has cosigned this checkpoint."))
        return found

    def list(self) -> list[Witness]:
        with self._database.read() as session:
            return [
                _witness(session, row) for row in session.scalars(select(WitnessRow).order_by(WitnessRow.key))
            ]

    def _accept(
        self, session: Session, actor: Principal, key: CosignerKey, note: Note, size: int
    ) -> tuple[str, int]:
        line = next(one for one in note.signatures if (one.name, one.key_id) == (key.name, key.key_id)).line()
        session.merge(CosignatureRow(size=size, key=str(key), line=line))
        self._record(session, actor, AuditAction.CHECKPOINT_COSIGNED, f"checkpoint:{size}", key.name)
        return key.name, size

    def _record(
        self, session: Session, actor: Principal, action: AuditAction, what: str, reason: str = ""
    ) -> None:
        entry = Entry(
            action=action, actor=actor, outcome=Outcome.ALLOWED, object=what, task="audit", reason=reason
        )
        self._audit.append(session, entry)


def with_cosignatures(session: Session, note: str) -> str:
    """The signed checkpoint with the signature lines of its witnesses below the log's own."""
    size = told_checkpoint(note).size
    query = select(CosignatureRow.line).where(CosignatureRow.size == size).order_by(CosignatureRow.key)
    return note + "".join(session.scalars(query))


def latest_cosigned(session: Session, size: int) -> str | None:
    """The largest cosigned checkpoint below `size`, cosignatures and all."""
    query = select(CosignatureRow.size).where(CosignatureRow.size < size)
    found = session.scalar(query.order_by(CosignatureRow.size.desc()).limit(1))
    note = None if found is None else tree.checkpoint_of(session, found)
    return None if note is None else with_cosignatures(session, note)


def _witness(session: Session, row: WitnessRow) -> Witness:
    query = select(CosignatureRow.size).where(CosignatureRow.key == row.key)
    size = session.scalar(query.order_by(CosignatureRow.size.desc()).limit(1))
    return Witness(CosignerKey.parse(row.key).name, row.key, row.added_at, size or 0)
