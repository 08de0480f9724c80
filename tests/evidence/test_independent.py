"""An export read with nothing of ours: a small reader written from the C2SP texts, and the one-file verifier.

tlog-checkpoint, signed-note, tlog-tiles, tlog-proof and tlog-cosignature as published at c2sp.org.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cryptography
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.evidence.auditorkey import AuditorKey
from appliance.evidence.onefile import verifier_source
from tests.evidence.bundle import read_zip
from tests.evidence.conftest import AUDITOR, COUNT, Site
from tests.evidence.test_sealed import rewritten, sealing

Hash = bytes


def sha256(*parts: bytes) -> Hash:
    return hashlib.sha256(b"".join(parts)).digest()


def tree_hash(leaves: list[Hash]) -> Hash:
    """MTH of RFC 6962, 2.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", tree_hash(leaves[:split]), tree_hash(leaves[split:]))


def open_note(note: str, vkey: str) -> list[str]:
    """The lines of a note's text, once a signature of this key holds."""
    name, key_id, material = vkey.strip().split("+", 2)
    raw = base64.b64decode(material)
    assert raw[0] == 1
    assert sha256(name.encode(), b"\n", raw)[:4].hex() == key_id
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        data = base64.b64decode(signature)
        if (dash, signer, data[:4].hex()) == ("—", name, key_id):
            Ed25519PublicKey.from_public_bytes(raw[1:]).verify(data[4:], (text + "\n").encode())
            return text.split("\n")
    raise AssertionError("not signed by this key")


def tile(archive: zipfile.ZipFile, level: str, index: int, width: int) -> bytes:
    name = f"{index:03}" if index < 1000 else f"x{index // 1000:03}/{index % 1000:03}"
    return archive.read(f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}"))


def test_a_reader_written_from_the_specification_comes_to_the_same_tree(shared: Site) -> None:
    vkey = (shared.folder / "log.vkey").read_text()
    with zipfile.ZipFile(shared.folder / "whole.zip") as archive:
        origin, size, root = open_note(archive.read("checkpoint").decode(), vkey)[:3]
        assert (origin, int(size)) == (vkey.split("+")[0], COUNT + 2)
        hashes, entries = [], []
        for index in range((int(size) + 255) // 256):
            width = min(256, int(size) - 256 * index)
            row = tile(archive, "0", index, width)
            hashes += [row[at : at + 32] for at in range(0, len(row), 32)]
            data, at = tile(archive, "entries", index, width), 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 2], "big")
                entries.append(data[at + 2 : at + 2 + length])
                at += 2 + length
            if width == 256:
                upper = tile(archive, "1", 0, int(size) // 256)
                assert upper[32 * index : 32 * index + 32] == tree_hash(hashes[-256:])
        assert [sha256(b"\0", entry) for entry in entries] == hashes
        assert base64.b64encode(tree_hash(hashes)).decode() == root
        assert b"".join(entry + b"\n" for entry in entries) == archive.read("entries.jsonl")


def test_a_proof_of_one_entry_is_read_from_the_specification(shared: Site) -> None:
    text = shared.giving().entry(AUDITOR, 42)
    assert len(text.encode()) <= 2048
    header, extra, index, *rest = text.partition("\n\n")[0].split("\n")
    assert (header, index) == ("c2sp.org/tlog-proof@v1", "index 42")
    leaf = base64.b64decode(extra.removeprefix("extra "))
    assert json.loads(leaf)["index"] == 42
    _, size, root = open_note(text.partition("\n\n")[2], (shared.folder / "log.vkey").read_text())[:3]
    node, at, last = sha256(b"\0", leaf), 42, int(size) - 1
    for step in map(base64.b64decode, rest):  # RFC 9162, 2.1.3.2
        if at & 1 or at == last:
            node = sha256(b"\x01", step, node)
            while not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, step)
        at, last = at >> 1, last >> 1
    assert base64.b64encode(node).decode() == root


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The one-file verifier in a Python that has nothing but `cryptography` and what that needs."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "verifier.py").write_text(verifier_source())
    packages = Path(cryptography.__file__).parent.parent
    for name in ("cryptography", "cffi", "_cffi_backend", "pycparser"):
        for found in packages.glob(f"{name}*"):
            if not (folder / found.name).exists():
                (folder / found.name).symlink_to(found)
    start = f"import sys, runpy; sys.path[:0] = [{str(folder)!r}]; sys.argv[0] = 'verifier'; "
    return [
        sys.executable,
        "-I",
        "-S",
        "-c",
        start + "runpy.run_path(sys.path[0] + '/verifier.py', run_name='__main__')",
    ]


