"""An export made by hand from any leaves and any key, to see what a verifier says of logs that lie.

It writes the same parts as the product, from the specifications, without a database.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance.evidence import layout
from appliance.evidence.formats import LINES
from appliance.evidence.layout import FileHash, Manifest
from appliance.tlog.merkle import CompactRange, consistency_proof, inclusion_proof, leaf_hash
from appliance.tlog.note import Checkpoint, Signer
from appliance.tlog.proof import ConsistencyProof, EntryProof
from appliance.tlog.tiles import WIDTH, bundle, extended, node_reader, tile_path, tile_width

ORIGIN = "naesil.log/by-hand"
SIGNER = Signer(ORIGIN, bytes(range(32)))
NOW = 1_800_000_000.0  # 2027-01-15: every time in these entries lies before it


def leaf(index: int, **fields: object) -> bytes:
    """A well-formed entry; `fields` replace its own."""
    values = {
        "action": "chat:prompt:accept",
        "actor": {"id": "alice", "kind": "user", "origin": "10.0.0.7"},
        "boot": "boot-1",
        "id": f"id-{index}",
        "index": index,
        "outcome": "allowed",
        "subject": "alice",
        "task": "completion",
        "time": "2026-03-02T09:00:00.000000Z",
        "v": 1,
    }
    return json.dumps(values | fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class HandLog:
    """A tree over leaves, its tiles, and checkpoints of any of its sizes by any key."""

    def __init__(self, leaves: list[bytes], signer: Signer = SIGNER) -> None:
        self.leaves = leaves
        self.signer = signer
        self.tiles: dict[tuple[int, int], bytes] = {}
        hashes = [leaf_hash(one) for one in leaves]
        for level, index, data in list(extended(lambda *at: self.tiles.get(at, b""), 0, hashes)):
            self.tiles[level, index] = data

    def node(self, level: int, index: int) -> bytes:
        return node_reader(lambda *at: self.tiles.get(at, b""))(level, index)

    def root(self, size: int) -> bytes:
        return CompactRange.read(size, self.node).root()

    def checkpoint(self, size: int) -> str:
        return self.signer.sign(Checkpoint(self.signer.verifier.name, size, self.root(size)).text())

    def inclusion(self, index: int, size: int) -> EntryProof:
        path = inclusion_proof(index, size, self.node)
        return EntryProof(index, tuple(path), self.checkpoint(size), self.leaves[index])

    def consistency(self, old: int, size: int) -> ConsistencyProof:
        return ConsistencyProof(old, tuple(consistency_proof(old, size, self.node)), self.checkpoint(size))


def export(
    path: Path, leaves: list[bytes], signer: Signer = SIGNER, first: int = 0, count: int | None = None
) -> HandLog:
    """Write an export of `count` leaves from `first` on; the log that was grown for it is returned."""
    size = len(leaves)
    count = size - first if count is None else count
    log = HandLog(leaves, signer)
    members: dict[str, bytes] = {layout.CHECKPOINT: log.checkpoint(size).encode()}
    members |= {layout.KEY: f"{signer.verifier}\n".encode()}
    shown = leaves[first : first + count]
    members[layout.ENTRIES] = b"".join(one + b"\n" for one in shown)
    for name, (head, line) in LINES.items():
        members[name] = (head + "".join(f"{_line(line, one)}\n" for one in shown)).encode()
    files = {name: FileHash(len(data), hashlib.sha256(data).hexdigest()) for name, data in members.items()}
    manifest = Manifest(
        origin=signer.verifier.name, made_at="2026-03-02T09:00:00Z", reason="test",
        first=first, count=count, size=size, root=log.root(size), files=files,
    ).encode()  # fmt: skip
    members |= log_members(log, size, first, count)
    sealed = leaf(
        size, action=layout.SEAL_ACTION, object=layout.SEAL_PREFIX + hashlib.sha256(manifest).hexdigest()
    )
    grown = HandLog([*leaves, sealed], signer)
    members[layout.MANIFEST] = manifest
    members[layout.MANIFEST_PROOF] = grown.inclusion(size, size + 1).text().encode()
    members[layout.MANIFEST_CONSISTENCY] = grown.consistency(size, size + 1).text().encode()
    write_zip(path, members)
    return grown


def log_members(log: HandLog, size: int, first: int, count: int) -> dict[str, bytes]:
    """Every tile, and the bundles of whole tiles in the range."""
    members = {
        tile_path(level, index, tile_width(level, index, size)): data
        for (level, index), data in log.tiles.items()
    }
    for index in range(first // WIDTH, (first + count - 1) // WIDTH + 1):
        start, width = index * WIDTH, tile_width(0, index, size)
        if first <= start and start + width <= first + count:
            members[tile_path("entries", index, width)] = bundle(log.leaves[start : start + width])
    return members


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _line(line: Callable[[dict[str, object]], str], one: bytes) -> str:
    """The derived line; of an entry no form can be made of, none."""
    try:
        return line(json.loads(one))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
