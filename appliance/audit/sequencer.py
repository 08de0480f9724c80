"""From accepted to sealed: entries get their place in the tree, then the sealer signs the head.

Recovery is the next run: each durable step below says what a crash there means. One sequencer
at a time: a lock on run/sequencer.lock, which the system releases when its holder dies, on PostgreSQL
a lease as well, and an epoch in the database, which fences off a holder that was replaced where
locks do not reach.
"""

import fcntl
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.audit.entry import Leaf, decode, encode
from appliance.egress.sealer import Sealer
from appliance.errors import N_, NaesilError, StorageFailed
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database
from appliance.storage.lease import Lease
from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import CompactRange, consistency_proof, leaf_hash
from appliance.tlog.note import Checkpoint, Verifier
from appliance.tlog.tiles import extended, node_reader

log = logging.getLogger(__name__)

BATCH = 512
BATCHES_A_RUN = 8
PERIOD_S = 0.25
LOCK_FILE = "sequencer.lock"


class Sequencer:
    """One run does whatever there is to do. The caller holds the lock; one thread at a time."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._epoch: int | None = None

    def run_once(self) -> int:
        """Sequence and seal what was accepted, at most BATCHES_A_RUN batches; how many entries it were.

        Raises StorageFailed when the database or the sealer is away or refuses; nothing is lost.
        """
        if not self._anything_to_do():
            return 0
        head = self._sealer.head()
        self._check_continues(head)
        total = 0
        for _ in range(BATCHES_A_RUN):  # then a signature: entries that keep coming must not put it off
            count = self._sequence()
            total += count
            if count < BATCH:
                break
        self._seal(head)
        return total

    def _anything_to_do(self) -> bool:
        with self._database.read() as session:
            return store.any_accepted(session) or (
                store.last_checkpoint_size(session) < store.tree_size(session)
            )

    def _check_continues(self, head: Head) -> None:
        """Nothing is built upon a database that is not the one the sealer signed last."""
        with self._database.read() as session:
            if head.size > store.tree_size(session):
                raise StorageFailed(
                    N_(
                        "The audit log has fewer entries than were signed: the database is older than "
                        "the log's key folder. Restore both from the same moment."
                    )
                )
            if self._tree(session, head.size)[0] != head.root:
                raise StorageFailed(
                    N_("The audit log is not the one that was signed. Run 'appliance audit verify'.")
                )

    def _sequence(self) -> int:
        """Durable step 1: outbox rows become entries and tiles, in one transaction.

        It takes what is visible, oldest first, never a range of numbers: an entry whose
        transaction commits late is in the next batch. A crash before the commit leaves the
        outbox as it was, and the next run does the same again; after it, the entries have their
        place and wait for a signature.
        """
        with self._database.read() as session:
            if not store.any_accepted(session):
                return 0
        with self._in_office() as session:
            rows = store.accepted(session, BATCH)
            size = store.tree_size(session)
            try:
                records = [_record(size + at, body) for at, (_, body) in enumerate(rows)]
                hashes = [leaf_hash(record.leaf) for record in records]
                changed = list(extended(lambda level, index: store.tile(session, level, index), size, hashes))
            except (TypeError, ValueError):
                raise _damaged() from None
            store.add_entries(session, records)
            for level, index, data in changed:
                store.put_tile(session, level, index, data)
            store.remove_accepted(session, [sequence for sequence, _ in rows])
        return len(rows)

    def _seal(self, head: Head) -> None:
        """Durable steps 2 and 3: the sealer records and signs the head, then the checkpoint is stored.

        A crash between the two leaves entries without a checkpoint; the next run asks for a
        signature of the same tree or one that extends it, and the sealer gives it.
        """
        with self._database.read() as session:
            size = store.tree_size(session)
            root, proof = self._tree(session, size, head.size)
        note = self._sealer.sign(size, root, proof)
        _check(note, (head, self._sealer.head()), size, root)
        with self._in_office() as session:
            store.put_checkpoint(session, size, note)

    def _tree(self, session: Session, size: int, old: int = 0) -> tuple[bytes, tuple[bytes, ...]]:
        """(root, proof that it extends the first `old` entries) of the first `size` entries."""
        node = node_reader(lambda level, index: store.tile(session, level, index))
        try:
            return CompactRange.read(size, node).root(), tuple(consistency_proof(old, size, node))
        except (TypeError, ValueError):
            raise _damaged() from None

    @contextmanager
    def _in_office(self) -> Iterator[Session]:
        """A write transaction of the sequencer in office; the first one takes office.

        A crash right after taking office costs nothing but the number.
        """
        if self._epoch is None:
            with self._database.write() as session:
                epoch = store.raise_epoch(session)
            self._epoch = epoch
        with self._database.write(shared=True) as session:
            if store.epoch(session) != self._epoch:
                raise StorageFailed(N_("Another process has taken over the audit log. Stop one of the two."))
            yield session


class SequencerThread:
    """Runs the sequencer four times a second until stopped; a failed run is tried again.

    It looks instead of being woken, because entries also come from other processes (the
    command line). Whoever holds the lock does the work: without it this only waits for it.
    """

    def __init__(self, database: Database, sealer: Sealer, run_folder: Path) -> None:
        self._database = database
        self._sealer = sealer
        self._run_folder = run_folder
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="sequencer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """One last run, then the end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                with sequencer_lock(self._database, self._run_folder) as lease:
                    if lease is not None:
                        self._hold(lease)
            except NaesilError as error:
                self._complain(str(error))
            except OSError as error:
                self._complain(type(error).__name__)
            if self._stopping.wait(PERIOD_S):
                return

    def _hold(self, lease: Lease) -> None:
        """Work until told to stop, or until the lease is lost: then somebody else may be in office."""
        sequencer = Sequencer(self._database, self._sealer)
        last = False
        while not last and lease.held():
            last = self._stopping.wait(PERIOD_S)
            try:
                while sequencer.run_once() == BATCH * BATCHES_A_RUN:
                    pass  # there is more
            except NaesilError as error:
                self._complain(str(error))
            except Exception as error:  # the process loop: entries wait, nothing may end it
                self._complain(type(error).__name__)
            else:
                if self._failing:
                    log.warning("the audit log is being sealed again")
                self._failing = False

    def _complain(self, reason: str) -> None:
        """Say it once per trouble, not four times a second."""
        if not self._failing:
            log.error("the audit log is not being sealed: %s", reason)
        self._failing = True


