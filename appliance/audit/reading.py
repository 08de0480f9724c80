"""Reading the log back: records in their order."""

from appliance.audit import store
from appliance.audit.entry import Leaf, decode
from appliance.storage.engine import Database


def about(database: Database, subject: str, limit: int) -> list[Leaf]:
    """The newest records of what others did with this subject's account or data, newest first."""
    with database.read() as session:
        return [decode(row.leaf) for row in store.entries_about(session, subject, limit)]


def entries(database: Database, start: int, limit: int) -> list[Leaf]:
    """At most `limit` records from index `start` on. ValueError for one that was changed."""
    with database.read() as session:
        return [decode(row.leaf) for row in store.entries(session, start, limit)]
