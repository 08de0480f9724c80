"""The log's key is replaced: who trusts the old key or the new one checks everything, and no one else can."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.audit.keychange import KeyChange
from appliance.audit.verify import verify
from appliance.egress import sealer as sealing
from appliance.egress.logfolder import read_ring
from appliance.egress.logkey import LogKey, below
from appliance.egress.sealer import LocalSealer
from appliance.errors import StorageFailed
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.onefile import verifier_source
from appliance.evidence.rotation import Rotation, split_statements
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import Verdict
from appliance.evidence.witness import cosign, init_witness, watch_log
from appliance.tlog.note import Note
from tests.evidence.bundle import read_zip, write_zip
from tests.evidence.conftest import AUDITOR, NOW, Site

FORGER = bytes(range(32))


@pytest.fixture(autouse=True)
def filled(site: Site) -> None:
    site.fill(20)


def rotate(site: Site, *, second: bool | None = None) -> str:
    """The new public keys."""
    change = KeyChange(site.database, site.audit, site.sealer, site.seal)
    keys, _ = change.replace(AUDITOR, "yearly", second=second)
    site.fill(5)
    return keys


def check(file: Path, keys: str, *since: Path) -> Verdict:
    return check_file(file, KeyRing.parse(keys), since=since, now=NOW, jobs=1)


def test_an_export_is_checked_by_who_trusts_the_old_key_or_the_new(site: Site, tmp_path: Path) -> None:
    old, kept = site.keys.text, tmp_path / "kept"
    kept.write_text(site.giving().checkpoint(AUDITOR))
    between = rotate(site)
    new = rotate(site)
    file = site.export(tmp_path / "x.zip", start="0", end="3")
    for keys in (old, between, new):
        verdict = check(file, keys, kept)
        assert (verdict.ok, len(verdict.details["rotations"]), verdict.since) == (True, 2, [20])
    assert len({old, between, new}) == 3
    assert verify(site.database, site.keys.ring(), site.sealer.head()).ok


def test_the_checkpoint_at_the_change_is_signed_by_both(site: Site) -> None:
    change = KeyChange(site.database, site.audit, site.sealer, site.seal)
    old, (new, replaced) = site.keys.text, change.replace(AUDITOR, "yearly")
    for keys in (old, new):
        assert KeyRing.parse(keys).checkpoint(replaced.checkpoint, "x")[0].size == replaced.size
    assert len(Note.parse(replaced.checkpoint).signatures) == 2


def test_a_second_signature_is_demanded_from_the_change_on(site: Site, tmp_path: Path) -> None:
    old, kept = site.keys.text, tmp_path / "kept"
    kept.write_text(site.giving().checkpoint(AUDITOR))
    new = rotate(site, second=True)
    assert len(new.splitlines()) == 2
    file = site.export(tmp_path / "x.zip")
    assert check(file, old, kept).ok
    assert check(file, new, kept).ok
    members = read_zip(file)
    text, _, lines = members["checkpoint"].decode().partition("\n\n")
    bare = f"{text}\n\n" + lines.splitlines(keepends=True)[0]
    write_zip(tmp_path / "bare.zip", members | {"checkpoint": bare.encode()})
    assert [one.code for one in check(tmp_path / "bare.zip", old).faults] == ["checkpoint-second-key"]
    assert verify(site.database, site.keys.ring(), site.sealer.head()).ok
    assert len(rotate(site, second=False).splitlines()) == 1
    assert verify(site.database, site.keys.ring(), site.sealer.head()).ok


def test_a_change_that_the_old_key_did_not_sign_is_refused(site: Site, tmp_path: Path) -> None:
    old = site.keys.text
    rotate(site)
    members = read_zip(site.export(tmp_path / "x.zip"))
    true = Rotation.open(members["rotations"].decode())
    forger = LogKey(true.origin, FORGER)
    text = Rotation(true.origin, true.size, true.root, true.old, forger.public, true.time).text()
    for note in (forger.state(text), below(forger.state(text), LogKey(true.origin, bytes(32)).state(text))):
        write_zip(tmp_path / "forged.zip", members | {"rotations": note.encode()})
        assert [one.code for one in check(tmp_path / "forged.zip", old).faults] == ["rotation"]


def test_a_leaked_old_key_cannot_sign_what_came_after_it(site: Site, tmp_path: Path) -> None:
    seed = (site.folder / "keys" / "log.key").read_bytes()
    old = site.keys.text
    rotate(site)
    file = site.export(tmp_path / "x.zip")
    members = read_zip(file)
    thief = LogKey(KeyRing.parse(old).log.name, seed)
    checkpoint = KeyRing.parse(site.keys.text).checkpoint(members["checkpoint"].decode(), "")[0]
    forged = thief.checkpoint(checkpoint.size, checkpoint.root, 0)
    write_zip(tmp_path / "forged.zip", members | {"checkpoint": forged.encode()})
    assert [one.code for one in check(tmp_path / "forged.zip", old).faults] == ["checkpoint-old-key"]


def test_a_change_over_another_tree_is_a_fork(site: Site, tmp_path: Path) -> None:
    seed = (site.folder / "keys" / "log.key").read_bytes()
    rotate(site)
    members = read_zip(site.export(tmp_path / "x.zip"))
    true = Rotation.open(members["rotations"].decode())
    old = LogKey(true.origin, seed)
    new = LogKey(true.origin, (site.folder / "keys" / "log.key").read_bytes())
    text = Rotation(true.origin, true.size, bytes(32), true.old, true.new, true.time).text()
    note = below(old.state(text), new.state(text))
    write_zip(tmp_path / "forged.zip", members | {"rotations": note.encode()})
    assert [one.code for one in check(tmp_path / "forged.zip", str(true.old.first)).faults] == [
        "rotation-inconsistent"
    ]


def test_a_chain_with_a_gap_is_refused(site: Site, tmp_path: Path) -> None:
    old = site.keys.text
    for _ in range(3):
        rotate(site)
    members = read_zip(site.export(tmp_path / "x.zip"))
    first, _, third = split_statements(members["rotations"].decode())
    write_zip(tmp_path / "gap.zip", members | {"rotations": (first + third).encode()})
    assert [one.code for one in check(tmp_path / "gap.zip", old).faults] == ["rotation"]


def test_a_crash_after_the_statement_is_mended_by_the_next_to_open_the_folder(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = site.folder / "keys"
    prepared = site.sealer.prepare()

    def crash(_: LocalSealer) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sealing.LocalSealer, "_open", crash)
        with pytest.raises(KeyboardInterrupt):
            site.sealer.replace(prepared)
    LocalSealer(keys)
    assert (keys / "log.pub").read_text() == prepared
    assert not (keys / "log.key.next").exists()
    site.fill(3)  # the older sealer follows
    assert verify(site.database, read_ring(keys), site.sealer.head()).ok


def test_only_the_key_that_was_prepared_takes_over(site: Site) -> None:
    with pytest.raises(StorageFailed):
        site.sealer.replace(site.keys.text)
    first = site.sealer.prepare()
    site.sealer.prepare()
    with pytest.raises(StorageFailed):
        site.sealer.replace(first)


def test_a_witness_follows_the_statements_and_nobody_elses_key(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    init_witness(folder, "witness.example/w1")
    watch_log(folder, site.keys.text)
    cosign(folder, site.giving().consistency(AUDITOR, 0), int(NOW))
    new = rotate(site)
    request = site.giving().consistency(AUDITOR, 20)
    for unproved in (new, str(LogKey(KeyRing.parse(new).log.name, FORGER).public.first)):
        with pytest.raises(Unsound, match="watched with another key"):
            watch_log(folder, unproved)
    with pytest.raises(Unsound, match="another key"):
        cosign(folder, request, int(NOW))
    watch_log(folder, new + site.keys.replaced)
    assert "witness.example/w1" in cosign(folder, request, int(NOW))


def test_the_one_file_verifier_follows_the_chain(site: Site, tmp_path: Path) -> None:
    old = tmp_path / "old.vkey"
    old.write_text(site.keys.text)
    rotate(site, second=True)
    chain, proof, program = tmp_path / "chain", tmp_path / "proof", tmp_path / "verifier.py"
    chain.write_text(site.keys.text + site.keys.replaced)
    proof.write_text(site.giving().entry(AUDITOR, 22))
    program.write_text(verifier_source())
    words = [sys.executable, *map(str, (program, "verify", proof, "--key", old))]
    assert subprocess.run(words, check=False).returncode == 1
    assert subprocess.run([*words, "--rotations", str(chain)], check=False).returncode == 0
