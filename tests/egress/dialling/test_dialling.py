"""Named destinations, dialled by libraries nobody changed from behind web's jail; and everything else.

Gate, broker and caller run behind their real jails; the servers are real ones on this machine.
"""

import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from appliance.protocol.egress import Destination
from tests.egress.dialling import servers
from tests.egress.dialling.house import ROLES, House
from tests.postgres import cluster

LOOPBACK = ("127.0.0.1",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("dialling") / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "root.key").write_text("x")
    return data


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with servers.server(servers.echo) as port:
        yield port


@pytest.fixture(scope="module")
def shut() -> int:
    return servers.free_port()


@pytest.fixture(scope="module")
def house(folder: Path, echo: int, shut: int) -> Iterator[House]:
    running = House(
        folder,
        Destination("echo", "echo.example", echo, "tcp", LOOPBACK),
        Destination("spare", "spare.example", echo, "tcp", ("127.0.0.2", "127.0.0.1")),
        Destination("shut", "shut.example", shut, "tcp", LOOPBACK),
    )
    yield running
    running.close()


@pytest.fixture
def another(folder: Path) -> Iterator[Callable[..., House]]:
    """Makes houses with destinations of one's own."""
    made: list[House] = []

    def make(*destinations: Destination) -> House:
        made.append(House(folder, *destinations))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.mark.parametrize("act", ["say", "say_patiently"])
def test_a_named_destination_is_reached_and_the_bytes_are_counted(house: House, echo: int, act: str) -> None:
    house.events.clear()
    assert house.do(act, "echo.example", echo, "내실에서 온 말") == "내실에서 온 말"
    grant = house.wait_for(lambda event: event.kind == "grant")
    assert (grant.destination, grant.address) == ("echo", f"127.0.0.1:{echo}")
    close = house.wait_for(lambda event: event.kind == "close")
    assert close.bytes_out == close.bytes_in == len("내실에서 온 말".encode())


def test_many_megabytes_arrive_whole(house: House, echo: int) -> None:
    assert house.do("carry", "echo.example", echo, 20) == 20 * 1024 * 1024


def test_the_first_address_that_answers_is_taken(house: House, echo: int) -> None:
    """Nobody listens on 127.0.0.2, which the name has as well."""
    assert house.do("say", "spare.example", echo, "hello") == "hello"


@pytest.mark.parametrize("act", ["say", "say_patiently"])
def test_a_destination_that_refuses_is_told_as_what_it_is(house: House, shut: int, act: str) -> None:
    house.tell_all()
    house.events.clear()
    assert "ConnectionRefusedError" in house.do(act, "shut.example", shut, "hello")
    assert house.wait_for(lambda event: event.kind == "fail").destination == "shut"


def test_a_destination_that_keeps_refusing_is_told_once_and_then_summed(house: House, shut: int) -> None:
    house.tell_all()
    house.events.clear()
    for _ in range(5):
        assert "ConnectionRefusedError" in house.do("say_patiently", "shut.example", shut, "hello")
    house.tell_all()
    assert [event.count for event in house.events if event.kind == "fail"] == [1, 4]


def test_every_other_place_is_denied_with_its_real_address(house: House, echo: int) -> None:
    house.events.clear()
    other_port = servers.free_port()
    for host, port in (("echo.example", other_port), ("203.0.113.9", echo), ("127.0.0.5", echo)):
        assert "PermissionError" in house.do("say", host, port, "hello")
    for address in (f"127.0.0.1:{other_port}", f"203.0.113.9:{echo}", f"127.0.0.5:{echo}"):
        denied = house.wait_for(lambda event, address=address: event.address == address)  # type: ignore[misc]
        assert (denied.kind, denied.call) == ("deny", "connect")
        assert denied.pid > 0


def test_a_name_nobody_named_does_not_resolve(house: House) -> None:
    house.events.clear()
    assert "gaierror" in house.do("say", "elsewhere.example", 443, "hello")
    assert "gaierror" in house.do("say", "a" * 60 + "." + "b" * 60 + ".example", 443, "hello")
    assert [event for event in house.events if event.kind != "deny"] == []


def _inet(ip: str, port: int) -> str:
    return (
        struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(ip) + bytes(8)
    ).hex()


def _inet6(ip: str, port: int) -> str:
    head = struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", port, 0)
    return (head + socket.inet_pton(socket.AF_INET6, ip) + bytes(4)).hex()


