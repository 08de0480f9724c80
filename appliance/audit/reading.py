"""Reading the log back: records in their order."""

from appliance.audit import store
from appliance.audit.entry import Leaf, decode
from appliance.storage.engine import Database


def entries(database: Database, start: int, limit: int) -> list[Leaf]:
    """At most `limit` records from index `start` on. ValueError for one that was changed."""
    with database.read() as session:
        return [decode(row.leaf) for row in store.entries(session, start, limit)]