def run(alone: list[str], *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*alone, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={"LANG": "C.UTF-8", "PATH": os.defpath},
    )


def test_the_one_file_verifier_needs_cryptography_alone(
    alone: list[str], shared: Site, tmp_path: Path
) -> None:
    key, whole = shared.folder / "log.vkey", shared.folder / "whole.zip"
    good = run(alone, "verify", whole, "--key", key, "--since", shared.folder / "kept.checkpoint")
    assert (good.returncode, good.stderr) == (0, "")
    assert "Agrees with the outside checkpoint of" in good.stdout
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    bad = run(alone, "verify", tmp_path / "bad.zip", "--key", key, "--json")
    assert (bad.returncode, bad.stderr) == (1, "")
    assert json.loads(bad.stdout)["problem"]
    (tmp_path / "p").write_text(shared.giving().entry(AUDITOR, 3))
    assert run(alone, "verify", tmp_path / "p", "--key", key).returncode == 0
    for wrong in (("none", key), ("p", tmp_path / "p"), ("p", tmp_path / "none")):
        unusable = run(alone, "verify", tmp_path / wrong[0], "--key", wrong[1])
        assert (unusable.returncode, unusable.stderr[:9]) == (2, "verifier:")


def test_the_one_file_verifier_is_a_witness_too(alone: list[str], shared: Site, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    key = run(alone, "witness", "init", "--dir", folder, "--name", "auditor.example/w1").stdout
    assert key.startswith("auditor.example/w1+")
    assert (
        run(alone, "witness", "trust", "--dir", folder, "--key", shared.folder / "log.vkey").returncode == 0
    )
    (tmp_path / "request").write_text(shared.giving().consistency(AUDITOR, 0))
    cosigned = run(alone, "witness", "cosign", tmp_path / "request", "--dir", folder)
    assert "\n— auditor.example/w1 " in cosigned.stdout
    again = run(alone, "witness", "cosign", tmp_path / "request", "--dir", folder)
    assert (again.returncode, again.stdout) == (1, "")
    assert "ask again from there" in again.stderr
    assert run(alone, "witness", "status", "--dir", folder).stdout
    for wrong in (
        ("init", "--name", "auditor.example/w2"), ("trust", "--key", tmp_path / "request"),
        ("cosign", tmp_path / "none"), ("cosign", shared.folder / "log.vkey"),
    ):  # fmt: skip
        assert run(alone, "witness", *wrong, "--dir", folder).returncode == 2


def test_the_one_file_verifier_opens_sealed_texts_of_a_checked_export_only(
    alone: list[str], site: Site, tmp_path: Path
) -> None:
    made = run(alone, "keygen", "--out", tmp_path / "kim.key", "--name", "kim")
    sealing(site, AuditorKey.parse(made.stdout.strip())).fill(2, "무지개송어")
    key = tmp_path / "log.vkey"
    key.write_text(site.keys.text)
    why = ("--reason", "민원", "--record", tmp_path / "record")
    words = ("open", site.export(tmp_path / "x.zip"), *why, "--key", tmp_path / "kim.key")
    good = run(alone, *words, "--log-key", key)
    assert (good.returncode, good.stderr[:8]) == (0, "Recorded")
    assert len(json.loads((tmp_path / "record").read_text())["texts"]) == 2
    assert [json.loads(line)["text"] for line in good.stdout.splitlines()] == ["무지개송어 0", "무지개송어 1"]
    assert run(alone, *words).returncode == 2  # the record is there already, and stays
    (tmp_path / "record").unlink()
    assert "Not checked" in run(alone, *words).stderr
    for reason in ("", " "):
        assert run(alone, words[0], words[1], "--reason", reason, *words[-2:]).returncode == 2
    (tmp_path / "other").write_text((tmp_path / "kim.key").read_text().replace(" kim ", " lee "))
    assert run(alone, *words[:-1], tmp_path / "other").returncode == 1  # sealed to another
    assert run(alone, *words[:-1], key).returncode == 2
    assert run(alone, *words, "--since", key).returncode == 2
    whole = Path(words[1])
    bad = rewritten(whole, tmp_path / "bad.zip", read_zip(whole)["sealed.jsonl"].splitlines(True)[0])
    opened = run(alone, words[0], bad, *words[2:], "--log-key", key)
    assert (opened.returncode, opened.stdout) == (1, "")


def test_every_export_carries_the_verifier_and_it_is_the_products_own_code(shared: Site) -> None:
    with zipfile.ZipFile(shared.folder / "whole.zip") as archive:
        assert archive.read("verifier.py").decode() == verifier_source()
    assert "appliance." not in "".join(
        line for line in verifier_source().splitlines() if line.startswith(("import", "from"))
    )
