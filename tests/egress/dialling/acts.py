"""What a watched process tries, by libraries nobody changed and by hand."""

import ctypes
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from appliance.egress import linux

FAST_OPEN = 0x20000000
LDAP_OPT_PROTOCOL_VERSION = 0x11


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def say(host: str, port: int, words: str) -> str:
    """Plain sockets: send words, read the answer."""
    try:
        with socket.create_connection((host, port), timeout=10) as sock:
            sock.sendall(words.encode())
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    except OSError as error:
        return _named(error)


def say_patiently(host: str, port: int, words: str) -> str:
    """The same with a socket that blocks."""
    try:
        with socket.create_connection((host, port)) as sock:
            sock.sendall(words.encode())
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    except OSError as error:
        return _named(error)


def hold(host: str, port: int) -> str:
    """Say nothing and wait until the other side ends it."""
    with socket.create_connection((host, port)) as sock:
        return sock.recv(1).decode()


def carry(host: str, port: int, megabytes: int) -> int:
    """How many bytes of an echo come back whole."""
    block = bytes(range(256)) * 4096
    with socket.create_connection((host, port), timeout=60) as sock:
        returned = 0
        for _ in range(megabytes):
            sock.sendall(block)
            echo = b""
            while len(echo) < len(block):
                echo += sock.recv(65536)
            returned += len(echo) if echo == block else 0
        return returned


def fetch(url: str) -> str:
    """httpx, with a client and a pool."""
    import httpx  # noqa: PLC0415

    try:
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            return client.get(url).text
    except httpx.HTTPError as error:
        return _named(error)


def fetch_asynchronously(url: str) -> str:
    import asyncio  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    async def run() -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            one, other = await asyncio.gather(client.get(url), client.get(url))
            return one.text + other.text

    try:
        return asyncio.run(run())
    except httpx.HTTPError as error:
        return _named(error)


def mail(host: str, port: int, certificate: str) -> str:
    """SMTP with STARTTLS, checked against the name."""
    context = ssl.create_default_context(cadata=certificate)
    try:
        with smtplib.SMTP(host, port, local_hostname="naesil.example", timeout=10) as server:
            server.starttls(context=context)
            server.ehlo()
            assert isinstance(server.sock, ssl.SSLSocket)
            return f"{server.sock.version()} {server.noop()[0]}"
    except OSError as error:
        return _named(error)


def query(conninfo: str, statement: str) -> Any:
    """libpq through psycopg."""
    import psycopg  # noqa: PLC0415

    try:
        with psycopg.connect(conninfo) as connection:
            return connection.execute(statement).fetchone()
    except psycopg.OperationalError as error:
        return _named(error)


def bind_to_directory(library: str, uri: str) -> str:
    """OpenLDAP's own client library: an anonymous simple bind; its word for the result."""
    ldap = ctypes.CDLL(library)
    ldap.ldap_err2string.restype = ctypes.c_char_p
    handle = ctypes.c_void_p()
    result = ldap.ldap_initialize(ctypes.byref(handle), uri.encode())
    if result == 0:
        version = ctypes.c_int(3)
        ldap.ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, ctypes.byref(version))
        result = ldap.ldap_simple_bind_s(handle, None, None)
    return str(ldap.ldap_err2string(result).decode())


def connect_by_hand(addresses: list[str]) -> list[int]:
    """The raw call on a socket that is not even one; each address as hex. The errno of each."""
    libc = ctypes.CDLL(None, use_errno=True)
    table = linux.architecture()
    assert table is not None
    answers = []
    for address in addresses:
        data = bytes.fromhex(address)
        ctypes.set_errno(0)
        libc.syscall(ctypes.c_long(table.numbers["connect"]), 77, data, len(data))
        answers.append(ctypes.get_errno())
    return answers


def open_sockets(wanted: list[list[int]]) -> list[int]:
    """The errno of each socket(family, type, protocol), 0 when it opens."""
    answers = []
    for family, kind, protocol in wanted:
        try:
            socket.socket(family, kind, protocol).close()
        except OSError as error:
            answers.append(error.errno or -1)
        else:
            answers.append(0)
    return answers


def try_other_ways(host: str, port: int) -> dict[str, int]:
    """A granted connection misused: the errno of each trick, 0 when it worked."""
    found = {}
    tricks: dict[str, Callable[[socket.socket], Any]] = {
        "connect again": lambda sock: sock.connect((host, port + 1)),
        "connect to nobody": lambda sock: linux.call("connect", sock.fileno(), bytes(16), 16),
        "send elsewhere": lambda sock: linux.call("sendto", sock.fileno(), b"x", 1, 0, _inet(port + 1), 16),
        "fast open": lambda sock: linux.call("sendto", sock.fileno(), b"x", 1, FAST_OPEN, _inet(port), 16),
        "bind": lambda sock: sock.bind(("127.0.0.1", 0)),
    }
    with socket.create_connection((host, port), timeout=10) as sock:
        for name, trick in tricks.items():
            try:
                trick(sock)
                found[name] = 0
            except OSError as error:
                found[name] = error.errno or -1
    return found


def start_connecting(host: str, port: int) -> list[Any]:
    """A socket that does not wait: what connect() says, whether it is writable at once, its error then."""
    with socket.socket() as sock:
        sock.setblocking(False)
        began = sock.connect_ex((host, port))
        _, writable, _ = select.select([], [sock], [], 0.5)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return [began, "writable" if writable else "not yet", error]


def measure(host: str, port: int, count: int) -> list[float]:
    """Seconds of each connection."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        socket.create_connection((host, port), timeout=10).close()
        took.append(time.perf_counter() - began)
    return took


def measure_denials(count: int) -> list[float]:
    """Seconds of each connect() to a place nobody named."""
    table = linux.architecture()
    assert table is not None
    libc, number = ctypes.CDLL(None, use_errno=True), ctypes.c_long(table.numbers["connect"])
    address = _inet(9)
    took = []
    for _ in range(count):
        began = time.perf_counter()
        libc.syscall(number, 77, address, 16)
        took.append(time.perf_counter() - began)
    return took


def _inet(port: int) -> bytes:
    return (2).to_bytes(2, "little") + port.to_bytes(2, "big") + socket.inet_aton("127.0.0.1") + bytes(8)


ACTS: dict[str, Callable[..., Any]] = {
    act.__name__: act
    for act in (
        say,
        say_patiently,
        hold,
        carry,
        fetch,
        fetch_asynchronously,
        mail,
        query,
        bind_to_directory,
        connect_by_hand,
        open_sockets,
        try_other_ways,
        start_connecting,
        measure,
        measure_denials,
    )
}
