"""Texts sealed for auditors: opened by the right key alone, bound to their entries, gone when erased."""

import dataclasses
import json
import stat
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.audit import content
from appliance.audit.export import Exporter, Request
from appliance.audit.log import AuditLog
from appliance.audit.openings import Openings
from appliance.audit.reading import entries
from appliance.cli.app import app
from appliance.errors import ConfigError, Conflict, InvalidInput
from appliance.evidence.auditor import AuditorSecret, new_auditor, open_box, seal_box
from appliance.evidence.auditorkey import AuditorKey
from appliance.evidence.faults import Fault
from appliance.evidence.keys import KeyRing
from appliance.evidence.opening import OpenedText, open_texts, printable
from appliance.evidence.openingrecord import opening_record, parse_opening
from appliance.evidence.singlecheck import check_file
from appliance.tlog.faults import NoteError
from tests.evidence.bundle import read_zip
from tests.evidence.conftest import AUDITOR, NOW, Site, entry

KIM, LEE = new_auditor("kim"), new_auditor("lee")


def sealing(site: Site, *auditors: AuditorKey) -> Site:
    """The same site where texts are sealed for these."""
    log = AuditLog(site.vault, site.clock, "boot-2", lambda: auditors)
    return dataclasses.replace(site, audit=log)


def opened(path: Path, secret: AuditorSecret) -> list[OpenedText | Fault]:
    with path.open("rb") as file:
        return list(open_texts(file, secret))


def texts(path: Path, secret: AuditorSecret) -> list[str]:
    return [one.text if isinstance(one, OpenedText) else one.code for one in opened(path, secret)]


