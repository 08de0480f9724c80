"""Entries against the hashes under the signed root: each is in its place, whole, in its one form.

Works on a piece of at most some thousand entries, so that pieces can be checked by several
processes and memory stays flat.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.evidence.faults import N_, Fault, Unsound, unsound
from appliance.evidence.formats import LINES
from appliance.evidence.record import Record, moment, parse_record
from appliance.evidence.verdict import CLOCK_TOLERANCE_S
from appliance.tlog.merkle import HASH_BYTES, leaf_hash
from appliance.tlog.tiles import HEIGHT, WIDTH, bundle, subtree_root


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries from index `first` on. Each tile of level 0 over them: index -> (hashes, expected root).

    `bundles` holds the export's entry bundles that lie wholly in the piece.
    """

    first: int
    leaves: list[bytes]
    tiles: dict[int, tuple[bytes, bytes]]
    bundles: dict[int, tuple[str, bytes]]
    now: float


@dataclass(slots=True)
class Checked:
    """What came of a piece: faults, and the lines it has in each derived file."""

    count: int
    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, bytes] = field(default_factory=dict)


def check_piece(piece: Piece) -> Checked:
    """Hashes first, then form and time, then the bundles; derived lines only when all is well."""
    checked = Checked(len(piece.leaves))
    try:
        check_hashes(piece)
        records = [_record(piece.first + at, leaf) for at, leaf in enumerate(piece.leaves)]
        check_times(records, piece.now)
        for index, (name, data) in piece.bundles.items():
            at = index * WIDTH - piece.first
            if data != bundle(piece.leaves[at : at + WIDTH]):
                raise unsound(
                    "bundle-changed", N_("%(file)s does not hold the entries it should."), file=name
                )
    except Unsound as bad:
        checked.faults.append(bad.fault)
        return checked
    for name, (_, line) in LINES.items():
        checked.lines[name] = "".join(f"{line(record)}\n" for record in records).encode()
    return checked


def check_hashes(piece: Piece) -> None:
    """Every entry has the hash that stands at its place. `Unsound` names the first that has not."""
    at, end = 0, len(piece.leaves)
    while at < end:
        index, offset = divmod(piece.first + at, WIDTH)
        hashes, expected = piece.tiles[index]
        if expected and subtree_root(hashes, HEIGHT) != expected:
            raise unsound(
                "tile-changed",
                N_("A hash over entry %(entry)d is not the one that was signed."),
                entry=index * WIDTH,
            )
        leaves = piece.leaves[at : at + WIDTH - offset]
        found = b"".join([leaf_hash(leaf) for leaf in leaves])
        start = offset * HASH_BYTES
        if found != hashes[start : start + len(found)]:
            raise _misplaced(piece, at, found, hashes[start:])
        at += len(leaves)


def _misplaced(piece: Piece, at: int, found: bytes, hashes: bytes) -> Exception:
    """What happened at the first entry whose hash is not the one at its place."""
    step = 0
    while found[step : step + HASH_BYTES] == hashes[step : step + HASH_BYTES]:
        step += HASH_BYTES
    here = at + step // HASH_BYTES
    entry = piece.first + here
    if step >= len(hashes):
        return unsound(
            "entry-extra", N_("There are more entries than were signed, from %(entry)d on."), entry=entry
        )
    told = _told_index(piece.leaves[here])
    if told is None or told == entry or _signed(piece, told) != leaf_hash(piece.leaves[here]):
        return unsound("entry-changed", N_("Entry %(entry)d is not what was signed."), entry=entry)
    if told < entry:
        return unsound(
            "entry-duplicated",
            N_("Entry %(other)d stands again in the place of entry %(entry)d."),
            entry=entry,
            other=told,
        )
    if any(_told_index(leaf) == entry for leaf in piece.leaves[here + 1 :]):
        return unsound(
            "entry-swapped",
            N_("Entry %(other)d stands in the place of entry %(entry)d: they were put in another order."),
            entry=entry,
            other=told,
        )
    return unsound(
        "entry-missing",
        N_("Entry %(entry)d is missing: entry %(other)d stands in its place."),
        entry=entry,
        other=told,
    )


def _signed(piece: Piece, index: int) -> bytes:
    """The hash that was signed for an entry, if its tile is at hand."""
    hashes, _ = piece.tiles.get(index // WIDTH, (b"", b""))
    return hashes[index % WIDTH * HASH_BYTES :][:HASH_BYTES]


def _told_index(leaf: bytes) -> int | None:
    try:
        return int(parse_record(leaf)["index"])
    except ValueError:
        return None


def _record(index: int, leaf: bytes) -> Record:
    try:
        record = parse_record(leaf)
        moment(record)
    except ValueError as error:
        raise unsound(
            "entry-form",
            N_("Entry %(entry)d is signed but not in the one form an entry has: %(error)s."),
            entry=index,
            error=error,
        ) from None
    if record["index"] != index:
        raise unsound(
            "entry-index",
            N_("Entry %(entry)d says that it is entry %(other)d."),
            entry=index,
            other=record["index"],
        )
    return record


def check_times(records: list[Record], now: float) -> None:
    latest = datetime.fromtimestamp(now, UTC) + timedelta(seconds=CLOCK_TOLERANCE_S)
    for record in records:
        if moment(record) > latest:
            raise unsound(
                "entry-future",
                N_("Entry %(entry)d is dated %(time)s, which is later than this computer's clock."),
                entry=record["index"],
                time=record["time"],
            )
