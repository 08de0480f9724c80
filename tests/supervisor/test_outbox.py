"""The supervisor never waits for web: what web does not read is kept, and in the end web is given up."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.protocol.egress import EgressEvent
from appliance.supervisor.outbox import MOST_WAITING, Outbox
from appliance.supervisor.spec import Report, ReportLine

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def denied(number: int) -> Report:
    return Report(event=EgressEvent(kind="deny", address=f"192.0.2.1:{number}", reason="x" * 200))


def test_a_web_that_sleeps_stops_nobody_and_reads_everything_in_order_once_it_wakes(pair: Pair) -> None:
    ours, theirs = pair
    box, line, read = Outbox(ours, pytest.fail), ReportLine(), list[Report]()
    reports = [denied(number) for number in range(5000)]
    for report in reports:
        box.say(report)
    assert box.pending
    while len(read) < len(reports):
        read += line.feed(theirs.recv(65536))
        box.flush()
    assert read == reports
    assert not box.pending


def test_a_descriptor_arrives_with_its_own_report_however_long_that_waited(pair: Pair) -> None:
    ours, theirs = pair
    box, line = Outbox(ours, pytest.fail), ReportLine()
    while not box.pending:
        box.say(denied(0))
    gift, kept = socket.socketpair()
    box.say(Report(attach="sealer"), gift)
    gift.close()
    came, last = list[int](), Report()
    while last.attach != "sealer":
        data, numbers, _, _ = socket.recv_fds(theirs, 65536, 4)
        came += numbers
        last = [last, *line.feed(data)][-1]
        box.flush()
    with socket.socket(fileno=came[0]) as arrived, kept:
        kept.sendall(b"it is the one")
        assert arrived.recv(100) == b"it is the one"
    assert len(came) == 1


def test_a_web_that_never_wakes_is_given_up_and_its_successor_gets_what_it_did_not_read(pair: Pair) -> None:
    given_up = list[bool]()
    box = Outbox(pair[0], lambda: given_up.append(True))
    number = 0
    while not given_up:
        box.say(denied(number))
        number += 1
        assert number < 2 * MOST_WAITING
    before = len(list(Path("/proc/self/fd").iterdir()))
    unread = box.close()
    assert [report.event for report in unread[-1:]] == [denied(number - 2).event]
    assert len(unread) >= MOST_WAITING - 1
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1
