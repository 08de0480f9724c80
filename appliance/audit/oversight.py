"""The auditors' services, built together: whoever serves pages or commands hands them on."""

from dataclasses import dataclass

from appliance.audit.log import AuditLog
from appliance.audit.reads import Reads
from appliance.audit.viewing import Viewer
from appliance.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    """Synchronous services; their methods belong in the thread pool."""

    viewer: Viewer
    reads: Reads


def build(database: Database, audit: AuditLog) -> Oversight:
    return Oversight(viewer=Viewer(database, audit), reads=Reads(database, audit))
