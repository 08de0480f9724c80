"""Pages of a search hold exactly what fits, newest first, however the filters are combined."""

import random
from dataclasses import replace

import pytest

from appliance.audit import search as searching
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf, encode, state
from appliance.audit.search import Query, search
from appliance.audit.sequencer import record
from appliance.audit.store import add_entries
from appliance.core import Outcome, Principal
from appliance.storage.engine import Database
from tests.audit.conftest import PROMPT

ENTRIES = 400
PEOPLE = ("alice", "bob", "carol")
ACTIONS = (AuditAction.PROMPT, AuditAction.REPLY, AuditAction.LOGIN)


def leaf(index: int, dice: random.Random) -> Leaf:
    person = dice.choice(PEOPLE)
    entry = replace(
        PROMPT,
        action=dice.choice(ACTIONS),
        actor=Principal(person, "user", origin=f"10.0.0.{dice.randrange(3)}"),
        subject=dice.choice(PEOPLE),
        outcome=dice.choice([Outcome.ALLOWED, Outcome.ALLOWED, Outcome.BLOCKED]),
        model=dice.choice(["", "ab12", "ab99", "cd34"]),
        request_id=f"request-{index}",
        detections=dict.fromkeys(dice.sample(["phone", "card", "rrn"], dice.randrange(3)), 1),
    )
    stated = state(
        entry, id=f"id-{index}", time=f"2026-03-{1 + index * 28 // ENTRIES:02d}T09:00:00.000000Z", boot="b"
    )
    return Leaf(**{name: getattr(stated, name) for name in stated.__struct_fields__} | {"index": index})


@pytest.fixture
def leaves(database: Database) -> list[Leaf]:
    dice = random.Random(7)  # noqa: S311 - the same entries in every run
    made = [leaf(index, dice) for index in range(ENTRIES)]
    with database.write() as session:
        add_entries(session, [record(one, encode(one)) for one in made])
    return made


def fits(one: Leaf, query: Query) -> bool:
    """The filters' meaning in plain words."""
    return (
        (not query.start or one.time >= query.start)
        and (not query.end or one.time < query.end)
        and query.user in ("", one.actor.id, one.subject)
        and query.origin in ("", one.actor.origin)
        and (
            one.action.startswith(query.action)
            if query.action.endswith(":")
            else query.action in ("", one.action)
        )
        and query.outcome in ("", one.outcome)
        and (not query.detector or query.detector in one.detections)
        and one.model.startswith(query.model)
        and query.request in ("", one.request)
    )


def all_pages(database: Database, query: Query, limit: int) -> list[Leaf]:
    found: list[Leaf] = []
    before: int | None = None
    while True:
        with database.read() as session:
            page = search(session, query, before, limit)
        assert len(page.entries) <= limit
        found += page.entries
        if page.following is None:
            return found
        before = page.following


QUERIES = [
    Query(),
    Query(user="alice"),
    Query(user="nobody"),
    Query(origin="10.0.0.1", outcome="blocked"),
    Query(action="chat:", detector="phone"),
    Query(action=AuditAction.LOGIN, model="ab"),
    Query(model="ab9", user="bob", detector="rrn"),
    Query(request="request-77"),
    Query(start="2026-03-05T00:00:00.000000Z", end="2026-03-09T00:00:00.000000Z", outcome="allowed"),
    Query(start="2027-01-01T00:00:00.000000Z"),
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize(("few", "window"), [(10_000, 100_000), (20, 50), (0, 7)])
def test_the_pages_together_hold_what_fits_once_and_in_order(
    database: Database,
    leaves: list[Leaf],
    query: Query,
    few: int,
    window: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    monkeypatch.setattr(searching, "WINDOW", window)
    expected = [one for one in reversed(leaves) if fits(one, query)]
    assert all_pages(database, query, 7) == expected


@pytest.mark.usefixtures("leaves")
def test_entries_that_come_while_one_pages_move_nothing(database: Database) -> None:
    with database.read() as session:
        first = search(session, Query(), None, 10)
    with database.write() as session:
        late = leaf(ENTRIES, random.Random(8))  # noqa: S311 - as above
        add_entries(session, [record(late, encode(late))])
    with database.read() as session:
        second = search(session, Query(), first.following, 10)
    assert [one.index for one in (*first.entries, *second.entries)] == list(
        range(ENTRIES - 1, ENTRIES - 21, -1)
    )


def test_a_bounded_search_says_that_it_can_look_further(
    database: Database, leaves: list[Leaf], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW", 0)
    monkeypatch.setattr(searching, "WINDOW", 10)
    assert leaves
    with database.read() as session:
        page = search(session, Query(request="request-3"), None, 10)
    assert (page.entries, page.following, page.unfinished) == ((), ENTRIES - 10, True)
