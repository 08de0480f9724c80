"""A whole export: keys, tree, entries, derived files, manifest, and earlier checkpoints.

Reads the zip once, in pieces; memory does not grow with the export, but for 32 bytes per 256
entries and the zip's own directory.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from typing import BinaryIO

from appliance.evidence.archive import READ_BYTES, Archive, read_some
from appliance.evidence.entrycheck import Checked, Piece, check_piece
from appliance.evidence.faults import N_, Unsound, unsound
from appliance.evidence.formats import LINES
from appliance.evidence.keys import KeyRing, unknown_signers
from appliance.evidence.layout import (
    CHECKPOINT,
    ENTRIES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    ROTATIONS,
    WITNESSED,
    Manifest,
    parse_manifest,
)
from appliance.evidence.manifestcheck import check_files, check_manifest_entry
from appliance.evidence.record import MAX_RECORD_BYTES
from appliance.evidence.treecheck import TreeCheck
from appliance.evidence.verdict import NO_OUTSIDE, Verdict, add_cosigned
from appliance.tlog.note import MAX_NOTE_CHARACTERS, Checkpoint, encode64
from appliance.tlog.tiles import WIDTH, tile_path, tile_width

PIECE_ENTRIES = 16 * WIDTH
PIECE_BYTES = 4 * 1024 * 1024
WORTH_A_POOL = 20_000  # entries; below it processes take longer to start than to work

Progress = Callable[[int, int], None]


def check_export(
    file: BinaryIO,
    ring: KeyRing,
    *,
    since: Iterable[Checkpoint] = (),
    now: float,
    jobs: int = 0,
    progress: Progress = lambda _done, _all: None,
) -> Verdict:
    """Check everything. `since` are checkpoints kept elsewhere, already checked; `now` is POSIX time."""
    verdict = Verdict("export")
    try:
        archive = Archive(file)
        ring = export_ring(archive, ring)
        checkpoint = _check_head(archive, ring, verdict, now)
        manifest = _manifest(archive, checkpoint, verdict)
        tree = TreeCheck(archive, checkpoint)
        tree.check_upper()
        _check_witnessed(archive, ring, tree, verdict, now)
        _check_rotations(tree, checkpoint, ring, verdict)
        _check_since(tree, checkpoint, since, verdict)
    except Unsound as bad:
        verdict.faults.append(bad.fault)
        return verdict
    pieces = _pieces(archive, manifest, tree, now)
    hashes = _check_entries(pieces, manifest, jobs or os.cpu_count() or 1, verdict, progress)
    for check in (
        partial(_check_derived, archive, hashes),
        partial(check_files, archive, manifest, tree_members(manifest)),
        partial(check_manifest_entry, archive, ring, checkpoint),
    ):
        try:
            check()
        except Unsound as bad:
            verdict.faults.append(bad.fault)
    return verdict


def tree_members(manifest: Manifest) -> Callable[[str], bool]:
    """Whether a member is a tile or bundle that an export of this range may have."""

    def belongs(name: str) -> bool:
        parts = name.removeprefix("tile/").split("/", 1)
        if not name.startswith("tile/") or len(parts) != 2:
            return False
        number = parts[1].partition(".p/")[0]
        digits = number.replace("/x", "").removeprefix("x").replace("/", "")
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 18:
            return False
        level = (
            0
            if parts[0] == "entries"
            else int(parts[0])
            if parts[0].isdecimal() and len(parts[0]) < 3
            else 64
        )
        width = tile_width(level, int(digits), manifest.size)
        told: int | str = "entries" if parts[0] == "entries" else level
        return bool(width) and level < 8 and name == tile_path(told, int(digits), width)

    return belongs


def export_ring(archive: Archive, ring: KeyRing) -> KeyRing:
    """The auditor's keys with the replacements that the export states."""
    if ROTATIONS not in archive:
        return ring
    return ring.following(_text(archive, ROTATIONS))


