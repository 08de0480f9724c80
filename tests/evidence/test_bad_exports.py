"""Whatever was done to an export is named: what, and where."""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.app import app
from appliance.evidence.keys import KeyRing
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import Verdict
from appliance.tlog.note import Checkpoint, Signer
from tests.evidence.bundle import NOW, ORIGIN, SIGNER, HandLog, export, leaf, read_zip, write_zip

COUNT = 300
LEAVES = [leaf(index) for index in range(COUNT)]
KEY = f"{SIGNER.verifier}\n"
FORGER = Signer(ORIGIN, bytes(32))

Lines = list[bytes]


def check(path: Path, *since: Path, key: str = KEY) -> Verdict:
    return check_file(path, KeyRing.parse(key), since=since, now=NOW, jobs=1)


def found(verdict: Verdict) -> tuple[str, int | None]:
    assert verdict.faults, "nothing was found"
    return verdict.faults[0].code, verdict.faults[0].entry


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.zip"
    export(path, LEAVES)
    return path


def changed(good: Path, out: Path, **members: bytes | None) -> Path:
    """The export with some members replaced or left out."""
    write_zip(out, {name: data for name, data in (read_zip(good) | members).items() if data is not None})
    return out


def test_an_export_by_hand_is_good(good: Path) -> None:
    assert check(good).ok


def _flip(lines: Lines) -> None:
    lines[7] = lines[7].replace(b"alice", b"alicf", 1)


def _swap(lines: Lines) -> None:
    lines[7], lines[20] = lines[20], lines[7]


def _swap_far(lines: Lines) -> None:
    lines[7], lines[290] = lines[290], lines[7]


def _duplicate(lines: Lines) -> None:
    lines.insert(8, lines[7])


def _duplicate_over(lines: Lines) -> None:
    lines[8] = lines[7]


def _drop(lines: Lines) -> None:
    del lines[7]


def _drop_last(lines: Lines) -> None:
    del lines[-1]


def _add(lines: Lines) -> None:
    lines.append(leaf(COUNT))


def _space(lines: Lines) -> None:
    lines[7] = lines[7].replace(b",", b", ", 1)


@pytest.mark.parametrize(
    ("change", "code", "entry"),
    [
        (_flip, "entry-changed", 7),
        (_swap, "entry-swapped", 7),
        (_swap_far, "entry-swapped", 7),
        (_duplicate, "entry-duplicated", 8),
        (_duplicate_over, "entry-duplicated", 8),
        (_drop, "entry-missing", 7),
        (_drop_last, "entry-missing-tail", COUNT - 1),
        (_add, "entry-extra", COUNT),
        (_space, "entry-changed", 7),
    ],
)
def test_entries_that_were_touched_are_named(
    good: Path, tmp_path: Path, change: Callable[[Lines], None], code: str, entry: int
) -> None:
    lines = read_zip(good)["entries.jsonl"].splitlines()
    change(lines)
    data = b"".join(line + b"\n" for line in lines)
    assert found(check(changed(good, tmp_path / "x.zip", **{"entries.jsonl": data}))) == (code, entry)


