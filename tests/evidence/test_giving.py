"""Single pieces of evidence: proofs, checkpoints, witnesses' cosignatures, a text its owner shows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.audit.disclosure import Disclosures
from appliance.audit.reading import entries
from appliance.audit.witnesses import Witnesses
from appliance.cli.qrcode import as_svg, sheet
from appliance.core import Principal
from appliance.errors import Conflict, InvalidInput, NotFound
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import Verdict
from appliance.evidence.witness import cosign, init_witness, read_witness, watch_log, witness_key
from appliance.tlog.cosign import ML_DSA_44_COSIGNATURE, Cosigner, CosignerKey
from appliance.tlog.note import Note
from tests.evidence.bundle import SIGNER, HandLog, leaf
from tests.evidence.conftest import ALICE, AUDITOR, NOW, Site

BOB = Principal("bob", "user", "session-3", "10.0.0.8")
Check = Callable[..., Verdict]


@pytest.fixture
def check(shared: Site, tmp_path: Path) -> Check:
    """What the verifier says of a text, given the log's key and others."""

    def run(text: str, *since: str, keys: str = "") -> Verdict:
        paths = []
        for number, one in enumerate([text, *since]):
            paths.append(tmp_path / f"piece-{number}")
            paths[-1].write_text(one)
        ring = KeyRing.parse(shared.keys.text, keys)
        return check_file(paths[0], ring, since=paths[1:], now=NOW)

    return run


def code(verdict: Verdict) -> str:
    return verdict.faults[0].code


def test_an_entry_with_its_proof_verifies_and_any_other_does_not(shared: Site, check: Check) -> None:
    text = shared.giving().entry(AUDITOR, 77)
    good = check(text)
    assert (good.ok, good.kind, good.details["entry"]["object"]) == (True, "entry", "conversation:77")
    assert code(check(text.replace("index 77", "index 78"))) == "entry-proof"
    assert code(check(text.replace("extra ", "extra e30K"))) in ("proof-form", "entry-proof")
    assert (
        code(check("\n".join(line for line in text.split("\n") if not line.startswith("extra"))))
        == "proof-empty"
    )
    lines = text.split("\n")
    assert code(check("\n".join([*lines[:4], *lines[5:]]))) == "entry-proof"
    with pytest.raises(NotFound):
        shared.giving().entry(AUDITOR, 10_000)


def test_two_checkpoints_are_compared_by_their_proof(shared: Site, check: Check) -> None:
    old = (shared.folder / "kept.checkpoint").read_text()
    proof = shared.giving().consistency(AUDITOR, 100)
    assert check(proof, old).since == [100]
    assert code(check(proof)) == "since-needed"
    assert code(check(proof.replace("old 100", "old 101"), old)) == "since-needed"
    newest = shared.giving().checkpoint(AUDITOR)
    assert check(newest, newest).ok
    assert code(check(newest, old)) == "since-unproved"
    with pytest.raises(NotFound):
        shared.giving().consistency(AUDITOR, 10_000)


def test_every_piece_given_out_is_an_entry(site: Site) -> None:
    site.fill(3)
    site.giving().checkpoint(AUDITOR)
    site.giving().entry(AUDITOR, 1)
    site.giving().consistency(AUDITOR, 2)
    site.seal()
    told = [(leaf.action, leaf.object, leaf.actor.id) for leaf in entries(site.database, 3, 9)]
    assert told == [
        ("audit:checkpoint:show", "checkpoint:3", "auditor"),
        ("audit:entry:prove", "entry:1", "auditor"),
        ("audit:checkpoint:show", "checkpoint:5", "auditor"),
    ]


def test_the_owner_shows_a_text_and_only_the_owner_and_only_that_text(site: Site, tmp_path: Path) -> None:
    site.fill(3, text="질문")
    site.clock.advance(1)
    service = Disclosures(site.database, site.vault, site.audit, site.seal)
    (tmp_path / "shown").write_text(service.disclose(ALICE, 1, "질문 1", "분쟁 조정"))
    ring = KeyRing.parse(site.keys.text)
    assert check_file(tmp_path / "shown", ring, now=NOW + 9).kind == "disclosure"
    values = json.loads((tmp_path / "shown").read_text())
    for saved in ("질문 1\n", "질문 1\r\n"):  # as an editor leaves it
        assert json.loads(service.disclose(ALICE, 1, saved, "분쟁 조정"))["text"] == "질문 1"
    (tmp_path / "shown").write_text(json.dumps(values | {"text": "질문 2"}))
    assert code(check_file(tmp_path / "shown", ring, now=NOW + 9)) == "disclosure-text"
    for owner, index, text, error in [
        (BOB, 1, "질문 1", NotFound),
        (ALICE, 1, "질문 1\n\n", InvalidInput),
        (ALICE, 99, "질문 1", NotFound),
    ]:
        with pytest.raises(error):
            service.disclose(owner, index, text, "분쟁 조정")
    outcomes = [leaf.outcome for leaf in entries(site.database, 3, 9) if leaf.action == "audit:text:disclose"]
    assert outcomes == ["allowed", "allowed", "allowed", "refused"]