def _unix(path: bytes) -> str:
    return (struct.pack("<H", socket.AF_UNIX) + path + b"\0").hex()


BY_HAND = {
    "198.51.100.7:443": _inet("198.51.100.7", 443),
    "[2001:db8::7]:443": _inet6("2001:db8::7", 443),
    "198.51.100.8:443": _inet6("::ffff:198.51.100.8", 443),
    "unix:/run/dbus/system_bus_socket": _unix(b"/run/dbus/system_bus_socket"),
    "unix:@abstract": _unix(b"\0abstract"),
    "unix:/tmp/\\x1b[31m\\x0aGET": _unix(b"/tmp/\x1b[31m\nGET"),
    "unspec": bytes(16).hex(),
    "netlink": struct.pack("<H", socket.AF_NETLINK).hex() + bytes(10).hex(),
    "family 77": struct.pack("<H", 77).hex(),
    "1 bytes": "07",
}


def test_a_raw_call_that_python_never_sees_is_denied_and_written_down_whatever_it_says(house: House) -> None:
    house.events.clear()
    assert set(house.do("connect_by_hand", list(BY_HAND.values()))) == {errno.EPERM}
    for address in BY_HAND:
        house.wait_for(lambda event, address=address: event.address == address)  # type: ignore[misc]


def test_an_attacker_who_tries_thousands_of_addresses_fills_a_page_and_not_the_log(house: House) -> None:
    house.restart("gate")
    house.events.clear()
    flood = [_inet(f"198.51.{number // 250}.{number % 250}", 443) for number in range(2000)]
    assert set(house.do("connect_by_hand", flood)) == {errno.EPERM}
    assert 30 <= len(house.events) <= 40


def test_only_tcp_sockets_are_given_out(house: House) -> None:
    wanted = [
        [socket.AF_INET, socket.SOCK_STREAM, 0],
        [socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP],
        *[[family, kind, 0] for family in range(46) for kind in (1, 2, 3, 5) if (family, kind) not in TCP],
        [socket.AF_INET, socket.SOCK_STREAM, 262],  # multipath TCP
        [socket.AF_INET, socket.SOCK_STREAM, 132],  # SCTP
    ]
    answers = house.do("open_sockets", wanted)
    assert answers[:2] == [0, 0]
    assert set(answers[2:]) == {errno.EPERM}


TCP = {(socket.AF_INET, 1), (socket.AF_INET6, 1)}


def test_a_granted_connection_leads_nowhere_else(house: House, echo: int) -> None:
    tricks = house.do("try_other_ways", "echo.example", echo)
    assert tricks.keys() == {"connect again", "connect to nobody", "send elsewhere", "fast open", "bind"}
    assert set(tricks.values()) == {errno.EPERM}


def test_calls_wait_for_a_gate_that_died_and_for_a_broker_that_died(house: House, echo: int) -> None:
    for role in ROLES:
        house.kill(role)
        process = house.begin("say", "echo.example", echo, f"after the {role}")
        house.restart(role)
        assert house.end(process) == f"after the {role}"


def test_a_call_that_a_dying_gate_held_in_its_hands_fails_and_does_not_hang(
    another: Callable[..., House],
) -> None:
    with deaf() as port:
        house = another(Destination("deaf", "deaf.example", port, "tcp", LOOPBACK))
        process = house.begin("say_patiently", "deaf.example", port, "hello")
        house.wait_until_held()
        house.restart("gate")
        assert "ConnectionAbortedError" in house.end(process)


def test_a_connection_outlives_the_gate_that_made_it(house: House, echo: int) -> None:
    process = house.begin("carry", "echo.example", echo, 30)
    house.events.clear()
    house.wait_for(lambda event: event.kind == "grant")
    house.restart("gate")
    assert house.end(process) == 30 * 1024 * 1024


def test_where_nothing_is_named_not_even_a_socket_opens(another: Callable[..., House]) -> None:
    house = another()
    assert house.do("open_sockets", [[2, 1, 0], [10, 1, 0]]) == [errno.EPERM, errno.EPERM]
    assert house.wait_for(lambda event: event.call == "socket").address == "inet/stream/0"