@contextmanager
def sequencer_lock(database: Database, run_folder: Path) -> Iterator[Lease | None]:
    """Hold the right to sequence, here and on every node; None when somebody else holds it."""
    with (run_folder / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            with database.lease("sequencer") as lease:
                yield lease


def record(leaf: Leaf, data: bytes) -> store.Record:
    """The row of a leaf: every column but the leaf repeats what is in it."""
    if leaf.index is None:
        raise ValueError("an entry without its index")
    return store.Record(
        index=leaf.index,
        leaf=data,
        id=leaf.id,
        time=leaf.time,
        action=leaf.action,
        actor=leaf.actor.id,
        subject=leaf.subject,
        outcome=leaf.outcome,
        origin=leaf.actor.origin,
        model=leaf.model,
        request=leaf.request,
        detectors=" ".join(sorted(leaf.detections)),
    )


def _record(index: int, body: bytes) -> store.Record:
    leaf = msgspec.structs.replace(decode(body), index=index)
    return record(leaf, encode(leaf))


def _check(note: str, heads: tuple[Head, ...], size: int, root: bytes) -> None:
    """A checkpoint is kept for good: it must be the one that was asked for.

    `heads` are what the sealer said before and after: its key may have been replaced in between.
    """
    for head in heads:
        with suppress(NoteError):
            verifier = Verifier.parse(head.verifier)
            if verifier.checkpoint(note) == Checkpoint(verifier.name, size, root):
                return
    raise StorageFailed(N_("The sealer signed something else than the audit log."))


def _damaged() -> StorageFailed:
    return StorageFailed(N_("The audit log in the database is damaged. Run 'appliance audit verify'."))
