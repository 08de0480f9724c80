"""From accepted to sealed: entries get their place in the tree, then the sealer signs the head.

Two durable steps, each safe to repeat:
1. sequence: outbox rows become entries and tiles in one transaction. A crash before its
   commit leaves the outbox as it was; the next run does the same again.
2. seal: the sealer signs the head, and the checkpoint is stored. A crash between the two
   leaves entries without a checkpoint; the next run asks for a signature of the same tree.
Recovery is the next run. One sequencer at a time: a lock on run/sequencer.lock, which the
system releases when its holder dies.
"""

import fcntl
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.audit import store
from appliance.audit.entry import canonical
from appliance.clock import Clock
from appliance.egress.sealer import Sealer
from appliance.errors import N_, NaesilError, StorageFailed
from appliance.storage.engine import Database
from appliance.tlog.merkle import CompactRange, consistency_proof, leaf_hash
from appliance.tlog.tiles import extended, node_reader

log = logging.getLogger(__name__)

BATCH = 512
PERIOD_S = 0.25
LOCK_FILE = "sequencer.lock"


class Sequencer:
    """One run does whatever there is to do. The caller holds the lock."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    def run_once(self) -> int:
        """Sequence and seal what was accepted; how many entries got their place.

        Raises StorageFailed when the database or the sealer is away or refuses; nothing is lost.
        """
        total = 0
        while count := self._sequence():
            total += count
        self._seal()
        return total

    def _sequence(self) -> int:
        with self._database.read() as session:
            if not store.count_accepted(session):
                return 0
        with self._database.write() as session:
            rows = store.accepted(session, BATCH)
            size = store.tree_size(session)
            hashes = []
            for index, row in enumerate(rows, start=size):
                values = json.loads(row.body) | {"index": index}
                leaf = canonical(values)
                hashes.append(leaf_hash(leaf))
                session.add(entry_row(index, leaf))
            changed = list(extended(lambda level, index: store.tile(session, level, index), size, hashes))
            for level, number, data in changed:
                store.put_tile(session, level, number, data)
            store.remove_accepted(session, rows)
        return len(rows)

    def _seal(self) -> None:
        with self._database.read() as session:
            size = store.tree_size(session)
            if store.last_checkpoint_size(session) >= size:
                return
            head = self._sealer.head()
            if head.size > size:
                raise StorageFailed(N_("The audit log is shorter than the one that was signed before."))
            node = node_reader(lambda level, index: store.tile(session, level, index))
            try:
                root = CompactRange.read(size, node).root()
                proof = tuple(consistency_proof(head.size, size, node))
            except ValueError:
                raise StorageFailed(
                    N_("The audit log's tiles are damaged. Run 'appliance audit verify'.")
                ) from None
        note = self._sealer.sign(size, root, proof)
        with self._database.write() as session:
            session.merge(store.CheckpointRow(size=size, note=note, created_at=self._clock.now()))


class SequencerThread:
    """Runs the sequencer a few times a second until stopped; a failed run is tried again."""

    def __init__(self, sequencer: Sequencer, run_folder: Path) -> None:
        self._sequencer = sequencer
        self._run_folder = run_folder
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sequencer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """One last run, then the end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with sequencer_lock(self._run_folder, wait=True):
            failing = False
            while True:
                last = self._stopping.wait(PERIOD_S)
                try:
                    self._sequencer.run_once()
                    failing = False
                except NaesilError as error:
                    if not failing:
                        log.error("the audit log is not being sealed: %s", error)
                    failing = True
                if last:
                    return


@contextmanager
def sequencer_lock(run_folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the right to sequence. Without `wait`, False when somebody else holds it."""
    with (run_folder / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def entry_row(index: int, leaf: bytes) -> store.EntryRow:
    """The row of a leaf: every column but the leaf repeats what is in it."""
    values = json.loads(leaf)
    return store.EntryRow(
        index=index,
        leaf=leaf,
        id=values["id"],
        time=values["time"],
        action=values["action"],
        actor=values["actor"].get("id", ""),
        subject=values.get("subject", ""),
    )
