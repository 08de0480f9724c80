"""Showing one's own words to an outsider, with proof that they are the ones the log committed to.

Only the person whose text it is can do it, and only with the text in hand: what is given is the
key of this one entry, HMAC(K, "commit" | entry id | salt), which opens no other. K is the key of
its conversation, or the person's: with a conversation goes what could be shown of it.
"""

import hmac
import json

from appliance.audit import tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, Leaf, decode
from appliance.audit.entrykeys import EntryKeys
from appliance.audit.export import check_reason
from appliance.audit.log import AuditLog, commitment, entry_key
from appliance.audit.sealing import Seal, record_sealed, sealed_elsewhere
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, NotFound
from appliance.evidence.singlecheck import DISCLOSURE
from appliance.storage.engine import Database
from appliance.storage.vault import Vault


class Disclosures:
    """The service; `seal` as for the exporter."""

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, seal: Seal = sealed_elsewhere
    ) -> None:
        self._database = database
        self._keys = EntryKeys(vault)
        self._audit = audit
        self._seal = seal

    def disclose(self, owner: Principal, index: int, text: str, reason: str) -> str:
        """The disclosure as JSON: the text, its key, the entry with its proof.

        NotFound when the entry is not the owner's, holds no commitment, or their key was destroyed;
        InvalidInput for another text, and for any once the conversation's key was destroyed: nobody
        can tell then. Recorded either way before anything is given.
        """
        reason = check_reason(reason)
        with self._database.read() as session:
            leaf = self._leaf(owner, index)
            keys = [one.for_commitments for one in self._keys.of(session, owner.user_id, leaf.object)]
        both = ((key, one) for one in (text, *_without_last_newline(text)) for key in keys)
        key, text = next(((key, one) for key, one in both if _opens(key, leaf, one)), (None, text))
        entry = Entry(
            action=AuditAction.TEXT_DISCLOSED,
            actor=owner,
            outcome=Outcome.REFUSED if key is None else Outcome.ALLOWED,
            object=f"entry:{index}",
            subject=owner.user_id,
            task="audit",
            reason=reason,
        )
        _, size, note = record_sealed(self._database, self._audit, entry, self._seal)
        if key is None:
            raise InvalidInput(
                N_("This is not the text that entry %(index)d commits to, or the key of its conversation "
                   "was destroyed: then it cannot be shown any more."),
                index=index,
            )  # fmt: skip
        with self._database.read() as session:
            proof = tree.prove_entry(session, index, size, note).text()
        values = {
            "format": DISCLOSURE,
            "key": entry_key(key, leaf.id, bytes.fromhex(leaf.salt)).hex(),
            "text": text,
            "proof": proof,
        }
        return json.dumps(values, ensure_ascii=False, indent=1) + "\n"

    def _leaf(self, owner: Principal, index: int) -> Leaf:
        found = next(tree.leaves(self._database, index, index + 1), None)
        leaf = None if found is None else decode(found)
        if leaf is None or leaf.subject != owner.user_id or not leaf.commitment:
            raise NotFound(N_("There is no entry %(index)d that commits to a text of yours."), index=index)
        return leaf


def _without_last_newline(text: str) -> tuple[str, ...]:
    """The text again if an editor closed its last line, which nobody typed."""
    shorter = text.removesuffix("\n").removesuffix("\r")
    return () if shorter == text else (shorter,)


def _opens(key: bytes, leaf: Leaf, text: str) -> bool:
    bound = commitment(key, leaf.id, bytes.fromhex(leaf.salt), text)
    return hmac.compare_digest(bound.hex(), leaf.commitment)