def _check_rotations(tree: TreeCheck, checkpoint: Checkpoint, ring: KeyRing, verdict: Verdict) -> None:
    """Keys were replaced over this very tree, so that no old key that leaked can tell another past."""
    verdict.details["rotations"] = [one.size for one in ring.replaced if one.size <= checkpoint.size]
    for one in ring.replaced:
        if one.size <= checkpoint.size and tree.root_at(one.size) != one.root:
            raise unsound(
                "rotation-inconsistent",
                N_("The first %(size)d entries are not those over which the key was replaced: a fork."),
                size=one.size,
                file=ROTATIONS,
            )


def _check_head(archive: Archive, ring: KeyRing, verdict: Verdict, now: float) -> Checkpoint:
    text = _text(archive, CHECKPOINT)
    checkpoint, cosigned = ring.checkpoint(text, CHECKPOINT)
    verdict.origin, verdict.size, verdict.root = checkpoint.origin, checkpoint.size, encode64(checkpoint.root)
    add_cosigned(verdict, cosigned, CHECKPOINT, now)
    verdict.details["unknown_signers"] = unknown_signers(text, ring)
    return checkpoint


def _check_witnessed(archive: Archive, ring: KeyRing, tree: TreeCheck, verdict: Verdict, now: float) -> None:
    """The newest cosigned checkpoint, when it is an earlier one than the export's."""
    if WITNESSED not in archive:
        return
    text = _text(archive, WITNESSED)
    checkpoint, cosigned = ring.checkpoint(text, WITNESSED)
    if checkpoint.size > verdict.size or tree.root_at(checkpoint.size) != checkpoint.root:
        raise unsound(
            "witnessed-inconsistent",
            N_("The first %(size)d entries are not those that the witness saw: the log was rewritten."),
            file=WITNESSED,
            size=checkpoint.size,
        )
    add_cosigned(verdict, cosigned, WITNESSED, now)
    verdict.details["unknown_signers"] += unknown_signers(text, ring)


def _manifest(archive: Archive, checkpoint: Checkpoint, verdict: Verdict) -> Manifest:
    data = archive.read(MANIFEST, MAX_MANIFEST_BYTES)
    try:
        manifest = parse_manifest(data)
    except ValueError as error:
        raise unsound(
            "manifest", N_("%(file)s is not a manifest: %(error)s."), file=MANIFEST, error=error
        ) from None
    told = manifest.origin, manifest.size, manifest.root
    if told != (checkpoint.origin, checkpoint.size, checkpoint.root):
        raise unsound("manifest", N_("%(file)s speaks of another checkpoint."), file=MANIFEST)
    verdict.first, verdict.entries = manifest.first, manifest.count
    verdict.made_at, verdict.reason = manifest.made_at, manifest.reason
    return manifest


def _check_since(
    tree: TreeCheck, checkpoint: Checkpoint, since: Iterable[Checkpoint], verdict: Verdict
) -> None:
    for old in since:
        if old.size > checkpoint.size:
            raise unsound(
                "since-newer",
                N_(
                    "The outside checkpoint covers %(old)d entries, the export only %(new)d: "
                    "the log was cut, or the export is older."
                ),
                old=old.size,
                new=checkpoint.size,
            )
        if old.size == checkpoint.size and old.root != checkpoint.root:
            raise unsound(
                "fork",
                N_("Two different logs of the same size (%(size)d) were signed with this key: a fork."),
                size=old.size,
            )
        if tree.root_at(old.size) != old.root:
            raise unsound(
                "since-inconsistent",
                N_(
                    "The first %(size)d entries are not those of the outside checkpoint: "
                    "the log was rewritten."
                ),
                size=old.size,
            )
        verdict.since.append(old.size)
    if not verdict.since and not verdict.cosigned:
        verdict.warnings.append(NO_OUTSIDE)


