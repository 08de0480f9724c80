"""Code of an intruder inside every live process of the running product, with somebody listening outside."""

import re
from pathlib import Path

import pytest

from appliance.egress.environment import child_environment
from appliance.egress.probe import TECHNIQUES
from tests.escape import intruder
from tests.escape.outside import MARKER
from tests.escape.run import ROLES, STARTERS, Seen, under_attack

STREAM, DATAGRAM, INTERNET = 1, 2, (2, 10)
TABLE = Path(__file__).parents[2] / "docs" / "escape.md"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return under_attack(tmp_path_factory.mktemp("live"))


def test_the_product_works_meanwhile_and_its_one_destination_is_reached(seen: Seen) -> None:
    assert seen.alive == dict.fromkeys(set(ROLES) - {"supervisor"}, True)
    assert seen.found["web"]["control"].startswith("HTTP/1.0 302")


@pytest.mark.parametrize("role", ROLES)
def test_no_technique_gets_out(seen: Seen, role: str) -> None:
    rows = {name: row for name, row in seen.found[role].items() if isinstance(row, dict)}
    assert len(rows) >= 80
    assert {name: row for name, row in rows.items() if row["outcome"] == "LEAKED"} == {}
    assert [name for name in rows if f"{role}:{name};" in seen.heard] == []


@pytest.mark.parametrize("role", intruder.MISUSE)
def test_every_misuse_of_the_broker_was_really_tried(seen: Seen, role: str) -> None:
    outcomes = {attack.__name__: seen.found[role][attack.__name__] for attack in intruder.MISUSE[role]}
    assert {name: row for name, row in outcomes.items() if row["outcome"] != "blocked"} == {}


@pytest.mark.parametrize("role", STARTERS)
def test_who_starts_others_reaches_nobody(seen: Seen, role: str) -> None:
    """A launcher's datagrams leave its socket, in a network where nobody lives; the outside decides."""
    rows = seen.found[role]
    assert len(rows) >= 35
    assert [name for name in rows if f"{role}:{name};" in seen.heard] == []
    open_ones = {name for name, row in rows.items() if row["outcome"] == "LEAKED"}
    assert open_ones <= ({"udp_connected"} if role == "launcher" else set())


@pytest.mark.parametrize("role", ROLES)
def test_of_all_sockets_there_are_none_opens_but_what_is_its_office(seen: Seen, role: str) -> None:
    opened = {tuple(one) for one in seen.found[role]["sweep"]}
    streams = {one for one in opened if one[0] in INTERNET and one[1] == STREAM and one[2] in (0, 6)}
    if role in ("sealer", "runtime", "extractor", "supervisor"):
        assert opened == set()
    elif role == "post":  # ears of every kind, which cannot be connected or sent from
        assert {one[0] for one in opened} == {1, *INTERNET}
        assert {one for one in opened if one[0] in INTERNET} == streams | {
            one for one in opened if one[0] in INTERNET and one[1] == DATAGRAM and one[2] in (0, 17)
        }
    else:  # web is handed sockets of the gate's empty network; gate and broker make them
        assert opened == streams


def test_nobody_outside_heard_anything(seen: Seen) -> None:
    assert seen.heard == ""


def test_the_children_of_the_product_are_given_none_of_the_starters_environment() -> None:
    assert MARKER not in child_environment({"STARTER": MARKER}).values()


def test_the_published_table_names_every_technique_and_no_leak() -> None:
    text = TABLE.read_text("utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    misuse = {attack.__name__ for attacks in intruder.MISUSE.values() for attack in attacks}
    assert named == set(TECHNIQUES) | misuse
    assert "LEAKED" not in text
