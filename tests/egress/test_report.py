"""How the level follows from the walls that stand."""

import json

from appliance.egress.report import GuardReport, Layer

CALLS, NETWORK = Layer("system calls", True, "yes"), Layer("network namespace", True, "yes")


def test_the_level_is_kernel_when_every_required_wall_stands() -> None:
    spare = Layer("tcp by landlock", False, "needs ABI 4", required=False)
    report = GuardReport("web", (CALLS, NETWORK, spare))
    assert report.level == "kernel"
    assert report.missing == ()


def test_one_missing_wall_makes_it_partial_and_names_it() -> None:
    gone = Layer("network namespace", False, "not permitted")
    report = GuardReport("web", (CALLS, gone))
    assert report.level == "partial"
    assert report.missing == (gone,)


def test_without_both_network_walls_it_is_off_whatever_else_stands() -> None:
    walls = (
        Layer("system calls", False, ""),
        Layer("network namespace", False, ""),
        Layer("files", True, ""),
    )
    assert GuardReport("web", walls).level == "off"


def test_the_report_is_one_line_of_json() -> None:
    line = GuardReport("web", (CALLS,)).to_json()
    assert "\n" not in line
    assert json.loads(line)["layers"][0]["name"] == "system calls"
