"""The auditors' viewer over a long log: the first page of every kind of search, and pages far back."""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.audit import store
from appliance.audit.entry import Actor, Leaf, encode
from appliance.audit.search import Query, search
from appliance.audit.sequencer import record
from appliance.storage import migrate
from appliance.storage.engine import Database
from benchmarks.registry import Bar, Measurement, Scale

PAGE = 50
BATCH = 20_000
TIMES = 3
QUERIES = {
    "all": Query(),
    "user": Query(user="user7"),
    "origin": Query(origin="10.0.0.9"),
    "action": Query(action="auth:session:open"),
    "area": Query(action="chat:"),
    "outcome": Query(outcome="blocked"),
    "detector": Query(detector="phone"),
    "model": Query(model="abab"),
    "request": Query(request="request-77"),
    "month": Query(start="2026-03-01", end="2026-04-01"),
    "nothing": Query(action="auth:session:open", model="ff"),
    "many": Query(
        action="chat:prompt:accept", model="abab", outcome="allowed", user="user7", origin="10.0.0.9"
    ),
}


def pages(scale: Scale) -> dict[str, float]:
    """The slowest of each search's first pages, and of one in the middle of the log, in milliseconds."""
    entries = scale.of(1_000_000, 2_000)
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'naesil.db'}")
        try:
            migrate.upgrade(database)
            _fill(database, entries)
            seen = {name: _slowest(database, query, None) for name, query in QUERIES.items()}
            deep = _slowest(database, Query(), entries // 2)
        finally:
            database.close()
    figures = {f"{name}_ms": took for name, took in seen.items()}
    return figures | {"deep_ms": deep, "first_page_worst_ms": max(seen.values()), "entries": float(entries)}


def _slowest(database: Database, query: Query, before: int | None) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        with database.read() as session:
            search(session, query, before, PAGE)
        took.append(time.perf_counter() - began)
    return max(took) * 1000


def _fill(database: Database, entries: int) -> None:
    dice = random.Random(1)  # noqa: S311 - the same log in every run
    for start in range(0, entries, BATCH):
        leaves = _leaves(dice, start, min(entries, start + BATCH), entries)
        with database.write() as session:
            store.add_entries(session, [record(leaf, encode(leaf)) for leaf in leaves])


def _leaves(dice: random.Random, start: int, end: int, entries: int) -> Iterator[Leaf]:
    for index in range(start, end):
        yield Leaf(
            v=1,
            id=f"id-{index:012d}",
            index=index,
            time=f"2026-{1 + index * 11 // entries:02d}-{1 + index % 28:02d}T00:00:00.000000Z",
            boot="boot",
            action=dice.choice(("chat:prompt:accept", "chat:reply:finish", "auth:session:open")),
            actor=Actor(id=f"user{dice.randrange(200)}", kind="user", origin=f"10.0.0.{dice.randrange(100)}"),
            outcome="blocked" if index % 50 == 0 else "allowed",
            object="conversation:benchmark",
            request=f"request-{index}",
            model="ab" * 32 if index % 2 else "cd" * 32,
            detections={"phone": 1} if index % 20 == 0 else {},
        )


WORKLOADS = (
    Measurement(
        "audit-viewer",
        "first pages of the auditors' viewer over a million entries",
        pages,
        bars=(Bar("first_page_worst_ms", 200, "at most"),),
    ),
)
"""Filling the log takes about a minute."""
