"""Destroying what is held about a person: rows deleted, keys destroyed, the act in the log.

One transaction: a crash before its commit leaves everything, after it nothing can be read
again, here or in any copy (crypto-shredding). The log keeps its entries, which hold no text;
their commitments can never be tested again. The entry of the act is the certificate.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat.library import Library
from appliance.chat.values import Destroyed
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, NotFound
from appliance.identity.accounts import Accounts
from appliance.policy.holds import refuse_if_held
from appliance.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Certificate:
    """That a subject's key was destroyed, and how much became unreadable with it.

    `keys_destroyed` counts the person's own and those of the conversations that had one. `entry_id`
    is the audit entry that proves when and by whom.
    """

    subject_id: str
    destroyed_at: datetime
    conversations: int
    messages: int
    keys_destroyed: int
    account_deleted: bool
    entry_id: str


class Erasure:
    """The service. Synchronous: belongs in the thread pool, after `Chat.quiet_down`."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, accounts: Accounts, library: Library
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._accounts = accounts
        self._library = library

    def conversations(self, actor: Principal, user_id: str) -> Certificate:
        """Destroy everything this person wrote and read; the account stays, with a fresh key."""
        with self._database.write() as session:
            refuse_if_held(session, user_id)
            gone = self._library.remove_everything_in(session, user_id)
            self._accounts.renew_key_in(session, user_id)
            certificate = self._certified(session, actor, user_id, gone, account_deleted=False)
        self._database.scrub()
        return certificate

    def account(self, actor: Principal, user_id: str) -> Certificate:
        """Destroy a disabled account with everything in it. Conflict while it is enabled."""
        with self._database.write() as session:
            refuse_if_held(session, user_id)
            gone = self._library.remove_everything_in(session, user_id)
            if not self._accounts.delete_in(session, actor, user_id):
                raise NotFound(N_("There is no such user."))
            certificate = self._certified(session, actor, user_id, gone, account_deleted=True)
        self._database.scrub()
        return certificate

    def _certified(
        self, session: Session, actor: Principal, user_id: str, gone: Destroyed, *, account_deleted: bool
    ) -> Certificate:
        keys = gone.keys + 1  # the person's own
        entry = Entry(
            action=AuditAction.SUBJECT_ERASED,
            actor=actor,
            outcome=Outcome.ALLOWED,
            object=f"user:{user_id}",
            subject=user_id,
            task="retention",
            reason=f"conversations {gone.conversations} messages {gone.messages} keys destroyed {keys}",
        )
        entry_id = self._audit.append(session, entry)
        now = self._clock.now()
        return Certificate(user_id, now, gone.conversations, gone.messages, keys, account_deleted, entry_id)
