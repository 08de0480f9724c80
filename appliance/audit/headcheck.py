"""Whether the log in the database ends in what the sealer signed last: a look, not a verification."""

from pathlib import Path

from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.egress.logfolder import HEAD_FILE, read_head
from appliance.errors import NaesilError
from appliance.tlog.merkle import CompactRange
from appliance.tlog.tiles import node_reader


def disagreement(session: Session, keys_folder: Path) -> str:
    """What does not fit, in English; empty when all does, or before the first signature."""
    if not (keys_folder / HEAD_FILE).exists():
        signed = store.last_checkpoint_size(session)
        return f"{signed} entries were signed and none of the log's keys is here" if signed else ""
    try:
        size, root = read_head(keys_folder / HEAD_FILE)
    except NaesilError as error:
        return str(error)
    entries = store.tree_size(session)
    if size > entries:
        return f"{size} entries were signed and {entries} are here"
    try:
        found = CompactRange.read(size, node_reader(lambda *at: store.tile(session, *at))).root()
    except (TypeError, ValueError):
        return "its tiles are damaged"
    return "" if found == root else f"its first {size} entries are not those that were signed"


def last_time(session: Session) -> str:
    """When the last sequenced entry says it was made, as entries write times; empty before the first."""
    last = store.tree_size(session) - 1
    (record,) = store.entries(session, last, 1) if last >= 0 else (None,)
    return "" if record is None else record.time
