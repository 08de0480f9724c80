"""A syslog receiver over TLS, with a certificate of its own; reads counted lines as they come (RFC 5425)."""

import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Listener:
    """Keeps every line; answers the other side's farewell. `rude`: resets instead.

    `knocks`: how many connections there were, whatever came of them.
    """

    def __init__(self, folder: Path) -> None:
        self.ca = certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.rude = False
        self.lines: list[str] = []
        self.knocks = 0
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
            self.knocks += 1
            with plain, suppress(ssl.SSLError), self._context.wrap_socket(plain, server_side=True) as sock:
                if self.rude:
                    sock.recv(1)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    continue
                for line in _counted(iter(lambda: sock.recv(65536), b"")):
                    self.lines.append(line)
                sock.unwrap().close()


def _counted(pieces: Iterator[bytes]) -> Iterator[str]:
    """The lines, each as soon as it is whole: its length in octets, a space, itself."""
    data = b""
    for piece in pieces:
        data += piece
        while True:
            length, space, rest = data.partition(b" ")
            if not space or len(rest) < int(length):
                break
            yield rest[: int(length)].decode()
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
