"""Policy files: what is wrong is named with its file, its line and a remedy."""

import json
import os
import re
from pathlib import Path

import pytest

from appliance.config import load as load_settings
from appliance.config import share_folder
from appliance.errors import ConfigError
from appliance.i18n import translator
from appliance.policy import schema
from appliance.policy.documents import PolicyError, check, load, load_active
from appliance.tlog.cosign import ED25519_COSIGNATURE, CosignerKey


def spoiled(folder: Path, name: str, old: str, new: str) -> PolicyError:
    """The first problem after `old` became `new` in one file."""
    file = folder / name
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(PolicyError) as caught:
        load(folder)
    return caught.value


def line_of(folder: Path, name: str, part: str) -> int:
    lines = (folder / name).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


WITNESS_KEY = CosignerKey("w1.example/w", ED25519_COSIGNATURE, bytes(32))
WITNESS = f"{{name: w1, url: 'http://w1.example/w', key: '{WITNESS_KEY}'"
MISTAKES = (
    ("dlp.yaml", "detectors: [card]", "detecters: [card]", "detecters", "Did you mean 'detectors'?"),
    ("dlp.yaml", "detectors: [card]", "detectors: [crad]", "crad", "Did you mean 'card'?"),
    ("dlp.yaml", "at_least: MEDIUM", "at_least: MIDDLE", "MIDDLE", "Known: LOW, MEDIUM, HIGH."),
    ("dlp.yaml", "- id: P-2", "- id: p2", "p2", "pattern"),
    ("dlp.yaml", "- id: P-2", "- id: P-1\n    # doubled", "doubled", "used twice"),
    ("access.yaml", "- id: A-2", "- id: A-0\n    # doubled", "doubled", "used twice"),
    ("access.yaml", "roles: [auditor]", "roles: [auditer]", "auditer", "Did you mean 'auditor'?"),
    ("access.yaml", "version: 1", "version: 2", "version: 2", "1"),
    ("audit.yaml", "night_from: 22", "night_form: 22", "night_form", "Did you mean 'night_from'?"),
    (
        "audit.yaml",
        "export: null",
        "export: {directory: a, every: dayly, keep: 1}",
        "dayly",
        "Did you mean 'daily'?",
    ),
    ("audit.yaml", "export: null", "export: {directory: ../a, every: daily, keep: 1}", "../a", "pattern"),
    ("audit.yaml", "content: commitments", "content: sealed", "version: 1", "needs at least one key"),
    ("audit.yaml", "auditors: []", "auditors: [kim+00+AA]", "kim+00+AA", "audit keygen"),
    ("audit.yaml", "syslog: null", "syslog: {host: a.example, ca: none}", "ca: none", "PEM"),
    (
        "audit.yaml",
        "witnesses: []",
        f"witnesses: [{WITNESS}, every: hourly}}]",
        "w1,",
        "names no destination",
    ),
    (
        "audit.yaml",
        "witnesses: []",
        f"witnesses: [{WITNESS}, every: often}}]",
        "w1,",
        "Known: minutely, hourly",
    ),
    ("audit.yaml", "witnesses: []", f"witnesses: [{WITNESS}, ca: none}}]", "w1,", "PEM"),
    (
        "audit.yaml",
        "witnesses: []",
        f"witnesses: [{WITNESS}}}]".replace("http:", "https:"),
        "w1,",
        "https needs ca",
    ),
    (
        "audit.yaml",
        "witnesses: []",
        f"witnesses: [{WITNESS}}}]".replace("http:", "ftp:"),
        "w1,",
        "https://w1.example/witness",
    ),
    (
        "audit.yaml",
        "witnesses: []",
        "witnesses: [{name: w1, url: 'http://w1.example/', key: k}]",
        "w1,",
        "init",
    ),
    ("limits.yaml", "running: 16", "runing: 16", "runing", "Did you mean 'running'?"),
    ("limits.yaml", "running: 16", "running: many", "many", "integer"),
    ("limits.yaml", "weight: 1.0", "weight: -1.0", "-1.0", "greater than 0"),
    ("limits.yaml", "waiting: 256", "running: 256", "running: 256", "there twice"),
    ("limits.yaml", "  waiting: 256", "\twaiting: 256", "waiting: 256", "Indent with spaces"),
    ("limits.yaml", "default:", "default: &anchor", "&anchor", "Write it out"),
    ("limits.yaml", "default:", "default: !!python/object:os.system", "!!python", "Remove it"),
    ("limits.yaml", "groups: []", "groups: [", "groups: [", "not valid YAML"),
    ("limits.yaml", "groups: []", "groups: []\n---\nmore: 1", "---", "second document"),
    ("limits.yaml", "groups: []", "groups: " + "[" * 50 + "]" * 50, "groups: [[", "nested too deeply"),
)


