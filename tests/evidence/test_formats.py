"""Whatever an entry says, each form says it in its grammar: read back by readers written from the guides."""

import csv
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audit.actions import AuditAction
from appliance.evidence.formats import CSV_HEADER, cef_line, csv_line, ocsf_line, syslog_line
from tests.evidence.bundle import leaf

AWKWARD = "|=\\\"'],;\r\n\t +-@\u2028\u0085\x00\x1b\uff1da가"
TEXT = st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), max_size=20)
RECORDS = st.fixed_dictionaries(
    {
        "reason": TEXT, "object": TEXT, "subject": TEXT, "task": TEXT, "request": TEXT, "policy": TEXT,
        "rules": st.lists(TEXT, max_size=2),
        "actor": st.fixed_dictionaries({"kind": st.just("user"), "id": TEXT, "origin": TEXT}),
        "action": st.sampled_from([str(action) for action in AuditAction]),
    }
).map(lambda fields: json.loads(leaf(5, **fields)))  # fmt: skip


def unescaped(text: str, **letters: str) -> str:
    """Without backslashes: each stands before what it protects, or before a letter for something else."""
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), text, flags=re.DOTALL)


@given(record=RECORDS)
def test_a_spreadsheet_reads_every_cell_and_runs_none(record: dict[str, Any]) -> None:
    line = csv_line(record)
    assert "\n" not in line
    assert "\r" not in line
    (cells,) = csv.reader([line])
    row = dict(zip(CSV_HEADER.split(","), cells, strict=True))
    assert not any(cell.startswith(tuple("=+-@\t＝＋－＠")) for cell in cells)
    told = {**record, "actor": record["actor"]["id"], "origin": record["actor"]["origin"]}
    for name in ("reason", "object", "subject", "task", "request", "policy", "actor", "origin"):
        cell = row[name] if told[name].startswith("'") else row[name].removeprefix("'")
        assert unescaped(cell, n="\n", r="\r") == told[name]


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """(header fields, extension) by the guide: pipes part the header, key=value the rest."""
    head = re.match(r"((?:[^|\\]|\\.)*)\|" * 7, line, re.DOTALL)
    assert head is not None
    pair = r"(?:^| )([A-Za-z0-9_]+)=((?:\\.|[^\\=])*?)(?= [A-Za-z0-9_]+=|\Z)"
    pairs = re.findall(pair, line[head.end() :], re.DOTALL)
    return list(head.groups()), {key: unescaped(value, n="\n", r="\r") for key, value in pairs}


@given(record=RECORDS)
def test_arcsight_reads_every_field(record: dict[str, Any]) -> None:
    line = cef_line(record)
    assert "\n" not in line
    assert "\r" not in line
    head, extension = read_cef(line)
    assert head == ["CEF:0", "Naesil", "Naesil", "1", record["action"], record["action"], "1"]
    origin = next((extension[key] for key in ("src", "c6a2", "shost") if key in extension), "")
    assert origin == record["actor"]["origin"]
    assert extension.get("suid", "") == record["actor"]["id"]
    told = {"reason": "reason", "duid": "subject", "requestContext": "task", "filePath": "object"}
    for key, name in (told | {"request": "request", "cs2": "policy"}).items():
        assert extension.get(key, "") == record[name]
    assert extension.get("cs1", "") == " ".join(record["rules"])


@given(record=RECORDS)
def test_a_syslog_receiver_reads_the_five_fields_and_the_entry(record: dict[str, Any]) -> None:
    line = syslog_line(record)
    assert "\n" not in line
    value = r'"((?:[^"\\\]]|\\["\\\]])*)"'
    told = re.fullmatch(
        rf"<\d+>1 \S+ - naesil - \S+ \[naesil@32473((?: [a-z]+={value})*)\] \ufeff(.*)", line, re.DOTALL
    )
    assert told is not None
    assert json.loads(told[3]) == record
    pairs = re.findall(rf" ([a-z]+)={value}", told[1], re.DOTALL)
    fields = {name: unescaped(value) for name, value in pairs}
    for name, text in (
        ("actor", record["actor"]["id"]), ("origin", record["actor"]["origin"]),
        ("subject", record["subject"]), ("task", record["task"]),
    ):  # fmt: skip
        assert fields[name] == re.sub(r"[\r\n]", " ", text)


# What the schema (1.6.0) demands of the three classes, and the activities each of them has.
DEMANDED = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
CLASSES = {
    3001: (DEMANDED | {"user"}, range(12)),
    3002: (DEMANDED | {"user", "service"}, range(6)),
    6003: (DEMANDED | {"actor", "api", "src_endpoint"}, range(5)),
}


@pytest.mark.parametrize("action", AuditAction)
def test_every_action_is_an_event_that_the_open_schema_knows(action: AuditAction) -> None:
    event = json.loads(ocsf_line(json.loads(leaf(5, action=str(action), actor={"kind": "system"}))))
    demanded, activities = CLASSES[event["class_uid"]]
    assert demanded <= event.keys()
    assert event["activity_id"] in (*activities, 99)
    assert (event["activity_id"] == 99) == ("activity_name" in event)
    assert event["category_uid"] == event["class_uid"] // 1000
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["severity_id"] in (*range(7), 99)
    assert event["status_id"] in (0, 1, 2, 99)
    assert {"product", "version"} <= event["metadata"].keys()
    assert event["src_endpoint"] == {"name": "naesil"}


def test_a_reset_password_and_a_changed_one_are_told_apart() -> None:
    for action, activity in (
        (AuditAction.PASSWORD_CHANGED, 3), (AuditAction.USER_RESET, 4), (AuditAction.SECOND_FACTOR_OFF, 11),
        (AuditAction.USER_DELETED, 6),
    ):  # fmt: skip
        event = json.loads(ocsf_line(json.loads(leaf(5, action=str(action)))))
        assert (event["class_uid"], event["activity_id"]) == (3001, activity)


@given(record=RECORDS)
def test_the_open_schemas_event_holds_every_text(record: dict[str, Any]) -> None:
    line = ocsf_line(record)
    assert "\n" not in line
    event = json.loads(line)
    assert event["status_detail"] == record["reason"]
    assert event["actor"]["user"]["uid"] == record["actor"]["id"]
    assert event["resources"] == [{"name": record["object"], "owner": {"uid": record["subject"]}}]
    assert event["unmapped"]["rules"] == record["rules"]
