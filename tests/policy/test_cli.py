"""The commands an officer tries policies with."""

import json
from pathlib import Path

from typer.testing import CliRunner

from appliance.cli.policy import app


def run(*arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=given)
    return result.exit_code, result.stdout, result.stderr


def test_scan_answers_each_line_with_offsets_in_characters() -> None:
    given = "주민번호는900101-1234567입니다\n\n아무것도 없음\r\n전화 ０１０－１２３４－５６７８".encode()
    code, out, _ = run("scan", "--json", given=given)
    lines = [json.loads(line)["findings"] for line in out.splitlines()]
    assert code == 0
    assert lines[0] == [{"type": "rrn", "level": "HIGH", "start": 5, "end": 19, "rule": "rrn.hyphen"}]
    assert lines[1:3] == [[], []]
    assert (lines[3][0]["start"], lines[3][0]["end"]) == (3, 16)


def test_scan_survives_what_is_not_text() -> None:
    code, out, _ = run("scan", "--json", given=b"\xff\xfe 010-1234-5678\n\x00\n")
    assert code == 0
    assert [len(json.loads(line)["findings"]) for line in out.splitlines()] == [1, 0]


def test_check_names_every_mistake_and_fails(folder: Path) -> None:
    assert run("check", str(folder))[0] == 0
    file = folder / "dlp.yaml"
    file.write_text(file.read_text("utf-8").replace("action: mask", "action: musk"), "utf-8")
    code, _, err = run("check", str(folder))
    assert code == 1
    assert err.count("Did you mean 'mask'?") == 3


def test_check_without_a_folder_looks_at_the_shipped_policies() -> None:
    assert run("check")[0] == 0
    assert run("check", "/nowhere/at/all")[0] == 2