@pytest.mark.parametrize(("name", "old", "new", "at", "remedy"), MISTAKES)
def test_a_mistake_is_named_with_file_line_and_remedy(
    folder: Path, name: str, old: str, new: str, at: str, remedy: str
) -> None:
    error = spoiled(folder, name, old, new)
    expected = line_of(folder, name, at) - ("doubled" in at)
    assert error.file == folder / name
    assert abs(error.line - expected) <= ("[" in at and "groups" in at)
    assert f"{name}, line {error.line}" in str(error)
    assert remedy in str(error)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    for name in ("access", "dlp", "limits"):
        file = folder / f"{name}.yaml"
        file.write_text(file.read_text("utf-8").replace("version: 1", "version: 7\nextra: 1"), "utf-8")
    policy, problems = check(folder)
    assert policy is None
    assert len(problems) == 6
    assert all(isinstance(problem, ConfigError) for problem in problems)


def test_an_alias_bomb_is_refused_before_it_grows(folder: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    (folder / "dlp.yaml").write_text(bomb, "utf-8")
    with pytest.raises(PolicyError, match="anchors and aliases"):
        load(folder)


def test_a_huge_file_is_refused(folder: Path) -> None:
    (folder / "dlp.yaml").write_bytes(b"# " + b"x" * 10_000_000)
    with pytest.raises(PolicyError, match="larger than"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"a: \x07", b"? [a]\n: b", b"word", b"\x00"])
def test_what_is_no_policy_is_refused(folder: Path, content: bytes) -> None:
    (folder / "dlp.yaml").write_bytes(content)
    with pytest.raises(PolicyError, match=re.escape("dlp.yaml")):
        load(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "limits.yaml").unlink()
    with pytest.raises(PolicyError, match=r"limits\.yaml cannot be read"):
        load(folder)


def test_the_revision_follows_the_meaning_and_not_the_spelling(folder: Path) -> None:
    before = load(folder).revision
    file = folder / "limits.yaml"
    text = file.read_text("utf-8")
    file.write_text("# a remark\n" + text.replace("weight: 1.0", "weight:   1.0"), "utf-8")
    assert load(folder).revision == before
    file.write_text(text.replace("running: 16", "running: 17"), "utf-8")
    assert load(folder).revision != before
    file.write_text(text, "utf-8")
    (folder / "terms.txt").write_text("# ours\n별빛계획\n", "utf-8")
    with_terms = load(folder)
    assert with_terms.revision != before
    assert len(with_terms.own.terms) == 1


def test_a_file_in_the_data_folder_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "policies"
    own.mkdir()
    shipped = (share_folder("policies") / "limits.yaml").read_text("utf-8")
    (own / "limits.yaml").write_text(shipped.replace("running: 16", "running: 3"), "utf-8")
    settings = load_settings({"data": tmp_path}, {})
    assert load_active(settings).parts.limits.default.running == 3


def test_terms_that_are_too_short_are_named(folder: Path) -> None:
    (folder / "terms.txt").write_text("별빛계획\n가\n", "utf-8")
    with pytest.raises(PolicyError, match=r"terms.txt, line 2"):
        load(folder)


def test_the_schemas_are_current() -> None:
    folder = share_folder("policies") / "schema"
    assert {file.name: file.read_text("utf-8") for file in folder.iterdir()} == schema.schemas()
    for text in schema.schemas().values():
        assert json.loads(text)["additionalProperties"] is False


def test_a_house_can_name_roles_of_its_own(folder: Path) -> None:
    file = folder / "access.yaml"
    text = file.read_text("utf-8")
    declared = "roles:\n  - name: trainee\n    title: {ko: 수습, en: Trainee}\n\nrules:"
    file.write_text(text.replace("rules:", declared, 1).replace("[auditor]", "[auditor, trainee]"), "utf-8")
    assert load(folder).roles[-1] == "trainee"


@pytest.mark.parametrize(("name", "old", "new"), [mistake[:3] for mistake in MISTAKES])
def test_a_mistake_is_told_in_korean_too(folder: Path, name: str, old: str, new: str) -> None:
    said = spoiled(folder, name, old, new).text(translator("ko"))
    assert re.search("세요|주세요|인가요|값: ", said)
    assert not re.search("Did you mean|Known:|Input should|Change it|%\\(", said)


def test_what_is_not_a_file_is_refused_without_reading_it(folder: Path) -> None:
    (folder / "limits.yaml").unlink()
    os.mkfifo(folder / "limits.yaml")
    with pytest.raises(PolicyError, match="is not a file"):
        load(folder)
