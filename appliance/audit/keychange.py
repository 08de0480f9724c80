"""Replacing the log's key: named in the log first, then stated by the old key and the new one.

1. The new key is made where the old one lives, and waits.
2. The log names it: an entry, durable and under a checkpoint of the old key.
3. The sealer states the replacement, signed by both keys, and signs the last head with both.
A crash after 1 or 2 leaves the old key in office, and an entry of a key that never signed.
"""

from typing import Protocol

from appliance.audit import store
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.export import check_reason
from appliance.audit.log import AuditLog
from appliance.audit.sealing import Seal, record_sealed, sealed_elsewhere
from appliance.core import Outcome, Principal
from appliance.errors import NaesilError
from appliance.protocol.sealing import Replaced
from appliance.storage.engine import Database


class KeyKeeper(Protocol):
    """Whoever holds the log's key: the sealer in this process, or the running product's."""

    def prepare(self, *, second: bool | None = None) -> str: ...

    def replace(self, keys: str) -> Replaced: ...


class KeyChange:
    """The service; `seal` as for the exporter."""

    def __init__(
        self, database: Database, audit: AuditLog, keeper: KeyKeeper, seal: Seal = sealed_elsewhere
    ) -> None:
        self._database = database
        self._audit = audit
        self._keeper = keeper
        self._seal = seal

    def replace(self, actor: Principal, reason: str, *, second: bool | None = None) -> tuple[str, Replaced]:
        """(the new public keys, what was signed). `second`: with an ML-DSA-44 key; None: as before.

        InvalidInput without a reason; StorageFailed when the log or the sealer is away.
        """
        reason = check_reason(reason)
        keys = self._keeper.prepare(second=second)
        record_sealed(self._database, self._audit, _entry(actor, keys, reason, Outcome.ALLOWED), self._seal)
        try:
            replaced = self._keeper.replace(keys)
        except NaesilError:
            with self._database.write() as session:
                self._audit.append(session, _entry(actor, keys, reason, Outcome.FAILED))
            raise
        with self._database.write() as session:
            store.put_checkpoint(session, replaced.size, replaced.checkpoint)
        return keys, replaced


def _entry(actor: Principal, keys: str, reason: str, outcome: Outcome) -> Entry:
    return Entry(
        action=AuditAction.LOG_KEY_REPLACED,
        actor=actor,
        outcome=outcome,
        object=f"key:{keys.partition(chr(10))[0]}",
        task="audit",
        reason=reason,
    )
