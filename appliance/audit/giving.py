"""Giving out single pieces of evidence: a checkpoint, an entry's proof, a proof of consistency.

Each leaves an entry first. A checkpoint's entry names its size, so that later exports carry the
hashes which compare with it.
"""

from appliance.audit import tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sealing import Seal, record_sealed, sealed_elsewhere
from appliance.audit.witnesses import with_cosignatures
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, NotFound, StorageFailed
from appliance.evidence.certificate import DESTRUCTIONS, certificate
from appliance.evidence.record import parse_record
from appliance.storage.engine import Database
from appliance.tlog.faults import NoteError
from appliance.tlog.note import told_checkpoint


class Giving:
    """The service; `seal` as for the exporter."""

    def __init__(self, database: Database, audit: AuditLog, seal: Seal = sealed_elsewhere) -> None:
        self._database = database
        self._audit = audit
        self._seal = seal

    def checkpoint(self, actor: Principal) -> str:
        """The newest signed checkpoint with its cosignatures. NotFound before the first."""
        self._seal()
        with self._database.write() as session:
            newest = tree.newest_checkpoint(session)
            if newest is None:
                raise NotFound(N_("Nothing has been sealed yet."))
            size, note = newest
            self._audit.append(session, _entry(AuditAction.CHECKPOINT_SHOWN, actor, f"checkpoint:{size}"))
            return with_cosignatures(session, note)

    def entry(self, actor: Principal, index: int) -> str:
        """The entry with the proof of its place, as C2SP tlog-proof. NotFound when there is none."""
        with self._database.read() as session:
            if tree.checkpoint_over(session, index) is None:
                raise NotFound(N_("There is no sealed entry %(index)d."), index=index)
        entry = _entry(AuditAction.ENTRY_PROVED, actor, f"entry:{index}")
        _, size, note = record_sealed(self._database, self._audit, entry, self._seal)
        with self._database.read() as session:
            try:
                note = with_cosignatures(session, note)
                return tree.prove_entry(session, index, size, note).text()
            except ValueError:
                raise _damaged() from None

    def certificate(self, actor: Principal, entry_id: str) -> str:
        """The certificate of a destruction, by its entry's id or index, as one file that can be verified.

        NotFound when there is no such entry or it is of something else.
        """
        self._seal()
        with self._database.read() as session:
            index = int(entry_id) if entry_id.isdecimal() else tree.position(session, entry_id)
        found = None if index is None else next(tree.leaves(self._database, index, index + 1), None)
        record = None if found is None else parse_record(found)
        if record is None or record["action"] not in DESTRUCTIONS:
            raise NotFound(N_("There is no sealed entry %(id)s of a destruction."), id=entry_id)
        return certificate(record, self.entry(actor, record["index"]))

    def consistency(self, actor: Principal, old: int) -> str:
        """That the newest checkpoint extends the one of `old` entries: what a witness cosigns.

        The new checkpoint has left the house with it, and so has its size as an entry.
        """
        self._seal()
        with self._database.write() as session:
            newest = tree.newest_checkpoint(session)
            if newest is None or old > newest[0]:
                raise NotFound(N_("This log has no checkpoint of %(size)d entries or more."), size=old)
            size, note = newest
            self._audit.append(session, _entry(AuditAction.CHECKPOINT_SHOWN, actor, f"checkpoint:{size}"))
            try:
                return tree.prove_consistency(session, old, size, note).text()
            except ValueError:
                raise _damaged() from None


def size_of(note: str) -> int:
    """How many entries a checkpoint speaks of. InvalidInput when it is none."""
    try:
        return told_checkpoint(note).size
    except NoteError:
        raise InvalidInput(N_("This is not a checkpoint.")) from None


def _entry(action: AuditAction, actor: Principal, what: str) -> Entry:
    return Entry(action=action, actor=actor, outcome=Outcome.ALLOWED, object=what, task="audit")


def _damaged() -> StorageFailed:
    return StorageFailed(N_("The audit log in the database is damaged. Run 'appliance audit verify'."))
