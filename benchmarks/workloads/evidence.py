"""What an auditor waits for: verifying in bulk, whole exports, proofs' size; and that no change passes."""

import os
import random
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from appliance.evidence.entrycheck import Piece, check_hashes
from appliance.evidence.keys import KeyRing
from appliance.evidence.singlecheck import check_file
from appliance.tlog.merkle import leaf_hash
from appliance.tlog.note import Signer
from appliance.tlog.tiles import WIDTH, extended, subtree_root
from benchmarks.registry import Bar, Measurement, Scale
from tests.evidence.bundle import NOW, ORIGIN, SIGNER, HandLog, export, leaf, read_zip, write_zip

PIECE = 64 * WIDTH
FIELDS = {
    "salt": "1c14b5027282e745f0d4627c4e1284ed",
    "commitment": "a18b6fc31496174538d16b628b10baf39b2b49644b1eb4115e4647cfacf4702b",
    "rules": ["chat.use"],
    "request": "01a20d30-f845-7cc2-a1ae-8295693733ae",
}


def bulk(scale: Scale) -> dict[str, float]:
    """Entries a second against their hashes and the tree above, from memory: one core, then all at once."""
    rounds, cores = scale.of(20, 1), os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        together = sum(pool.map(_rate, range(cores), [rounds] * cores))
    return {"one_core_per_s": _rate(0, rounds), "all_cores_per_s": together}


def whole(scale: Scale) -> dict[str, float]:
    """A whole export: unpacked, parsed, every derived file made again and compared."""
    count = scale.of(50_000, 1000)
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        path = Path(folder) / "x.zip"
        log = export(path, [leaf(index, **FIELDS) for index in range(count)])
        began = time.perf_counter()
        verdict = check_file(path, KeyRing.parse(str(SIGNER.verifier)), now=NOW)
        took = time.perf_counter() - began
        if not verdict.ok:
            raise AssertionError(verdict.faults[0].text())
    proof = log.inclusion(count // 3, count)
    return {"whole_per_s": count / took, "proof_bytes": len(proof.text().encode())}


def mutations(scale: Scale) -> dict[str, float]:
    """Changes of six kinds to an export, an outside checkpoint given: how many were not named."""
    chance = random.Random(6962)  # noqa: S311 - the same changes in every run
    leaves = [leaf(index, **FIELDS) for index in range(300)]
    total, missed, seconds = scale.of(10_000, 30), 0, 0.0
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        good, bad, kept = (Path(folder) / name for name in ("good.zip", "bad.zip", "kept"))
        export(good, leaves)
        kept.write_text(HandLog(leaves).checkpoint(200))
        members, ring = read_zip(good), KeyRing.parse(str(SIGNER.verifier))
        for number in range(total):
            _mutate(number % 6, chance, members, leaves, good, bad)
            began = time.perf_counter()
            verdict = check_file(bad, ring, since=[kept], now=NOW, jobs=1)
            seconds += time.perf_counter() - began
            missed += verdict.ok or not verdict.faults[0].text()
    return {"mutations": total, "missed": missed, "per_s": total / seconds}


def _mutate(
    kind: int, chance: random.Random, members: dict[str, bytes], leaves: list[bytes], good: Path, bad: Path
) -> None:
    """Flip a bit of a file, drop, swap, truncate, fork with the true key, sign again with another."""
    lines = members["entries.jsonl"].splitlines(keepends=True)
    one, other = chance.sample(range(len(lines)), 2)
    if kind == 0:
        name = chance.choice(sorted(members))
        data = bytearray(members[name])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        write_zip(bad, members | {name: bytes(data)})
    elif kind == 1:
        write_zip(bad, members | {"entries.jsonl": b"".join(lines[:one] + lines[one + 1 :])})
    elif kind == 2:
        lines[one], lines[other] = lines[other], lines[one]
        write_zip(bad, members | {"entries.jsonl": b"".join(lines)})
    elif kind == 3:
        whole_file = good.read_bytes()
        bad.write_bytes(whole_file[: chance.randrange(len(whole_file))])
    elif kind == 4:
        at = chance.randrange(200)
        export(bad, [*leaves[:at], leaf(at, **FIELDS, subject="mallory"), *leaves[at + 1 :]])
    else:
        seed = chance.randbytes(32)
        text = members["checkpoint"].decode().partition("\n\n")[0] + "\n"
        write_zip(bad, members | {"checkpoint": Signer(ORIGIN, seed).sign(text).encode()})


def _piece(first: int) -> Piece:
    leaves = [leaf(index, **FIELDS) for index in range(first, first + PIECE)]
    hashes = [leaf_hash(one) for one in leaves]
    tiles = {}
    for level, index, data in extended(lambda _level, _index: b"", 0, hashes):
        if level == 0:
            tiles[first // WIDTH + index] = data, subtree_root(data, 8)
    return Piece(first, leaves, tiles, {}, NOW)


def _rate(number: int, rounds: int) -> float:
    """Entries a second of one process, over a piece that it made before the clock started."""
    piece = _piece(number * PIECE)
    began = time.perf_counter()
    for _ in range(rounds):
        check_hashes(piece)
    return rounds * PIECE / (time.perf_counter() - began)


WORKLOADS = (
    Measurement(
        "evidence-bulk",
        "entries a second checked against hashes and tree",
        bulk,
        bars=(Bar("all_cores_per_s", 500_000, "at least"),),
    ),
    Measurement(
        "evidence-export",
        "entries a second of a whole export, every file compared; bytes of a proof with its entry",
        whole,
        bars=(Bar("proof_bytes", 2048, "at most"),),
    ),
    Measurement(
        "evidence-mutations",
        "changes to an export that were not named",
        mutations,
        bars=(Bar("missed", 0, "at most"),),
    ),
)
