"""The log over syslog: a real TLS receiver gets every sealed entry, whatever breaks on the way."""

import ipaddress
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.audit.forward import Forwarder, Receiver
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.storage.engine import Database
from tests.fakes import FakeClock


class Listener:
    """Reads counted lines until the other side says farewell; `rude`: resets instead."""

    def __init__(self, folder: Path) -> None:
        self.ca = certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.rude = False
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._door.accept()
            except OSError:
                return
            with plain, suppress(ssl.SSLError), self._context.wrap_socket(plain, server_side=True) as sock:
                if self.rude:
                    sock.recv(1)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    continue
                data = b"".join(iter(lambda: sock.recv(65536), b""))
                self._count(data)
                sock.unwrap().close()

    def _count(self, data: bytes) -> None:
        while data:
            length, _, rest = data.partition(b" ")
            self.lines.append(rest[: int(length)].decode())
            data = rest[int(length) :]


def certificate(folder: Path) -> str:
    """A certificate for 127.0.0.1 that signs itself; its PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(text)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return text.decode()


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
