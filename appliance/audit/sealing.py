"""Waiting until an entry is under a signed checkpoint, for whoever has to prove it."""

import time
from collections.abc import Callable

from appliance.audit import tree
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import BATCH, BATCHES_A_RUN, Sequencer, sequencer_lock
from appliance.config import Settings
from appliance.egress.sealer import LocalSealer
from appliance.errors import N_, StorageFailed
from appliance.storage.engine import Database

PATIENCE_S = 20.0
LOOK_S = 0.05

Seal = Callable[[], None]


def sealed_elsewhere() -> None:
    """The `seal` of a process whose sequencer thread seals by itself."""


def record_sealed(
    database: Database, audit: AuditLog, entry: Entry, seal: Seal = sealed_elsewhere
) -> tuple[int, int, str]:
    """Append an entry, have it sealed: (index, size, signed note) of the first checkpoint over it.

    StorageFailed when nobody seals it in time; it stays accepted and is sealed later.
    """
    with database.write() as session:
        entry_id = audit.append(session, entry)
    until = time.monotonic() + PATIENCE_S
    while True:
        seal()  # again and again: one run takes only so many entries
        with database.read() as session:
            index = tree.position(session, entry_id)
            found = None if index is None else tree.checkpoint_over(session, index)
        if index is not None and found is not None:
            return index, *found
        if time.monotonic() > until:
            raise StorageFailed(
                N_("The audit log is not being sealed. Look at 'appliance doctor', then try again.")
            )
        time.sleep(LOOK_S)


def seal_here(settings: Settings, database: Database) -> None:
    """Sequence and sign what was accepted, in this process, unless a server holds that office."""
    with sequencer_lock(database, settings.run_folder) as ours:
        if ours:
            sequencer = Sequencer(database, LocalSealer(settings.keys_folder))
            while sequencer.run_once() == BATCH * BATCHES_A_RUN:
                pass  # there is more
