"""Writers: `python -m benchmarks.audit_writer KEYS URL GROUP THREADS`; prints what was acknowledged."""

import sys
import threading
from pathlib import Path

from appliance.audit.log import AuditLog
from appliance.clock import SystemClock
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from benchmarks.workloads.audit import ENTRY


def main(keys: Path, url: str, group: int, threads: int) -> None:
    """Append without an end, `group` entries a transaction, in so many threads."""
    database = Database(url)
    audit = AuditLog(Vault.open(keys, SystemClock()), SystemClock(), "boot")

    def write() -> None:
        while True:
            with database.write(shared=True) as session:
                made = audit.append_all(session, [ENTRY] * group)
            print(f"{' '.join(made)}\n", end="", flush=True)

    for _ in range(threads):
        threading.Thread(target=write).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
