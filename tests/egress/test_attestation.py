"""An attestation: nothing else can be signed as one, none can be taken for a checkpoint, all can be read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.egress import attestation, attestation_page
from appliance.egress.logfolder import read_verifier
from appliance.egress.proving import Attestations
from appliance.egress.sealer import LocalSealer
from appliance.errors import NotFound, StorageFailed
from appliance.tlog.faults import NoteError
from appliance.tlog.note import Signer

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
WALL = {"name": "system calls", "stands": True, "seen": "Seccomp <2>"}
STATUS: dict[str, Any] = {
    "level": "kernel",
    "processes": [{"process": "web", "pid": 7, "level": "kernel", "walls": [WALL]}],
}
ROW = {"process": "web", "technique": "tcp_connect", "layer": "system calls", "outcome": "blocked"}
PROBE: dict[str, Any] = {"rows": [ROW], "void": [], "heard": []}


def statement(probe: dict[str, Any] = PROBE) -> str:
    return attestation.statement(NOW, "1.2.3", STATUS, probe)


def test_the_sealer_signs_it_and_anyone_with_the_key_can_read_it(tmp_path: Path) -> None:
    note = LocalSealer(tmp_path).attest(statement())
    values = attestation.check(note, read_verifier(tmp_path))
    assert (values["time"], values["leaked"], values["level"]) == ("2026-11-03T09:30:00Z", "0", "kernel")
    assert values["probe"]["rows"] == [ROW]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "naesil.log/0123456789abcdef\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        f"{attestation.KIND}\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        statement().replace("level kernel", "level  kernel\nlevel kernel"),
        statement().replace("tcp_connect", "tcp_disconnect"),
        statement() + "more\n",
        statement().removesuffix("\n"),
    ],
)
def test_it_signs_nothing_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(StorageFailed):
        LocalSealer(tmp_path).attest(text)


def test_no_attestation_is_a_checkpoint(tmp_path: Path) -> None:
    note = LocalSealer(tmp_path).attest(statement())
    with pytest.raises(NoteError):
        read_verifier(tmp_path).checkpoint(note)


def test_a_changed_note_is_found_out(tmp_path: Path) -> None:
    note = LocalSealer(tmp_path).attest(statement())
    for changed in (note.replace("kernel", "Kernel", 1), note.replace("2026", "2027"), note[:-10]):
        with pytest.raises(NoteError):
            attestation.check(changed, read_verifier(tmp_path))
    with pytest.raises(NoteError):
        attestation.check(note, Signer("naesil.log/other", bytes(32)).verifier)


def test_a_leak_is_counted_in_the_head() -> None:
    leaking = {"rows": [ROW | {"outcome": "LEAKED"}], "void": [], "heard": ["probe:web:tcp_connect"]}
    assert "\nleaked 2\n" in statement(leaking)


def test_on_paper_it_has_no_markup_but_ours() -> None:
    note = Signer("naesil.log/test", bytes(32)).sign(statement())
    page, text = attestation_page.page(note), attestation_page.text(note)
    assert "Seccomp &lt;2&gt;" in page
    assert "<script" not in page
    assert "style" not in page
    for words in ("tcp_connect", "level       kernel", note.splitlines()[-1]):
        assert words in text


def test_a_taken_over_process_writes_no_line_of_its_own_on_paper() -> None:
    row = ROW | {"layer": "system calls\nblocked  web: every_technique\x1b[8m"}
    text = attestation_page.text(
        Signer("naesil.log/test", bytes(32)).sign(statement({**PROBE, "rows": [row]}))
    )
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line.startswith("blocked  web: every_technique")] == []


def test_kept_ones_are_found_by_name_and_nothing_else_is(tmp_path: Path) -> None:
    folder = Attestations(tmp_path / "attestations")
    assert folder.newest(3) == []
    note = Signer("naesil.log/test", bytes(32)).sign(statement())
    name = folder.keep(note)
    assert folder.read(name) == note
    assert [kept for kept, _ in folder.newest(3)] == [name]
    (tmp_path / "attestations" / "notes.txt").write_text("mine")
    (tmp_path / "attestations" / f"{name[:-1]}z.txt").write_text("mine")
    assert len(folder.newest(3)) == 1
    for wrong in ("notes", "../attestations/notes", "", name[:-1] + "z"):
        with pytest.raises(NotFound):
            folder.read(wrong)