@pytest.mark.parametrize("name", sorted({"checkpoint", "log.vkey", "manifest.json", "manifest.tlog-proof"}
    | {"manifest.consistency", "entries.jsonl", "entries.csv", "entries.cef", "entries.ocsf.jsonl"}
    | {"entries.syslog", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"}))  # fmt: skip
def test_a_flipped_missing_or_doubled_byte_in_any_file_is_noticed(
    good: Path, tmp_path: Path, name: str
) -> None:
    data = read_zip(good)[name]
    at = len(data) // 2
    for new in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], data[:at] + data[at + 1 :], None):
        verdict = check(changed(good, tmp_path / "x.zip", **{name: new}))
        assert not verdict.ok, (name, new)
        assert verdict.faults[0].text()


def test_an_added_file_is_named(good: Path, tmp_path: Path) -> None:
    for name in ("evil.txt", "../evil", "tile/0/002", "tile/entries/x", "tile/9/000"):
        verdict = check(changed(good, tmp_path / "x.zip", **{name: b"x"}))
        assert [(fault.code, fault.file) for fault in verdict.faults] == [("file-unknown", name)]


@pytest.mark.parametrize("name", ["entries.csv", "log.vkey"])
def test_a_file_changed_together_with_the_manifest_is_still_noticed(
    good: Path, tmp_path: Path, name: str
) -> None:
    members = read_zip(good)
    data = members[name].replace(b"a", b"b", 1)
    manifest = json.loads(members["manifest.json"])
    manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    verdict = check(changed(good, tmp_path / "x.zip", **{name: data, "manifest.json": text.encode()}))
    assert "manifest-changed" in {fault.code for fault in verdict.faults}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (leaf(5).replace(b",", b", ", 1), "entry-form"),
        (leaf(5).replace(b'"v":1', b'"v":1.0'), "entry-form"),
        (leaf(5).replace(b'"task":"completion"', b'"task":"a","task":"b"'), "entry-form"),
        (leaf(5).replace(b"alice", b"\\u0061lice"), "entry-form"),
        (b"[" * 50_000, "entry-form"),
        (b"[]", "entry-form"),
        (b'{"v":1}', "entry-form"),
        (leaf(5, v=9), "entry-form"),
        (leaf(5, time="yesterday"), "entry-form"),
        (leaf(5, actor={"id": 7, "kind": "user"}), "entry-form"),
        (leaf(5, actor="alice"), "entry-form"),
        (leaf(5, reason=["a"]), "entry-form"),
        (leaf(5, rules="chat.use"), "entry-form"),
        (leaf(5, rules=[1]), "entry-form"),
        (leaf(5, tokens=[3, 4]), "entry-form"),
        (leaf(5, detections={"phone": "many"}), "entry-form"),
        (leaf(5).replace(b"alice", b"\xff"), "entry-form"),
        (leaf(6), "entry-index"),
        (leaf(5, time="2031-01-01T00:00:00.000000Z"), "entry-future"),
    ],
)  # fmt: skip
def test_an_entry_that_was_signed_like_this_is_named(tmp_path: Path, bad: bytes, code: str) -> None:
    """The log's keeper holds the key and can sign anything; what it signed is looked at too."""
    export(tmp_path / "x.zip", [*LEAVES[:5], bad, *LEAVES[6:20]])
    assert found(check(tmp_path / "x.zip")) == (code, 5)


def test_a_checkpoint_by_another_key_is_named(good: Path, tmp_path: Path) -> None:
    export(tmp_path / "forged.zip", LEAVES, FORGER)
    assert found(check(tmp_path / "forged.zip"))[0] == "checkpoint-other-key"
    other = Signer("naesil.log/other", bytes(32))
    assert found(check(good, key=f"{other.verifier}\n"))[0] == "checkpoint-other-log"
    head = read_zip(good)["checkpoint"]
    resigned = changed(good, tmp_path / "x.zip", checkpoint=head.replace(b"\n300\n", b"\n299\n"))
    assert found(check(resigned))[0] == "checkpoint-signature"


def test_a_fork_a_cut_and_a_rewritten_log_are_told_apart_by_an_outside_checkpoint(
    good: Path, tmp_path: Path
) -> None:
    other = HandLog([leaf(index, subject="bob") for index in range(COUNT + 1)])
    for size, code in ((COUNT, "fork"), (100, "since-inconsistent"), (COUNT + 1, "since-newer")):
        (tmp_path / "since").write_text(other.checkpoint(size))
        assert found(check(good, tmp_path / "since"))[0] == code
    true = HandLog(LEAVES)
    for size in (1, 100, 256, 257, COUNT):
        (tmp_path / "since").write_text(true.checkpoint(size))
        assert check(good, tmp_path / "since").since == [size]
    (tmp_path / "since").write_text(FORGER.sign(Checkpoint(ORIGIN, COUNT, true.root(COUNT)).text()))
    assert found(check(good, tmp_path / "since"))[0] == "checkpoint-other-key"


