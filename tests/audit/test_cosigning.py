"""Witnesses that audit.yaml names are asked in time; what goes wrong is on record once."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.audit.cosigning import AGAIN, Cosigning, NamedWitness
from appliance.audit.giving import Giving
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.audit.witnesses import Witnesses, latest_cosigned
from appliance.core import SYSTEM
from appliance.egress.logfolder import read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.evidence.keys import KeyRing
from appliance.evidence.witness import WITNESS_STATE_FILE, cosign
from appliance.storage.engine import Database
from tests.audit.witness_server import NOW, WitnessServer
from tests.fakes import FakeClock

HOUR = timedelta(hours=1)
Record = Callable[[int], None]


@pytest.fixture
def server(tmp_path: Path, keys: Path, sealer: LocalSealer) -> Iterator[WitnessServer]:
    assert sealer.head()
    running = WitnessServer(tmp_path / "witness", str(read_verifier(keys)))
    yield running
    running.close()


@pytest.fixture
def named(server: WitnessServer) -> list[NamedWitness]:
    """What the policy says; a test may change it."""
    return [NamedWitness("w1", server.key, "127.0.0.1", server.port, "/w", HOUR)]


@pytest.fixture
def cosigning(
    database: Database,
    audit: AuditLog,
    clock: FakeClock,
    sequencer: Sequencer,
    record: Record,
    named: list[NamedWitness],
) -> Cosigning:
    record(5)
    return Cosigning(database, audit, clock, lambda: tuple(named), lambda: _all(sequencer))


def _all(sequencer: Sequencer) -> None:
    sequencer.run_once()


@pytest.fixture
def told(database: Database, sequencer: Sequencer) -> Callable[[str], list[tuple[str, str, str]]]:
    """(outcome, object, reason) of every entry with this action."""

    def read(action: str) -> list[tuple[str, str, str]]:
        sequencer.run_once()
        found = [one for one in entries(database, 0, 1000) if one.action == action]
        return [(one.outcome, one.object, one.reason) for one in found]

    return read


Told = Callable[[str], list[tuple[str, str, str]]]


def test_each_time_the_newest_checkpoint_is_cosigned_and_leaves_with_the_log(
    cosigning: Cosigning, clock: FakeClock, database: Database, server: WitnessServer, keys: Path, told: Told
) -> None:
    assert cosigning.run_once() == 1
    assert cosigning.run_once() == 0
    first = server.seen()
    clock.advance(HOUR.total_seconds())
    assert cosigning.run_once() == 1
    assert server.seen() > first >= 5
    with database.read() as session:
        note = latest_cosigned(session, 1000)
    assert note is not None
    _, (mark,) = KeyRing.parse(str(read_verifier(keys)), server.key).checkpoint(note, "")
    assert (mark.name, mark.size) == ("witness.example/w1", server.seen())
    assert len(told("audit:witness:trust")) == 1
    assert [what for _, what, _ in told("audit:checkpoint:cosign")] == [
        f"checkpoint:{first}",
        f"checkpoint:{server.seen()}",
    ]


def test_a_witness_that_remembers_another_size_gets_the_proof_from_there(
    cosigning: Cosigning, database: Database, audit: AuditLog, sequencer: Sequencer, server: WitnessServer
) -> None:
    request = Giving(database, audit, lambda: _all(sequencer)).consistency(SYSTEM, 0)
    cosign(server.folder, request, NOW)  # by hand, and the answer never came to us
    assert cosigning.run_once() == 1
    assert server.asked == 2
    assert Witnesses(database, audit, FakeClock()).list()[0].size == server.seen() > 5


@pytest.mark.parametrize(
    ("size", "root", "said"),
    [(900, "", "set back"), (5, "A" * 43 + "=", "rewritten"), (3, "A" * 43 + "=", "rewritten")],
)
def test_a_witness_that_saw_more_or_another_past_is_an_alarm_in_the_log(
    cosigning: Cosigning, clock: FakeClock, server: WitnessServer, told: Told, size: int, root: str, said: str
) -> None:
    path = server.folder / WITNESS_STATE_FILE
    state = json.loads(path.read_text())
    for log in state["logs"].values():
        log.update(size=size, root=root or log["root"])
    path.write_text(json.dumps(state))
    for _ in range(3):
        assert cosigning.run_once() == 0
        clock.advance(AGAIN.total_seconds())
    ((outcome, what, reason),) = told("audit:witness:ask")
    assert (outcome, what) == ("failed", "witness:w1")
    assert said in reason
    assert told("audit:checkpoint:cosign") == []


def test_a_fork_at_the_same_size_is_an_alarm(
    cosigning: Cosigning, clock: FakeClock, server: WitnessServer, told: Told
) -> None:
    server.saying = 409, "0\n"
    assert cosigning.run_once() == 0
    assert "a fork" in told("audit:witness:ask")[0][2]
    assert server.asked == 1
    server.saying = None
    clock.advance(AGAIN.total_seconds())
    assert cosigning.run_once() == 1


@pytest.mark.parametrize(
    "saying",
    [
        (200, ""),
        (200, "— witness.example/w1 AAAA\n"),
        (200, "\x1b[2J" * 30_000),
        (301, "moved"),
        (404, "The log is not watched here.\n"),
        (409, "one\n"),
        (409, "9" * 40),
        (500, "\x1b[2Joops"),
    ],
)
def test_whatever_a_witness_says_instead_is_kept_as_a_reason_and_as_nothing_else(
    cosigning: Cosigning, server: WitnessServer, told: Told, saying: tuple[int, str]
) -> None:
    server.saying = saying
    assert cosigning.run_once() == 0
    ((outcome, _, reason),) = told("audit:witness:ask")
    assert outcome == "failed"
    assert reason.isprintable()
    assert len(reason) <= 300
    assert server.asked == 1


def test_a_witness_that_is_away_is_told_once_for_each_reason_and_gets_no_checkpoint(
    cosigning: Cosigning, clock: FakeClock, server: WitnessServer, named: list[NamedWitness], told: Told
) -> None:
    away = dataclasses.replace(named[0], name="away", key=named[0].key, port=1)
    named.insert(0, away)
    assert cosigning.run_once() == 1  # the other one is asked all the same
    for _ in range(3):
        clock.advance(AGAIN.total_seconds())
        cosigning.run_once()
    assert [what for _, what, _ in told("audit:witness:ask")] == ["witness:away"]
    assert len(told("audit:checkpoint:show")) == server.asked == 1


def test_over_tls_the_certificate_must_come_from_the_named_ones(
    cosigning: Cosigning, named: list[NamedWitness], tmp_path: Path, keys: Path, told: Told
) -> None:
    secure = WitnessServer(tmp_path / "secure", str(read_verifier(keys)), tls=True)
    try:
        other = WitnessServer(tmp_path / "other", str(read_verifier(keys)), tls=True)
        other.close()
        wanted = NamedWitness("tls", secure.key, "127.0.0.1", secure.port, "/w", HOUR, other.ca)
        named[:] = [wanted]
        assert cosigning.run_once() == 0
        assert "certificate verify failed" in told("audit:witness:ask")[0][2]
        assert secure.asked == 0
        named[:] = [dataclasses.replace(wanted, ca=secure.ca)]
        assert cosigning.run_once() == 1
    finally:
        secure.close()
