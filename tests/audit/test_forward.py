"""The log over syslog: a real TLS receiver gets every sealed entry, whatever breaks on the way."""

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.audit.export import Exporter, Request
from appliance.audit.forward import Forwarder, Receiver
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import read_public_keys
from appliance.audit.sequencer import Sequencer
from appliance.evidence.singlecheck import check_file
from appliance.storage.engine import Database
from tests.audit.conftest import ALICE
from tests.audit.receiver import Listener, certificate
from tests.fakes import FakeClock


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path)
    yield found
    found.close()


def indexes(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r'"index":(\d+)', line))]


def _all(sequencer: Sequencer) -> None:
    sequencer.run_once()


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
    sequencer.run_once()  # the entries of the delivery itself and of the checkpoint that it carried
    assert Forwarder(database, audit, clock, lambda: None).send(receiver) == 2
    assert indexes(listener.lines) == list(range(302))


def test_each_days_first_delivery_pins_the_log_with_its_checkpoint(
    database: Database, audit: AuditLog, clock: FakeClock, sequencer: Sequencer, keys: Path,
    record: Callable[[int], None], listener: Listener, tmp_path: Path,
) -> None:  # fmt: skip
    receiver = Receiver("127.0.0.1", listener.port, listener.ca)
    forwarder = Forwarder(database, audit, clock, lambda: None)
    for number in range(3):
        record(10)
        sequencer.run_once()
        forwarder.send(receiver)
        clock.advance(86_400 * number)  # the second comes on the first's day
    pinned = [line for line in listener.lines if " - naesil - checkpoint " in line]
    assert len(pinned) == 2
    assert len(indexes(pinned)) == 0
    sequencer.run_once()
    public = read_public_keys(keys)
    Exporter(database, audit, clock, public, lambda: _all(sequencer)).export(
        ALICE, Request("점검", start="30"), tmp_path / "part.zip"
    )
    (tmp_path / "received.log").write_text("\n".join(f"Mar  2 18:00:00 box {line}" for line in pinned[::-1]))
    found = check_file(
        tmp_path / "part.zip", public.ring(), since=[tmp_path / "received.log"], now=clock.now().timestamp()
    )
    assert (found.ok, found.since) == (True, [10])
    (tmp_path / "received.log").write_text(pinned[1])
    assert check_file(tmp_path / "received.log", public.ring(), now=clock.now().timestamp()).size == 33
    (tmp_path / "received.log").write_text(pinned[1].replace("\\n33\\n", "\\n34\\n"))
    forged = check_file(tmp_path / "received.log", public.ring(), now=clock.now().timestamp())
    assert [fault.code for fault in forged.faults] == ["checkpoint-signature"]


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
