"""The log over syslog: a real TLS receiver gets every sealed entry, whatever breaks on the way."""

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.audit.forward import Forwarder, Receiver
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.storage.engine import Database
from tests.audit.receiver import Listener, certificate
from tests.fakes import FakeClock


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path)
    yield found
    found.close()


def indexes(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r'"index":(\d+)', line))]


def test_every_entry_arrives_and_the_place_outlives_a_restart(
    database: Database, audit: AuditLog, clock: FakeClock, sequencer: Sequencer,
    record: Callable[[int], None], listener: Listener,
) -> None:  # fmt: skip
    receiver = Receiver("127.0.0.1", listener.port, listener.ca)
    record(300)
    sequencer.run_once()
    listener.rude = True
    with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
        Forwarder(database, audit, clock, lambda: None).send(receiver)
    listener.rude = False
    assert Forwarder(database, audit, clock, lambda: None).send(receiver) == 300
    assert indexes(listener.lines) == list(range(300))
    assert listener.lines[0].startswith("<110>1 ")
    sequencer.run_once()  # the entry of the delivery itself
    assert Forwarder(database, audit, clock, lambda: None).send(receiver) == 1
    assert indexes(listener.lines) == list(range(301))


def test_a_receiver_with_another_certificate_gets_nothing(
    database: Database, audit: AuditLog, clock: FakeClock, sequencer: Sequencer,
    record: Callable[[int], None], listener: Listener, tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "other").mkdir()
    record(1)
    sequencer.run_once()
    receiver = Receiver("127.0.0.1", listener.port, certificate(tmp_path / "other"))
    with pytest.raises(ssl.SSLCertVerificationError):
        Forwarder(database, audit, clock, lambda: None).send(receiver)
    assert listener.lines == []
