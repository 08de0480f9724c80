"""Looking at somebody else's data is an entry too, durable before anything is shown."""

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.core import Outcome, Principal
from appliance.storage.engine import Database


class Reads:
    """The service for pages and commands that only look. Synchronous; belongs in the thread pool."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def record(self, actor: Principal, action: AuditAction, object: str, subject: str = "") -> None:  # noqa: A002 - the log's own field name
        """Record the look. StorageFailed when it cannot be: then nothing may be shown."""
        entry = Entry(
            action=action, actor=actor, outcome=Outcome.ALLOWED, object=object, subject=subject, task="read"
        )
        with self._database.write(shared=True) as session:
            self._audit.append(session, entry)
