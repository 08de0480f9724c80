"""Handing the log out: a reason is recorded, the entries are written with all that proves them.

1. The reason is an entry, durable and sealed before anything is read; it is part of the export.
2. The zip is written in pieces, each read in a short transaction, so memory stays flat.
3. The manifest's hash becomes an entry too, and the proof of that entry closes the zip: whoever
   changes a file and its line in the manifest has to forge the log.
A crash in between leaves the entries, which are true, and no file.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.orm import Session

from appliance.audit import content, exportrange, store, tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.exportreport import Summary, render
from appliance.audit.exportzip import ExportZip
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import PublicKeys
from appliance.audit.sealing import Seal, record_sealed, sealed_elsewhere
from appliance.audit.wholefile import whole_file
from appliance.audit.witnesses import latest_cosigned, with_cosignatures
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, StorageFailed
from appliance.evidence import layout
from appliance.evidence.formats import LINES
from appliance.evidence.layout import Manifest
from appliance.evidence.onefile import verifier_source
from appliance.storage.engine import Database
from appliance.tlog.merkle import HASH_BYTES
from appliance.tlog.note import told_checkpoint
from appliance.tlog.tiles import HEIGHT, WIDTH, bundle, tile_path, tile_width

MAX_REASON = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to export, and why. `start` and `end` as in exportrange; '' means without a bound.

    `sealed`: with the texts that are sealed for auditors, if there are any.
    """

    reason: str
    start: str = ""
    end: str = ""
    sealed: bool = True