@pytest.mark.parametrize("kind", [b"\x04", ML_DSA_44_COSIGNATURE])
def test_a_witness_cosigns_and_the_log_and_its_exports_show_it(
    site: Site, tmp_path: Path, kind: bytes
) -> None:
    site.fill(3)
    key = init_witness(tmp_path / "w", "auditor.example/w1", kind)
    assert witness_key(tmp_path / "w") == key
    origin = watch_log(tmp_path / "w", site.keys.text)
    witnesses = Witnesses(site.database, site.audit, site.clock)
    witnesses.trust(AUDITOR, key)
    with pytest.raises(Conflict):
        witnesses.trust(AUDITOR, key)
    signed = cosign(tmp_path / "w", site.giving().consistency(AUDITOR, 0), int(NOW))
    assert witnesses.accept(AUDITOR, signed) == [("auditor.example/w1", 4)]
    assert (witnesses.find("auditor.example/w1").size, read_witness(tmp_path / "w").logs[origin].size) == (
        4,
        4,
    )
    site.fill(2)
    ring = KeyRing.parse(site.keys.text, key)
    verdict = check_file(site.export(tmp_path / "x.zip"), ring, now=NOW)
    assert [(one.name, one.size, one.time) for one in verdict.cosigned] == [
        ("auditor.example/w1", 4, int(NOW))
    ]
    assert (verdict.ok, verdict.warnings) == (True, [])
    later = cosign(tmp_path / "w", site.giving().consistency(AUDITOR, 4), int(NOW) + 400)
    assert witnesses.accept(AUDITOR, later)[0][1] > 4
    site.fill(1)
    assert code(check_file(site.export(tmp_path / "x.zip"), ring, now=NOW)) == "cosignature-future"
    alone = check_file(tmp_path / "x.zip", KeyRing.parse(site.keys.text), now=NOW)
    assert alone.details["unknown_signers"] == ["auditor.example/w1"]


def test_cosignatures_that_do_not_count_are_not_taken_in(site: Site) -> None:
    site.fill(3)
    witnesses = Witnesses(site.database, site.audit, site.clock)
    stranger = Cosigner("stranger.example", bytes(32))
    note = site.giving().checkpoint(AUDITOR)
    signed = note + stranger.cosign(Note.parse(note).text, int(NOW)).line()
    with pytest.raises(InvalidInput, match="No trusted witness"):
        witnesses.accept(AUDITOR, signed)
    witnesses.trust(AUDITOR, str(stranger.public))
    for text in (signed.replace("— stranger", "— strange"), HandLog([leaf(0)]).checkpoint(1), "", "x\n\n"):
        with pytest.raises(InvalidInput):
            witnesses.accept(AUDITOR, text)
    broken = signed[:-8] + ("AAAA" if signed[-8:-4] != "AAAA" else "BBBB") + signed[-4:]
    with pytest.raises(InvalidInput):
        witnesses.accept(AUDITOR, broken)
    with pytest.raises(InvalidInput, match="verifier key"):
        witnesses.trust(AUDITOR, site.keys.text)
    assert witnesses.list()[0].size == 0
    assert witnesses.accept(AUDITOR, signed) == [("stranger.example", 3)]


def test_a_witness_refuses_what_does_not_extend_what_it_saw(tmp_path: Path) -> None:
    log = HandLog([leaf(index) for index in range(20)])
    other = HandLog([leaf(index, subject="bob") for index in range(20)])
    init_witness(tmp_path, "w")
    watch_log(tmp_path, str(SIGNER.verifier))
    cosign(tmp_path, log.consistency(0, 10).text(), 5)
    with pytest.raises(Unsound, match="already"):
        init_witness(tmp_path, "w")
    for request, fault in [
        (other.consistency(10, 20).text(), "witness-inconsistent"),
        (other.consistency(10, 10).text(), "fork"),
        (log.consistency(5, 20).text(), "witness-conflict"),
        (log.consistency(0, 5).text(), "witness-conflict"),
        (log.consistency(10, 20).text().replace("\n20\n", "\n19\n"), "checkpoint-signature"),
        ("old 10\n\nanother log\n0\n", "witness-unknown-log"),
        ("nothing", "request-form"),
    ]:
        with pytest.raises(Unsound) as bad:
            cosign(tmp_path, request, 5)
        assert bad.value.fault.code == fault
    assert read_witness(tmp_path).logs[SIGNER.verifier.name].size == 10
    signed = cosign(tmp_path, log.consistency(10, 20).text(), 6)
    assert CosignerKey.parse(witness_key(tmp_path)).times(Note.parse(signed)) == [6]


@pytest.mark.parametrize("name", ["", "a b", "a+b"])
def test_an_unfit_name_for_a_witness_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unsound):
        init_witness(tmp_path / "w", name)
    assert not (tmp_path / "w").exists()


def test_a_checkpoint_on_paper_is_one_to_compare_with_however_it_was_copied(
    shared: Site, tmp_path: Path
) -> None:
    page, note = sheet((shared.folder / "kept.checkpoint").read_text()), (shared.folder / "kept.checkpoint")
    ring, kept = KeyRing.parse(shared.keys.text), tmp_path / "kept"
    text = note.read_text()
    for copied in (page, text.strip(), f"\n{text}\n\n", text.replace("\n", "\r\n")):
        kept.write_bytes(copied.encode())
        assert check_file(shared.folder / "whole.zip", ring, since=[kept], now=NOW, jobs=1).since == [100]
        assert check_file(kept, ring, now=NOW).size == 100
    kept.write_text(text.replace("\n100\n", "\n101\n"))
    assert not check_file(shared.folder / "whole.zip", ring, since=[kept], now=NOW, jobs=1).ok
    kept.write_text("hello")
    assert [fault.code for fault in check_file(kept, ring, now=NOW).faults] == ["unknown-file"]


def test_a_checkpoint_fits_on_paper_as_text_and_code(shared: Site) -> None:
    note = shared.giving().checkpoint(AUDITOR)
    page = sheet(note)
    assert page.startswith(note)
    assert "█" in page
    assert as_svg(note).startswith("<?xml")
    assert "<script" not in as_svg(note)