def _pieces(archive: Archive, manifest: Manifest, tree: TreeCheck, now: float) -> Iterator[Piece]:
    """The entries in pieces that end at tiles' borders. `Unsound` when there are too few or too many."""
    at, leaves, held = manifest.first, list[bytes](), 0
    first = at
    for leaf in _lines(archive):
        if at >= manifest.end:
            if leaves:
                yield _piece(archive, manifest, tree, first, leaves, now)  # it may tell where one came in
            raise unsound(
                "entry-extra", N_("There are more entries than were signed, from %(entry)d on."), entry=at
            )
        leaves.append(leaf)
        at, held = at + 1, held + len(leaf)
        if at % WIDTH == 0 and (len(leaves) >= PIECE_ENTRIES or held >= PIECE_BYTES):
            yield _piece(archive, manifest, tree, first, leaves, now)
            first, leaves, held = at, [], 0
    if leaves:
        yield _piece(archive, manifest, tree, first, leaves, now)
    if at < manifest.end:
        raise unsound(
            "entry-missing-tail",
            N_("Entry %(entry)d is missing: the file of entries ends before it."),
            entry=at,
        )


def _piece(
    archive: Archive, manifest: Manifest, tree: TreeCheck, first: int, leaves: list[bytes], now: float
) -> Piece:
    tiles, bundles = {}, {}
    for index in range(first // WIDTH, (first + len(leaves) - 1) // WIDTH + 1):
        width = tile_width(0, index, manifest.size)
        tiles[index] = tree.tile(0, index), tree.expected(0, index) if width == WIDTH else b""
        if first <= index * WIDTH and index * WIDTH + width <= first + len(leaves):
            name = tile_path("entries", index, width)
            bundles[index] = name, archive.read(name, WIDTH * (MAX_RECORD_BYTES + 2))
    return Piece(first, leaves, tiles, bundles, now)


def _lines(archive: Archive) -> Iterator[bytes]:
    """The lines of the file of entries, none longer than an entry can be."""
    rest = b""
    with archive.open(ENTRIES) as member:
        while block := read_some(member, READ_BYTES, ENTRIES):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            if len(rest) > MAX_RECORD_BYTES:
                raise unsound(
                    "line-too-long",
                    N_("%(file)s has a line longer than an entry can be."),
                    file=ENTRIES,
                )
    if rest:
        raise unsound("line-cut", N_("The last line of %(file)s has no end."), file=ENTRIES)


def _check_entries(
    pieces: Iterator[Piece], manifest: Manifest, jobs: int, verdict: Verdict, progress: Progress
) -> dict[str, str]:
    """SHA-256 of what each derived file must be; faults go into the verdict, the first few only."""
    hashes = {name: hashlib.sha256(head.encode()) for name, (head, _) in LINES.items()}
    done = 0
    try:
        for checked in _checked(pieces, jobs if manifest.count >= WORTH_A_POOL else 1):
            verdict.faults += checked.faults
            if verdict.faults:
                return {}
            for name, lines in checked.lines.items():
                hashes[name].update(lines)
            done += checked.count
            progress(done, manifest.count)
    except Unsound as bad:
        verdict.faults.append(bad.fault)
        return {}
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def _checked(pieces: Iterator[Piece], jobs: int) -> Iterator[Checked]:
    """Each piece checked, in order; at most two pieces a process are under way."""
    if jobs == 1:
        yield from map(check_piece, pieces)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting: list[Future[Checked]] = []
        try:
            for piece in pieces:
                waiting.append(pool.submit(check_piece, piece))
                if len(waiting) >= 2 * jobs:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(cancel_futures=True)


def _check_derived(archive: Archive, hashes: dict[str, str]) -> None:
    """The files that repeat the entries repeat them exactly."""
    for name, expected in hashes.items():
        found = hashlib.sha256()
        with archive.open(name) as member:
            while block := read_some(member, READ_BYTES, name):
                found.update(block)
        if found.hexdigest() != expected:
            raise unsound("file-differs", N_("%(file)s does not say what the entries say."), file=name)


def _text(archive: Archive, name: str) -> str:
    try:
        return archive.read(name, MAX_NOTE_CHARACTERS).decode()
    except UnicodeDecodeError:
        raise unsound(
            "file-damaged", N_("%(file)s does not unpack: it was changed or cut."), file=name
        ) from None