def test_a_rewritten_log_with_its_own_key_passes_only_without_an_outside_checkpoint(tmp_path: Path) -> None:
    export(tmp_path / "x.zip", [leaf(index, subject="bob") for index in range(COUNT)])
    verdict = check(tmp_path / "x.zip")
    assert verdict.ok
    assert "could have rewritten everything" in verdict.warnings[0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data[:-1], "archive-truncated"),
        (lambda data: data[: len(data) // 2], "archive-truncated"),
        (lambda data: data[:30], "archive-truncated"),
        (lambda data: data + b"\0", "archive-padded"),
        (lambda data: data + b"x" * 4096, "archive-padded"),
        (lambda data: b"PK" + data, "archive-padded"),
        (lambda _: b"PK\x03\x04" + b"x" * 200, "archive-truncated"),
        (lambda _: b"PK", "not-an-export"),
        (lambda _: b"", "empty"),
        (lambda _: b"\xff" * 100, "not-an-export"),
        (lambda data: data + data, "archive-padded"),
    ],
)  # fmt: skip
def test_a_cut_or_padded_file_is_named(
    good: Path, tmp_path: Path, change: Callable[[bytes], bytes], code: str
) -> None:
    (tmp_path / "x.zip").write_bytes(change(good.read_bytes()))
    assert found(check(tmp_path / "x.zip"))[0] == code


def test_bytes_hidden_between_two_files_are_named(good: Path, tmp_path: Path) -> None:
    """The gap is made by a member that the directory then forgets."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in read_zip(good).items():
            archive.writestr(zipfile.ZipInfo("hidden"), b"hidden") if name == "log.vkey" else None
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        archive.filelist = [info for info in archive.filelist if info.filename != "hidden"]
    assert found(check(tmp_path / "x.zip"))[0] == "archive-padded"


def test_a_member_twice_is_named(good: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in read_zip(good).items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(zipfile.ZipInfo("checkpoint"), b"another")
    assert found(check(tmp_path / "x.zip"))[0] == "file-twice"


def test_a_bomb_of_100_gigabytes_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """Blocks of zeros that each unpack to 16 MiB, over and over: 100 GB in about 100 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(16 * 1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    count = 100 * 1024**3 // (16 * 1024 * 1024)
    path = tmp_path / "bomb.zip"
    with path.open("wb") as file:
        packed, unpacked = count * len(block) + 2, count * 16 * 1024 * 1024
        extra = struct.pack("<HHQQ", 1, 16, unpacked, packed)
        name = b"entries.jsonl"
        file.write(
            struct.pack(
                "<4s5H3L2H", b"PK\x03\x04", 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra)
            )
        )
        file.write(name + extra)
        for _ in range(count):
            file.write(block)
        file.write(b"\x03\x00")
        start = file.tell()
        file.write(struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 45, 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF,
            len(name), len(extra), 0, 0, 0, 0, 0) + name + extra)  # fmt: skip
        length = file.tell() - start
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, length, start, 0))
    verdict = check(path)
    path.unlink()
    assert found(verdict)[0] == "zip-bomb"
    assert str(unpacked) in verdict.faults[0].text()


def test_a_line_without_end_is_not_read_into_memory(good: Path, tmp_path: Path) -> None:
    line = (
        b"".join(hashlib.sha256(bytes([at % 256, at // 256])).digest() for at in range(60_000)).hex().encode()
    )
    assert found(check(changed(good, tmp_path / "x.zip", **{"entries.jsonl": line})))[0] == "line-too-long"


def test_a_directory_that_claims_millions_of_files_is_refused(tmp_path: Path) -> None:
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9_000_000, 9_000_000, 900_000_000, 4)
    tail = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + end + tail + last)
    assert found(check(tmp_path / "x.zip"))[0] == "zip-bomb"


def test_the_command_exits_1_and_says_the_fault_and_2_for_a_missing_key(good: Path, tmp_path: Path) -> None:
    (tmp_path / "log.vkey").write_text(KEY)
    lines = read_zip(good)["entries.jsonl"].splitlines()
    _drop(lines)
    bad = changed(good, tmp_path / "x.zip", **{"entries.jsonl": b"".join(line + b"\n" for line in lines)})
    words = ["audit", "verify", str(bad), "--key", str(tmp_path / "log.vkey")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert result.stdout.startswith("BAD: Entry 7 is missing: entry 8 stands in its place.")
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (told["ok"], told["fault"], told["first_bad"]) == (False, "entry-missing", 7)
    assert CliRunner().invoke(app, ["audit", "verify", str(good)]).exception is not None