def test_a_silent_connection_is_ended_and_no_more_than_agreed_are_open(another: Callable[..., House]) -> None:
    with servers.server(servers.silent) as port:
        house = another(
            Destination("quiet", "quiet.example", port, "tcp", LOOPBACK, connections=1, idle_seconds=1),
        )
        first = house.begin("hold", "quiet.example", port)
        house.wait_for(lambda event: event.kind == "grant")
        assert "Too many users" in house.do("say_patiently", "quiet.example", port, "x")
        assert house.wait_for(lambda event: event.kind == "close").reason == "idle too long"
        assert house.end(first) == ""


def test_a_connection_ends_after_its_time_although_it_was_not_silent_so_long(
    another: Callable[..., House], echo: int
) -> None:
    house = another(Destination("short", "short.example", echo, "tcp", LOOPBACK, total_seconds=1))
    caller = house.begin("hold", "short.example", echo)
    assert house.wait_for(lambda event: event.kind == "close").reason == "open too long"
    assert house.end(caller) == ""


def test_openldap_reaches_what_is_named_and_nothing_else(another: Callable[..., House]) -> None:
    libraries = sorted(Path("/usr/lib").glob("*/libldap[-.]*so*"))
    if not libraries:
        pytest.skip("OpenLDAP's client library is not installed")
    with servers.server(servers.directory) as port:
        house = another(Destination("directory", "ldap.example", port, "ldap", LOOPBACK))
        assert house.do("bind_to_directory", str(libraries[0]), f"ldap://ldap.example:{port}") == "Success"
        elsewhere = f"ldap://127.0.0.5:{port}"
        assert house.do("bind_to_directory", str(libraries[0]), elsewhere) == "Can't contact LDAP server"
        house.wait_for(lambda event: event.kind == "deny" and event.address == f"127.0.0.5:{port}")


def test_libpq_reaches_what_is_named_and_nothing_else(another: Callable[..., House]) -> None:
    port = servers.free_port()
    with cluster("listen_addresses=127.0.0.1", f"port={port}"):
        house = another(Destination("database", "db.example", port, "postgresql", LOOPBACK))
        where = f"port={port} user=naesil dbname=postgres connect_timeout=10"
        assert house.do("query", f"host=db.example {where}", "SELECT 6 * 7") == [42]
        assert "not permitted" in house.do("query", f"host=127.0.0.5 {where}", "SELECT 1")
        house.wait_for(lambda event: event.kind == "deny" and event.address == f"127.0.0.5:{port}")


def test_httpx_reaches_what_is_named_and_follows_no_redirect_elsewhere(another: Callable[..., House]) -> None:
    with servers.web("http://evil.example/") as evil, servers.web(f"http://127.0.0.1:{evil}/page") as good:
        house = another(Destination("intranet", "intranet.example", good, "http", LOOPBACK))
        assert house.do("fetch", f"http://intranet.example:{good}/page") == "page"
        assert house.do("fetch_asynchronously", f"http://intranet.example:{good}/page") == "pagepage"
        assert "ConnectError" in house.do("fetch", f"http://intranet.example:{good}/away")
        house.wait_for(lambda event: event.address == f"127.0.0.1:{evil}" and event.kind == "deny")


def test_tls_is_the_callers_own_end_to_end(another: Callable[..., House], tmp_path: Path) -> None:
    """The certificate is checked against the name, so the broker could not read along if it wanted to."""
    certificate = servers.self_signed("mail.example", tmp_path / "mail.pem")
    with servers.mail(tmp_path / "mail.pem") as port:
        house = another(Destination("mail", "mail.example", port, "smtp", LOOPBACK))
        assert house.do("mail", "mail.example", port, certificate) == "TLSv1.3 250"
        for host, other in (("127.0.0.5", port), ("mail.example", servers.free_port())):
            house.events.clear()
            assert "PermissionError" in house.do("mail", host, other, certificate)
            assert [event.kind for event in house.events] == ["deny"]


@contextmanager
def deaf() -> Iterator[int]:
    """The full queue of a listener that accepts nobody drops what knocks, like a host that is down."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def test_a_host_that_never_answers_costs_an_impatient_caller_no_time(another: Callable[..., House]) -> None:
    with deaf() as port:
        house = another(Destination("deaf", "deaf.example", port, "tcp", LOOPBACK))
        assert house.do("start_connecting", "deaf.example", port) == [errno.EINPROGRESS, "not yet", 0]
