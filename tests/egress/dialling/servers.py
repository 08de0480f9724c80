"""Real servers to be dialled: an echo, a web server that redirects, a mail server with STARTTLS."""

import contextlib
import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BIND_REQUEST = 0x60
Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """A TCP server on the machine's loopback, a thread a connection; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=one, args=(peer,), daemon=True).start()

    def one(peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer:
            talk(peer)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def echo(peer: socket.socket) -> None:
    while data := peer.recv(65536):
        peer.sendall(data)


def silent(peer: socket.socket) -> None:
    peer.recv(1)


def directory(peer: socket.socket) -> None:
    """An LDAP server that lets everybody in: BindRequest 1 -> BindResponse success (RFC 4511)."""
    request = peer.recv(4096)
    assert request[5] == BIND_REQUEST, request
    peer.sendall(bytes.fromhex("300c02010161070a010004000400"))
    peer.recv(4096)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextmanager
def web(redirect_to: str) -> Iterator[int]:
    """GET /page says "page"; GET /away redirects."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Location", redirect_to)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"page")

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1]
        running.shutdown()


@contextmanager
def mail(certificate: Path) -> Iterator[int]:
    """Speaks just enough SMTP to go over to TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"220 mail.example\r\n")
        line = peer.makefile("rb", buffering=0)
        for answer in (b"250-mail.example\r\n250 STARTTLS\r\n", b"220 go\r\n"):
            line.readline()
            peer.sendall(answer)
        line.close()
        with context.wrap_socket(peer, server_side=True) as sealed, sealed.makefile("rwb") as lines:
            while words := lines.readline():
                lines.write(b"221 bye\r\n" if words.upper().startswith(b"QUIT") else b"250 ok\r\n")
                lines.flush()

    with server(talk) as port:
        yield port


def self_signed(name: str, file: Path) -> str:
    """A certificate for `name` with its key in `file`; the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_text(secret.decode() + pem, "ascii")
    return pem
