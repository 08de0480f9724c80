"""What the product exports verifies, says the same in every form, and is there whole or not at all."""

import csv
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from appliance.audit import exportreport, tree
from appliance.audit.export import Exporter, Request
from appliance.audit.reading import entries
from appliance.errors import InvalidInput, NotFound
from appliance.evidence import exportcheck, manifestcheck
from appliance.evidence.keys import KeyRing
from appliance.evidence.layout import parse_manifest
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import Verdict, sentences
from tests.evidence.bundle import read_zip
from tests.evidence.conftest import AUDITOR, COUNT, NOW, Site


def check(site: Site, path: Path, *since: Path) -> Verdict:
    return check_file(path, KeyRing.parse(site.keys.text), since=since, now=NOW, jobs=1)


def test_the_whole_log_with_its_own_reason_is_exported_and_verifies(shared: Site) -> None:
    verdict = check(shared, shared.folder / "whole.zip")
    assert (verdict.ok, verdict.first, verdict.entries) == (True, 0, COUNT + 2)
    assert verdict.reason == "분기 점검"
    assert any("No outside checkpoint" in line for line in sentences(verdict))
    last = json.loads(read_zip(shared.folder / "whole.zip")["entries.jsonl"].splitlines()[-1])
    assert (last["action"], last["reason"], last["actor"]["id"]) == (
        "audit:log:export",
        "분기 점검",
        "auditor",
    )


def test_a_part_of_the_log_verifies_against_any_checkpoint_that_left_the_house(shared: Site) -> None:
    for kept in ("kept.checkpoint", "whole.zip"):
        verdict = check(shared, shared.folder / "part.zip", shared.folder / kept)
        assert (verdict.ok, verdict.first, verdict.entries, verdict.warnings) == (True, 290, 271, [])
    assert verdict.since == [COUNT + 2]


def test_every_form_has_a_line_for_each_entry_in_its_own_rules(shared: Site) -> None:
    members = read_zip(shared.folder / "whole.zip")
    records = [json.loads(line) for line in members["entries.jsonl"].splitlines()]
    rows = list(csv.DictReader(io.StringIO(members["entries.csv"].decode("utf-8-sig"))))
    assert [int(row["index"]) for row in rows] == list(range(COUNT + 2))
    assert not any(row["reason"].startswith("=") for row in rows)
    cef = members["entries.cef"].decode().splitlines()
    assert all(re.fullmatch(r"CEF:0\|Naesil\|Naesil\|1\|[^|]+\|[^|]+\|\d\|.+", line) for line in cef)
    ocsf = [json.loads(line) for line in members["entries.ocsf.jsonl"].splitlines()]
    assert [event["metadata"]["sequence"] for event in ocsf] == [record["index"] for record in records]
    assert all(event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] for event in ocsf)
    syslog = members["entries.syslog"].decode().splitlines()
    grammar = (
        r'<\d{1,3}>1 \S+ - naesil - \S{1,32} \[naesil@32473( [a-z]+="([^"\\\]]|\\["\\\]])*")+\] \ufeff\{.*\}'
    )
    assert all(re.fullmatch(grammar, line) for line in syslog)
    assert len(cef) == len(ocsf) == len(syslog) == len(records) == COUNT + 2
    page = members["report.html"].decode()
    assert "<script" not in page
    assert "감사 기록" in page
    assert "&quot;a|b=c" not in page  # the reason of an entry is not in the summary


def test_a_range_is_given_in_days_of_seoul_times_or_indexes(site: Site, tmp_path: Path) -> None:
    for _ in range(3):
        site.fill(2)
        site.clock.advance(86_400)
    for start, end, found in [
        ("2026-03-03", "2026-03-03", (2, 2)),
        ("2026-03-02T18:00", "2026-03-03", (0, 4)),
        ("2026-03-03T09:00:00Z", "", (2, 5)),
        ("1", "2", (1, 2)),
    ]:
        manifest = parse_manifest(read_zip(site.export(tmp_path / "x.zip", start, end))["manifest.json"])
        assert manifest.first == found[0]
        assert manifest.count >= found[1]
    with pytest.raises(NotFound):
        site.export(tmp_path / "y.zip", "2030-01-01")
    with pytest.raises(InvalidInput, match="yesterday"):
        site.export(tmp_path / "y.zip", "yesterday")
    assert not (tmp_path / "y.zip").exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_without_a_reason_nothing_is_exported_or_read(site: Site, tmp_path: Path, reason: str) -> None:
    site.fill(1)
    with pytest.raises(InvalidInput):
        site.export(tmp_path / "x.zip", reason=reason)
    assert len(entries(site.database, 0, 10)) == 1
    assert not (tmp_path / "x.zip").exists()


KILLED = """
import sys, time
from pathlib import Path
from appliance.audit import exportreport, tree
from appliance.audit.export import Exporter, Request
from tests.evidence.conftest import AUDITOR, make_site
site = make_site(Path(sys.argv[1]))
site.fill(300)
def stop(done, total):
    print(done, flush=True)
    time.sleep(60)
Exporter(site.database, site.audit, site.clock, site.keys, site.seal).export(
    AUDITOR, Request("test"), Path(sys.argv[2]) / "x.zip", stop)
"""


def test_a_killed_export_leaves_no_file_and_what_was_there_before_stays(tmp_path: Path) -> None:
    folder, out = tmp_path / "site", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    (out / "x.zip").write_text("the export of last month")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(out)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert [path.name for path in out.iterdir()] == ["x.zip"]
    assert (out / "x.zip").read_text() == "the export of last month"


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM, errno.EXDEV])
def test_where_nothing_can_be_linked_a_whole_file_comes_all_the_same(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """As in the jail of the process that serves the console."""

    def refused(*_words: object, **_more: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", refused)
    site.fill(3)
    (tmp_path / "exports").mkdir()
    path = site.export(tmp_path / "exports" / "x.zip")
    assert check(site, path).ok
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_memory_does_not_grow_with_the_log(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pieces that are read at once are made small, so that a small log has many of them."""
    monkeypatch.setattr(exportcheck, "PIECE_ENTRIES", 256)
    monkeypatch.setattr(exportcheck, "READ_BYTES", 16_384)
    monkeypatch.setattr(manifestcheck, "READ_BYTES", 16_384)
    monkeypatch.setattr(tree, "BATCH", 64)
    monkeypatch.setattr(exportreport, "SHOWN_ENTRIES", 10)

    def peak() -> int:
        tracemalloc.start()
        site.export(tmp_path / "x.zip")
        assert check(site, tmp_path / "x.zip").ok
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    site.fill(10)
    peak()  # what is imported and cached the first time
    site.fill(590)
    small = peak()
    site.fill(600)
    assert peak() < small + 256 * 1024


def test_an_unwritable_place_is_an_error_before_anything_is_recorded(site: Site, tmp_path: Path) -> None:
    site.fill(1)
    with pytest.raises(OSError, match="No such file"):
        site.export(tmp_path / "nowhere" / "x.zip")
    assert len(entries(site.database, 0, 10)) == 1


def test_progress_ends_at_its_total(site: Site, tmp_path: Path) -> None:
    site.fill(20)
    seen: list[tuple[int, int]] = []
    exporter = Exporter(site.database, site.audit, site.clock, site.keys, site.seal)
    exporter.export(
        AUDITOR, Request("test"), tmp_path / "x.zip", lambda done, all_: seen.append((done, all_))
    )
    assert seen[-1] == (105, 105)