def rewritten(path: Path, out: Path, sealed: bytes) -> Path:
    """The export with another file of sealed texts in it."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in read_zip(path).items():
            how = zipfile.ZIP_STORED if name.startswith("tile/") else zipfile.ZIP_DEFLATED
            archive.writestr(name, sealed if name == "sealed.jsonl" else data, how)
    return out


def test_each_auditor_opens_what_was_sealed_to_them_and_nobody_else_does(site: Site, tmp_path: Path) -> None:
    site.fill(2, "before")
    sealing(site, KIM.public, LEE.public).fill(3)
    sealing(site, LEE.public).fill(1, "later")
    path = site.export(tmp_path / "x.zip")
    assert check_file(path, KeyRing.parse(site.keys.text), now=NOW, jobs=1).ok
    assert texts(path, LEE) == ["question 0", "question 1", "question 2", "later 0"]
    assert texts(path, KIM) == ["question 0", "question 1", "question 2", "box-for-others"]
    assert texts(path, new_auditor("kim")) == ["box-for-others"] * 4
    found = opened(path, LEE)[0]
    assert isinstance(found, OpenedText)
    assert (found.entry, found.subject, found.action) == (2, "alice", "chat:prompt:accept")
    assert texts(site.export(tmp_path / "part.zip", "3", "4"), KIM) == ["question 1", "question 2"]


def test_neither_the_data_folder_nor_the_export_holds_a_text(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(3, "무지개송어")
    path = site.export(tmp_path / "x.zip")
    with site.database.read() as session:
        boxes = [one.box for one in site.audit.content.boxes(session, 0, 10)]  # all that the root key gives
    kept = b"".join(file.read_bytes() for file in site.folder.rglob("*") if file.is_file() and file != path)
    for place in (kept, *(box.encode() for box in boxes), *read_zip(path).values()):
        assert "무지개송어".encode() not in place


def test_handing_sealed_texts_out_is_an_entry_about_each_person(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(3)
    site.export(tmp_path / "x.zip", reason="민원 확인")
    site.seal()
    leaves = [one for one in entries(site.database, 0, 100) if one.action == "audit:sealed-text:give"]
    assert [(one.subject, one.actor.id, one.reason) for one in leaves] == [
        ("alice", AUDITOR.user_id, "texts 3: 민원 확인")
    ]


def test_what_is_destroyed_is_sealed_no_more_and_the_log_still_verifies(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(4)
    with site.database.write() as session:
        content.drop_objects(session, ["conversation:1", "conversation:2"])
    assert texts(site.export(tmp_path / "x.zip"), KIM) == ["question 0", "question 3"]
    with site.database.write() as session:  # the key alone is enough, as in a copy of the database
        site.vault.destroy_subject(session, "alice")
    path = site.export(tmp_path / "y.zip")
    assert texts(path, KIM) == []
    assert check_file(path, KeyRing.parse(site.keys.text), now=NOW, jobs=1).ok


def test_an_export_that_nobody_asked_for_holds_none(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(1)
    exporter = Exporter(site.database, site.audit, site.clock, site.keys, site.seal)
    exporter.export(AUDITOR, Request("정기", sealed=False), tmp_path / "x.zip")
    assert "sealed.jsonl" not in read_zip(tmp_path / "x.zip")


def test_whatever_was_changed_in_sealed_texts_is_named(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(3)
    path = site.export(tmp_path / "x.zip")
    first, second, third = read_zip(path)["sealed.jsonl"].splitlines(keepends=True)
    told = json.loads(first)
    forged = json.loads(seal_box((KIM.public,), told["id"], bytes(32), "nothing bad"))
    swapped = {**told, "box": json.loads(second)["box"]}
    cut = {**told, "box": {**told["box"], "body": told["box"]["body"][:-8]}}
    for changed, code in (
        ({**told, "box": forged}, "sealed-differs"),
        (swapped, "box-damaged"),
        (cut, "box-damaged"),
        ({**told, "box": {"v": 1}}, "box-damaged"),
        ({**told, "box": {**told["box"], "v": 2}}, "box-damaged"),
        ({**told, "id": "id-9"}, "sealed-without-entry"),
        ({**told, "entry": 900}, "sealed-without-entry"),
        ({**told, "entry": "0"}, "sealed-line"),
        ([], "sealed-line"),
    ):
        bad = rewritten(path, tmp_path / "bad.zip", json.dumps(changed).encode() + b"\n")
        assert texts(bad, KIM) == [code]
        verdict = check_file(bad, KeyRing.parse(site.keys.text), now=NOW, jobs=1)
        assert [fault.code for fault in verdict.faults] == ["file-changed"]
    assert texts(rewritten(path, tmp_path / "bad.zip", first + first), KIM) == [
        "question 0",
        "sealed-without-entry",
    ]
    with pytest.raises(Exception, match="has no end"):
        opened(rewritten(path, tmp_path / "bad.zip", third[:-1]), KIM)


def test_a_key_is_made_for_its_owner_alone_and_what_is_none_is_refused(tmp_path: Path) -> None:
    def run(*words: object) -> Result:
        result = CliRunner().invoke(app, ["audit", *map(str, words)])
        if isinstance(result.exception, ConfigError):
            raise result.exception
        return result

    made = run("keygen", "--out", tmp_path / "kim.key", "--name", "감사실/kim")
    public = made.stdout.strip()
    assert AuditorKey.parse(public).name == "감사실/kim"
    assert stat.S_IMODE((tmp_path / "kim.key").stat().st_mode) == 0o600
    assert str(AuditorSecret.parse((tmp_path / "kim.key").read_text()).public) == public
    for words in (
        ("keygen", "--out", tmp_path / "kim.key"),
        ("keygen", "--out", tmp_path / "other.key", "--name", "two words"),
        ("open", tmp_path / "x.zip", "--reason", "민원", "--key", tmp_path / "none"),
        ("open", tmp_path / "x.zip", "--reason", "민원", "--key", tmp_path / "kim.key"),
    ):
        with pytest.raises(ConfigError):
            run(*words)
    assert not (tmp_path / "other.key").exists()
    for bad in (public[:-4], public.replace("감사실", "감사원"), "kim+00000000+AAAA", ""):
        with pytest.raises(NoteError):
            AuditorKey.parse(bad)


def test_the_command_opens_checks_and_ends_with_1_for_what_is_wrong(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(2)
    path = site.export(tmp_path / "x.zip")
    (tmp_path / "kim.key").write_text(KIM.text())
    (tmp_path / "lee.key").write_text(LEE.text())
    (tmp_path / "log.vkey").write_text(site.keys.text)
    reason = ["--reason", "민원"]
    words = ["audit", "open", str(path), *reason, "--key", str(tmp_path / "kim.key")]
    plain = CliRunner().invoke(app, words)
    assert (plain.exit_code, "question 1" in plain.stdout, "Not checked" in plain.stderr) == (0, True, True)
    (record,) = tmp_path.glob("x.zip.*Z.opened")
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert parse_opening(record.read_text()).reason == "민원"
    nameless = CliRunner().invoke(app, [" " if word == "민원" else word for word in words])
    assert (type(nameless.exception), nameless.stdout) == (ConfigError, "")
    place = ["--record", str(tmp_path / "record")]
    checked = CliRunner().invoke(app, [*words, *place, "--log-key", str(tmp_path / "log.vkey"), "--json"])
    told = json.loads(checked.stdout)
    assert (checked.exit_code, told["ok"], told["checked"]) == (0, True, True)
    assert [one["text"] for one in told["texts"]] == ["question 0", "question 1"]
    again = CliRunner().invoke(app, [*words, *place])
    assert (type(again.exception), again.stdout) == (ConfigError, "")  # no record, no text
    others = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "lee.key")])
    assert (others.exit_code, "question" in others.stdout) == (1, False)
    bad = rewritten(path, tmp_path / "bad.zip", b"")
    words[2] = str(bad)
    assert CliRunner().invoke(app, [*words, "--log-key", str(tmp_path / "log.vkey")]).exit_code == 1
    (tmp_path / "no.zip").write_bytes(b"no zip")
    words[2] = str(tmp_path / "no.zip")
    assert CliRunner().invoke(app, words).exit_code == 1


def recorded(path: Path, secret: AuditorSecret, reason: str = "민원") -> str:
    with path.open("rb") as file:
        return opening_record(file, secret, reason, "2026-03-02T10:00:00Z")


def test_an_opening_that_is_brought_back_is_an_entry_about_each_person(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(3)
    text = recorded(site.export(tmp_path / "x.zip"), KIM)
    openings = Openings(site.database, site.vault, site.audit, site.seal)
    assert openings.take_in(AUDITOR, text) == {"alice": 3}
    site.seal()
    leaves = [one for one in entries(site.database, 0, 100) if one.action == "audit:sealed-text:open"]
    assert [(one.subject, one.actor.id, one.reason) for one in leaves] == [
        ("alice", AUDITOR.user_id, "texts 3, proved 3, by kim at 2026-03-02T10:00:00Z: 민원")
    ]
    with pytest.raises(Conflict):
        openings.take_in(AUDITOR, text)


def test_a_record_of_an_opening_that_was_none_is_refused(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(2)
    openings = Openings(site.database, site.vault, site.audit, site.seal)
    path = site.export(tmp_path / "x.zip")
    assert recorded(path, LEE) == ""  # nothing opens with this key
    true = json.loads(recorded(path, KIM))
    (index, name, proof), other = true["texts"]
    texts: list[object] = [
        [], [[index]], [[index, name, "00" * 32]], [[index, name, other[2]]], [[index + 1, name, proof]],
        [[999, name, proof]], [["0", name, proof]],
    ]  # fmt: skip
    changes: list[dict[str, object]] = [
        {"reason": "호기심"}, {"time": "2026-03-01T10:00:00Z"}, {"auditor": str(LEE.public)},
        {"format": "naesil-opening/2"}, {"reason": "x" * 1001}, {"auditor": "kim"},
        *({"texts": one} for one in texts),
    ]  # fmt: skip
    for changed in changes:
        with pytest.raises(InvalidInput):
            openings.take_in(AUDITOR, json.dumps(true | changed))
    for text in ("", "[]", "[" * 100_000, "{}", json.dumps(true | {"reason": "\ud800"})):
        with pytest.raises(InvalidInput):
            openings.take_in(AUDITOR, text)
    site.seal()
    assert not [one for one in entries(site.database, 0, 100) if one.action == "audit:sealed-text:open"]


def test_what_opens_before_a_fault_is_on_record_too(site: Site, tmp_path: Path) -> None:
    sealing(site, KIM.public).fill(3)
    path = site.export(tmp_path / "x.zip")
    first, second, third = read_zip(path)["sealed.jsonl"].splitlines(keepends=True)
    cut = rewritten(path, tmp_path / "cut.zip", first + second + third[:-1])
    assert len(parse_opening(recorded(cut, KIM)).texts) == 2


def test_an_opening_is_still_told_of_what_was_destroyed_since(site: Site, tmp_path: Path) -> None:
    with site.database.write() as session:
        site.vault.create_subject(session, "bob")
    log = sealing(site, KIM.public)
    log.fill(2)
    with site.database.write() as session:
        log.audit.append(session, dataclasses.replace(entry(7), subject="bob"), text="question 7")
    site.seal()
    text = recorded(site.export(tmp_path / "x.zip"), KIM)
    with site.database.write() as session:
        site.vault.destroy_subject(session, "alice")
    openings = Openings(site.database, site.vault, site.audit, site.seal)
    assert openings.take_in(AUDITOR, text) == {"alice": 2, "bob": 1}
    site.seal()
    told = {
        one.subject: one.reason[:17] for one in entries(site.database, 0, 100) if one.object[:8] == "opening:"
    }
    assert told == {"alice": "texts 2, proved 0", "bob": "texts 1, proved 1"}


def test_an_export_without_sealed_texts_says_so(shared: Site) -> None:
    with pytest.raises(Exception, match="holds no texts"):
        opened(shared.folder / "whole.zip", KIM)


def test_nothing_in_a_text_can_reach_the_terminal() -> None:
    assert printable("한글\n\x1b[2J\u202e끝\t") == "한글\n\\u001b[2J\\u202e끝\t"


def test_a_text_of_any_characters_comes_back_as_it_was() -> None:
    for text in ("", "\ud800 lone", "\x00\n" * 1000, "🧵" * 5000):
        box = json.loads(seal_box((KIM.public,), "id-1", b"k" * 32, text))
        assert open_box(KIM, "id-1", box, 1) == (b"k" * 32, text)
