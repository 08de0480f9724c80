"""Anyone can check the guard of the running product: its state, its self-attack, a signed paper."""

import json
import sqlite3
from pathlib import Path

import pytest

from appliance.egress.probe import TECHNIQUES
from appliance.supervisor.selfattack import OFFICE
from tests.journeys.product import Product, appliance

JAILED = {"web", "gate", "sealer", "runtime", "post", "extractor"}


def egress(product: Product, *words: str) -> tuple[int, dict[str, object]]:
    result = appliance("egress", *words, "--data", str(product.data), "--json")
    return result.returncode, json.loads(result.stdout)


def actions(data: Path) -> list[dict[str, object]]:
    """Every record of the log, sealed or only accepted."""
    with sqlite3.connect(data / "naesil.db") as database:
        rows = database.execute("SELECT leaf FROM audit_entries UNION ALL SELECT body FROM audit_outbox")
        found = [json.loads(row[0]) for row in rows]
    database.close()
    return found


def test_status_tells_what_the_kernel_says_of_every_process(product: Product) -> None:
    code, status = egress(product, "status")
    assert code == 0
    assert status["level"] == "kernel"
    found = {one["process"]: one for one in status["processes"]}  # type: ignore[attr-defined]
    assert set(found) == JAILED | {"launcher"}
    assert set(product.children()) == JAILED
    assert found["launcher"]["facts"]["pid"] == product.process.pid
    assert found["launcher"]["level"] == status["supervisor"]["level"] == "kernel"  # type: ignore[index]
    for role, number in product.children().items():
        facts = found[role]["facts"]
        assert facts["pid"] == number
        assert (facts["seccomp_mode"], facts["no_new_privs"], facts["traceable"]) == (2, True, False)
        assert facts["capabilities"] == "0" * 16
        assert ({"mnt", "ipc"} if role == "post" else {"net", "mnt", "ipc"}) <= set(facts["own"])
        kinds = {sock["kind"] for sock in facts["sockets"]}
        assert kinds <= ({"listening", "accepted", "pair"} if role == "web" else {"pair"}), (role, kinds)


def test_no_technique_gets_out_of_a_live_process(product: Product) -> None:
    code, found = egress(product, "probe")
    assert (code, found["ok"], found["heard"]) == (0, True, [])
    rows = [*found["rows"], *found["void"]]  # type: ignore[misc]
    assert {row["outcome"] for row in found["rows"]} == {"blocked"}  # type: ignore[attr-defined]
    for role in {*JAILED, "supervisor"}:
        tried = {row["technique"] for row in rows if row["process"] == role}
        assert tried == set(TECHNIQUES) - OFFICE.get(role, frozenset()), role  # type: ignore[call-overload]
    children = product.children()
    assert set(children) == JAILED  # nobody died of it
    probes = [one for one in actions(product.data) if one["action"] == "egress:guard:probe"]
    assert {"occasion:start", "occasion:command line"} <= {one["object"] for one in probes}
    assert {one["outcome"] for one in probes} == {"allowed"}
    assert all("denied=" in str(one["reason"]) for one in probes)
    assert not [one for one in actions(product.data) if one["action"] == "egress:call:deny"]


def test_an_attestation_is_signed_recorded_and_checked_with_the_public_key_alone(
    product: Product, tmp_path: Path
) -> None:
    note, page = tmp_path / "note.txt", tmp_path / "page.html"
    code, found = egress(product, "attest", "--out", str(note), "--html", str(page))
    assert (code, found["ok"], found["level"], found["leaked"]) == (0, True, "kernel", "0")
    assert "<script" not in page.read_text("utf-8")
    entry = next(one for one in actions(product.data) if one["id"] == found["entry"])
    assert entry["action"] == "egress:guard:attest"
    key = product.data / "keys" / "log.pub"
    check = appliance("egress", "check", str(note), "--key", str(key))
    assert (check.returncode, check.stdout.startswith("OK: signed")) == (0, True)
    note.write_text(note.read_text("utf-8").replace("leaked 0", "leaked 1"), "utf-8")
    forged = appliance("egress", "check", str(note), "--key", str(key))
    assert (forged.returncode, forged.stdout.startswith("BAD")) == (1, True)


@pytest.mark.parametrize("command", ["status", "probe", "attest"])
def test_without_a_running_product_it_says_how_to_start_one(tmp_path: Path, command: str) -> None:
    result = appliance("egress", command, "--data", str(tmp_path))
    assert result.returncode == 3
    assert "appliance serve" in result.stderr
    assert "Traceback" not in result.stderr
