"""The verify button: the whole log is checked beside the running product, and the finding recorded."""

from collections.abc import Callable

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.errand import Errand, Progress, State
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import PublicKeys
from appliance.audit.verify import Report, verify
from appliance.core import Outcome, Principal
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database


class Checking:
    """The service. `head` asks the sealer, which alone knows what it signed last."""

    def __init__(self, database: Database, audit: AuditLog, head: Callable[[], Head]) -> None:
        self._database = database
        self._audit = audit
        self._head = head
        self._errand = Errand("verification")

    @property
    def state(self) -> State:
        """Its `result` is a verify.Report."""
        return self._errand.state

    def start(self, actor: Principal) -> None:
        """Check everything in the background. Conflict while it is being checked already."""
        self._errand.start(lambda progress: self._check(actor, progress))

    def _check(self, actor: Principal, progress: Progress) -> Report:
        head = self._head()
        report = verify(self._database, PublicKeys.of(head).ring(), head, progress=progress)
        entry = Entry(
            action=AuditAction.AUDIT_VERIFIED,
            actor=actor,
            outcome=Outcome.ALLOWED if report.ok else Outcome.FAILED,
            object="log",
            task="audit",
            reason=f"{report.entries} entries"
            if report.ok
            else f"entry {report.first_bad}: {report.problem}",
        )
        with self._database.write(shared=True) as session:
            self._audit.append(session, entry)
        return report
