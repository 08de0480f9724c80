"""Openings of sealed texts, brought back from an auditor's machine: an entry about each person concerned.

Nobody can be made to bring a record; who does cannot invent one, for its proofs are made with keys
that lie in the boxes alone.
"""

import hashlib
import json
from collections import Counter

from sqlalchemy.orm import Session

from appliance.audit import store, tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, Leaf, decode
from appliance.audit.entrykeys import EntryKeys
from appliance.audit.log import AuditLog, entry_key
from appliance.audit.sealing import Seal, sealed_elsewhere
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.evidence.openingrecord import Opening, TextOpened, parse_opening
from appliance.storage.engine import Database
from appliance.storage.vault import Vault


class Openings:
    """The service; `seal` as for the exporter."""

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, seal: Seal = sealed_elsewhere
    ) -> None:
        self._database = database
        self._keys = EntryKeys(vault)
        self._audit = audit
        self._seal = seal

    def take_in(self, actor: Principal, text: str) -> dict[str, int]:
        """How many texts of whom were opened, as is recorded now.

        InvalidInput for what is no record of this log's texts, or proves nothing (any more); Conflict
        when it was taken in before.
        """
        try:
            opening = parse_opening(text)
        except ValueError as error:
            raise InvalidInput(N_("This is not the record of an opening: %(error)s."), error=error) from None
        name = f"opening:{hashlib.sha256(text.encode()).hexdigest()}"
        self._seal()
        with self._database.read() as session:
            self._refuse_twice(session, name)
            opened, proved = self._counted(session, opening)
        if not proved:
            raise InvalidInput(
                N_("This record proves no opening: it was changed, or the keys of its texts were destroyed.")
            )
        with self._database.write() as session:
            for subject, count in opened.items():
                told = f"texts {count}, proved {proved[subject]}, by {opening.auditor.name} at {opening.time}"
                entry = Entry(
                    action=AuditAction.CONTENT_OPENED,
                    actor=actor,
                    outcome=Outcome.ALLOWED,
                    object=name,
                    subject=subject,
                    task="audit",
                    reason=f"{told}: {opening.reason}",
                )
                self._audit.append(session, entry)
        return dict(opened)

    def _refuse_twice(self, session: Session, name: str) -> None:
        known = (leaf for _, leaf in tree.objects_of(session, (AuditAction.CONTENT_OPENED,)))
        if any(json.loads(leaf)["object"] == name for leaf in known):
            raise Conflict(N_("This opening is in the log already."))

    def _counted(self, session: Session, opening: Opening) -> tuple[Counter[str], Counter[str]]:
        """(texts that were opened, those whose proof holds), by person."""
        opened, proved = Counter[str](), Counter[str]()
        for one in opening.texts:
            leaf = self._leaf(session, one)
            opened[leaf.subject] += 1
            proved[leaf.subject] += self._holds(session, leaf, one, opening)
        return opened, +proved

    def _leaf(self, session: Session, one: TextOpened) -> Leaf:
        found = next(iter(store.entries(session, one.entry, 1)), None)
        leaf = None if found is None or found.index != one.entry else decode(found.leaf)
        if leaf is None or leaf.id != one.id or not leaf.commitment:
            raise InvalidInput(
                N_("The record names entry %(index)d, which has no such text in this log."), index=one.entry
            )
        return leaf

    def _holds(self, session: Session, leaf: Leaf, one: TextOpened, opening: Opening) -> bool:
        """Not when the key was destroyed since: then nobody can tell any more."""
        try:
            keys = self._keys.of(session, leaf.subject, leaf.object)
        except NotFound:
            return False
        salt = bytes.fromhex(leaf.salt)
        return one.proof in [
            opening.proof(entry_key(key.for_commitments, leaf.id, salt), leaf.id) for key in keys
        ]
