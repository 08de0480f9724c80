"""The auditors' services, built together: whoever serves pages or commands hands them on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.audit.checking import Checking
from appliance.audit.export import Exporter
from appliance.audit.exports import Exports
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import PublicKeys
from appliance.audit.reads import Reads
from appliance.audit.review import Thresholds
from appliance.audit.reviews import Reviews
from appliance.audit.schedule import ScheduledExports
from appliance.audit.sealing import Seal, sealed_elsewhere
from appliance.audit.viewing import Viewer
from appliance.audit.witnessing import Witnessing
from appliance.clock import Clock
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    """Synchronous services; their methods belong in the thread pool."""

    witnessing: Witnessing
    viewer: Viewer
    reads: Reads
    checking: Checking
    exports: Exports
    reviews: Reviews
    scheduled: ScheduledExports


def build(
    database: Database,
    audit: AuditLog,
    clock: Clock,
    folder: Path,
    head: Callable[[], Head],
    seal: Seal = sealed_elsewhere,
    limits: Callable[[], Thresholds] = Thresholds,
) -> Oversight:
    """`folder` is where exports go; `head` asks the sealer, and is only called once it is there;
    `limits` are the review's."""
    reads = Reads(database, audit)

    def exporter() -> Exporter:
        return Exporter(database, audit, clock, PublicKeys.of(head()), seal)

    return Oversight(
        witnessing=Witnessing(database, audit, clock, folder.parent),
        viewer=Viewer(database, audit),
        reads=reads,
        checking=Checking(database, audit, head),
        exports=Exports(folder, reads, clock, exporter),
        reviews=Reviews(database, audit, clock, limits),
        scheduled=ScheduledExports(folder, database, audit, clock, exporter),
    )
