"""When the last backup was made: a file in run/ that the dashboard and `appliance doctor` read."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

BACKUP_STAMP = "last-backup.json"


def stamp(run_folder: Path, at: datetime) -> None:
    """Leave word of a backup. Whole or not at all; a product that serves may read it meanwhile."""
    draft = run_folder / f"{BACKUP_STAMP}.new"
    draft.unlink(missing_ok=True)  # never through a link that somebody put there
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump({"at": at.isoformat(timespec="seconds")}, file)
    draft.rename(run_folder / BACKUP_STAMP)


def last_backup(run_folder: Path) -> datetime | None:
    """When the last backup was made (UTC); None when never."""
    try:
        told = json.loads((run_folder / BACKUP_STAMP).read_bytes())
        at = datetime.fromisoformat(str(told["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
