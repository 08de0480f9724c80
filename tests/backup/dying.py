"""A program that makes or brings back a backup and is killed at one place: see test_killed.py.

python -m tests.backup.dying create|restore PLACE before|after NTH DATA FILE [DATABASE_URL]
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from appliance.audit.log import AuditLog
from appliance.backup.create import Backups, Order
from appliance.backup.restore import restore
from appliance.cli.house import OPERATOR
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.backup.conftest import SECRET


def die_in(place: str, when: str, nth: int) -> None:
    """SIGKILL to ourselves at the nth call of `module:name.name`, before or after it did its work."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dying(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **more)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def main(what: str, place: str, when: str, nth: str, data: str, file: str, url: str = "") -> None:
    settings, clock = Settings(data=Path(data), database_url=url), SystemClock()
    if what == "restore":
        die_in(place, when, int(nth))
        restore(Path(file), SECRET, settings, OPERATOR, clock)
        return
    database = Database(settings.database_address)
    audit = AuditLog(Vault.open(settings.keys_folder, clock), clock, "00000000-0000-7000-8000-000000000009")
    die_in(place, when, int(nth))
    Backups(settings, database, audit, clock).create(OPERATOR, Order(Path(file), SECRET))


if __name__ == "__main__":
    main(*sys.argv[1:])