class Exporter:
    """Writes exports. `seal` has accepted entries sealed now where nobody else would do it."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        keys: PublicKeys,
        seal: Seal = sealed_elsewhere,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._keys = keys
        self._seal = seal

    def export(
        self,
        actor: Principal,
        request: Request,
        out: Path,
        progress: Progress = lambda _done, _all: None,
    ) -> Manifest:
        """Write the zip to `out`, replacing it only when it is whole.

        InvalidInput without a reason; NotFound for an empty range; StorageFailed when the log does
        not take or seal the entries; OSError when `out` cannot be written.
        """
        reason = check_reason(request.reason)
        with whole_file(out) as file:
            _, size, note = self._record(
                Entry(
                    action=AuditAction.AUDIT_EXPORTED,
                    actor=actor,
                    outcome=Outcome.ALLOWED,
                    object=f"log:{request.start or '0'}..{request.end or 'now'}",
                    task="audit",
                    reason=reason,
                )
            )
            manifest = self._manifest(request, reason, size, note)
            return self._write(file, actor, request, manifest, note, progress)

    def check(self, request: Request) -> None:
        """Raise what `export` would raise about the request itself."""
        check_reason(request.reason)
        with self._database.read() as session:
            exportrange.resolve(session, request.start, request.end, store.tree_size(session))

    def _write(
        self,
        file: BinaryIO,
        actor: Principal,
        request: Request,
        manifest: Manifest,
        note: str,
        progress: Progress,
    ) -> Manifest:
        archive = ExportZip(file)
        try:
            return self._write_members(archive, actor, request, manifest, note, progress)
        except BaseException:
            archive.give_up()
            raise

    def _write_members(
        self,
        archive: ExportZip,
        actor: Principal,
        request: Request,
        manifest: Manifest,
        note: str,
        progress: Progress,
    ) -> Manifest:
        self._write_head(archive, note)
        self._write_tiles(archive, manifest)
        summary = Summary()
        total = manifest.count * (1 + len(LINES))
        told = _counting(progress, total)
        archive.lines(layout.ENTRIES, told(self._leaves(manifest, summary)))
        for name, (head, line) in LINES.items():
            lines = (line(json.loads(leaf)).encode() for leaf in self._leaves(manifest))
            with archive.member(name) as member:
                member.write(head.encode())
                for text in told(lines):
                    member.write(text + b"\n")
        if request.sealed:
            self._write_sealed(archive, actor, manifest)
        archive.text(layout.REPORT, render(manifest, summary))
        archive.text(layout.README, layout.README_TEXT)
        archive.text(layout.VERIFIER, verifier_source())
        manifest = replace(manifest, files=archive.files)
        self._close(archive, actor, manifest)
        return manifest

    def _record(self, entry: Entry) -> tuple[int, int, str]:
        return record_sealed(self._database, self._audit, entry, self._seal)

    def _manifest(self, request: Request, reason: str, size: int, note: str) -> Manifest:
        checkpoint = told_checkpoint(note)
        with self._database.read() as session:
            first, after = exportrange.resolve(session, request.start, request.end, size)
        return Manifest(
            origin=checkpoint.origin,
            made_at=self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            reason=reason,
            asked_from=request.start,
            asked_to=request.end,
            first=first,
            count=after - first,
            size=size,
            root=checkpoint.root,
        )

    def _write_head(self, archive: ExportZip, note: str) -> None:
        with self._database.read() as session:
            archive.text(layout.CHECKPOINT, with_cosignatures(session, note))
            if witnessed := latest_cosigned(session, told_checkpoint(note).size):
                archive.text(layout.WITNESSED, witnessed)
        archive.text(layout.KEY, self._keys.text)
        if self._keys.replaced:
            archive.text(layout.ROTATIONS, self._keys.replaced)

    def _write_tiles(self, archive: ExportZip, manifest: Manifest) -> None:
        """All upper tiles; of level 0 those over the range and those that earlier checkpoints need."""
        for level, index, hashes in tree.upper_tiles(self._database):
            if width := tile_width(level, index, manifest.size):
                archive.hashes(tile_path(level, index, width), hashes[: width * HASH_BYTES])
        with self._database.read() as session:
            edges = {size >> HEIGHT for size in given_out(session) if size < manifest.size}
        edges |= {one.size >> HEIGHT for one in self._keys.ring().replaced if one.size <= manifest.size}
        edges.add(manifest.size >> HEIGHT)
        first, last = manifest.first >> HEIGHT, (manifest.end - 1) >> HEIGHT
        outside = sorted(edge for edge in edges if not first <= edge <= last)
        for index in chain(outside, range(first, last + 1)):
            if width := tile_width(0, index, manifest.size):
                with self._database.read() as session:
                    hashes = store.tile(session, 0, index)
                archive.hashes(tile_path(0, index, width), hashes[: width * HASH_BYTES])
        for index in range(first, last + 1):
            start, width = index * WIDTH, tile_width(0, index, manifest.size)
            if manifest.first <= start and start + width <= manifest.end:
                leaves = tree.leaves(self._database, start, start + width)
                archive.bundle(tile_path("entries", index, width), bundle(leaves))

    def _write_sealed(self, archive: ExportZip, actor: Principal, manifest: Manifest) -> None:
        """The texts that are sealed for auditors; for each person an entry that says so, before."""
        with self._database.write() as session:
            concerned = content.subjects(session, manifest.first, manifest.end)
            for subject, count in concerned:
                entry = Entry(
                    action=AuditAction.CONTENT_GIVEN,
                    actor=actor,
                    outcome=Outcome.ALLOWED,
                    object=f"log:{manifest.first}..{manifest.end - 1}",
                    subject=subject,
                    task="audit",
                    reason=f"texts {count}: {manifest.reason}",
                )
                self._audit.append(session, entry)
        if concerned:
            archive.lines(layout.SEALED, self._boxes(manifest, {subject for subject, _ in concerned}))

    def _boxes(self, manifest: Manifest, told: set[str]) -> Iterator[bytes]:
        """The boxes of those persons whose entry was made; who came between is in the next export."""
        at = manifest.first
        while True:
            with self._database.read() as session:
                found = self._audit.content.boxes(session, at, manifest.end)
            if not found:
                return
            yield from (one.line() for one in found if one.box and one.subject in told)
            at = found[-1].entry + 1

    def _leaves(self, manifest: Manifest, summary: Summary | None = None) -> Iterator[bytes]:
        count = 0
        for leaf in tree.leaves(self._database, manifest.first, manifest.end):
            if summary is not None:
                summary.add(json.loads(leaf))
            count += 1
            yield leaf
        if count != manifest.count:
            raise StorageFailed(N_("The audit log in the database is damaged. Run 'appliance audit verify'."))

    def _close(self, archive: ExportZip, actor: Principal, manifest: Manifest) -> None:
        """The manifest, and the proof that the log names it."""
        data = manifest.encode()
        archive.text(layout.MANIFEST, data.decode(), listed=False)
        entry = Entry(
            action=AuditAction.EXPORT_SEALED,
            actor=actor,
            outcome=Outcome.ALLOWED,
            object=layout.SEAL_PREFIX + hashlib.sha256(data).hexdigest(),
            task="audit",
            reason=f"checkpoint:{manifest.size}",
        )
        index, size, note = self._record(entry)
        with self._database.read() as session:
            proof = tree.prove_entry(session, index, size, note)
            consistency = tree.prove_consistency(session, manifest.size, size, note)
        archive.text(layout.MANIFEST_PROOF, proof.text(), listed=False)
        archive.text(layout.MANIFEST_CONSISTENCY, consistency.text(), listed=False)
        archive.close()


def check_reason(reason: str) -> str:
    """The reason without outer space. InvalidInput when there is none, or it is a book."""
    reason = reason.strip()
    if not reason:
        raise InvalidInput(N_("Say why this is needed: --reason is recorded in the log."), field="reason")
    if len(reason) > MAX_REASON:
        raise InvalidInput(N_("The reason has at most %(most)d characters."), field="reason", most=MAX_REASON)
    return reason


def given_out(session: Session) -> Iterator[int]:
    """Sizes of the checkpoints that left the house in exports, on paper, to witnesses."""
    actions = AuditAction.EXPORT_SEALED, AuditAction.CHECKPOINT_SHOWN, AuditAction.CHECKPOINT_COSIGNED
    for _, leaf in tree.objects_of(session, tuple(str(action) for action in actions)):
        for word in (json.loads(leaf).get(name, "") for name in ("object", "reason")):
            if word.startswith("checkpoint:") and word[11:].isdecimal():
                yield int(word[11:])


def _counting(progress: Progress, total: int) -> Callable[[Iterable[bytes]], Iterator[bytes]]:
    """Passes lines on and tells of every 4096th."""
    done = 0

    def told(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal done
        for line in lines:
            done += 1
            if done % 4096 == 0 or done == total:
                progress(done, total)
            yield line

    return told
