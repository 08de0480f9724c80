"""Reading /proc: what the kernel says of a process, its sockets above all, and the level that follows."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from appliance.egress import facts
from appliance.egress.facts import Facts, completed
from appliance.egress.sockets import OpenSocket
from appliance.egress.status import process_status, product_status

CLAIMS = {"layers": [{"name": "files", "active": True, "detail": "ABI 7"}]}
LOCKED = Facts(
    pid=1, threads=1, user=1000, seccomp_mode=2, seccomp_filters=1, no_new_privs=True,
    capabilities="0" * 16, bounding="0" * 16, core_limit=0,
    namespaces={"net": "net:[1]", "mnt": "mnt:[1]"}, own=("net", "mnt"), mounts=9, packets_out=0, sockets=(),
    traceable=False,
)  # fmt: skip


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def kinds() -> dict[tuple[str, str], int]:
    """(kind, protocol) -> how many sockets of this process are that."""
    found: dict[tuple[str, str], int] = {}
    for sock in facts.read_own().sockets or ():
        found[sock.kind, sock.protocol] = found.get((sock.kind, sock.protocol), 0) + 1
    return found


def test_each_socket_is_recognised_for_what_it_is(stack: ExitStack, tmp_path: Any) -> None:
    before = kinds()
    door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    stack.enter_context(socket.create_connection(door.getsockname()))
    stack.enter_context(door.accept()[0])
    stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", 0))
    named = stack.enter_context(socket.socket(socket.AF_UNIX))
    named.bind(str(tmp_path / "s"))
    for sock in socket.socketpair():
        stack.enter_context(sock)
    after = kinds()
    more = {kind: count - before.get(kind, 0) for kind, count in after.items()}
    assert {kind: count for kind, count in more.items() if count} == {
        ("listening", "tcp"): 1,
        ("dialled", "tcp"): 1,
        ("accepted", "tcp"): 1,
        ("dialled", "udp"): 1,
        ("unix", "unix"): 1,
        ("pair", "unix"): 2,
    }


@pytest.mark.parametrize("name", ["\0x\ny", "\0x\rffff: 1", "\0x\n0: \x1b[2J", "\0 x 1 2"])
def test_a_strangers_socket_with_line_ends_in_its_name_stops_no_census(stack: ExitStack, name: str) -> None:
    """Anybody on the machine can bind one, and the launcher reads the machine's table for the post."""
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.bind(f"{name}-{os.getpid()}")
    (own,) = [one for one in facts.read_own().sockets or () if one.inode == os.fstat(sock.fileno()).st_ino]
    assert own.kind == "unix"


@pytest.mark.parametrize(("family", "host", "shown"), [(2, "127.0.0.1", "127.0.0.1"), (10, "::1", "[::1]")])
def test_addresses_read_as_people_write_them(stack: ExitStack, family: int, host: str, shown: str) -> None:
    door = stack.enter_context(socket.create_server((host, 0), family=socket.AddressFamily(family)))
    wanted = f"{shown}:{door.getsockname()[1]}"
    assert wanted in [sock.local for sock in facts.read_own().sockets or ()]


def test_a_process_without_a_jail_has_no_wall() -> None:
    status = process_status("test", facts.read(os.getpid(), None), {})
    assert status.level == "off"


def test_a_process_that_is_gone_says_so() -> None:
    with pytest.raises(FileNotFoundError):
        facts.read(2**22 + 1, None)


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({}, "kernel"),
        ({"seccomp_mode": 0}, "partial"),
        ({"own": ("mnt",)}, "partial"),
        ({"own": ("net",)}, "partial"),
        ({"no_new_privs": False}, "partial"),
        ({"capabilities": "0" * 15 + "1"}, "partial"),
        ({"core_limit": -1}, "partial"),
        ({"traceable": True}, "partial"),
        ({"seccomp_mode": 0, "own": ()}, "off"),
        ({"own": None, "namespaces": None}, "partial"),
    ],
)
def test_every_wall_counts(change: dict[str, Any], level: str) -> None:
    status = process_status("web", msgspec.structs.replace(LOCKED, **change), CLAIMS)
    assert status.level == level


def test_landlock_counts_as_reported() -> None:
    gone = {"layers": [{"name": "files", "active": False, "detail": "no Landlock"}]}
    assert process_status("web", LOCKED, gone).level == "partial"
    assert process_status("web", LOCKED, {}).level == "partial"


def test_the_weakest_process_makes_the_level_the_supervisor_included() -> None:
    strong = process_status("web", LOCKED, CLAIMS)
    weak = process_status("runtime", msgspec.structs.replace(LOCKED, seccomp_mode=0), CLAIMS)
    supervisor = process_status("supervisor", LOCKED, CLAIMS)
    assert product_status([strong], supervisor).level == "kernel"
    assert product_status([strong, weak], supervisor).level == "partial"
    assert product_status([strong], process_status("supervisor", facts.read_own(), {})).level == "off"


def test_who_starts_others_is_held_by_calls_and_network_and_the_rest_is_told() -> None:
    rights = msgspec.structs.replace(LOCKED, capabilities="0" * 15 + "1")
    launcher = process_status("launcher", rights, CLAIMS)
    assert launcher.level == "kernel"
    assert {wall.name for wall in launcher.walls if not wall.stands} == {
        "private root",
        "privileges",
        "files",
    }
    assert process_status("launcher", msgspec.structs.replace(rights, own=()), CLAIMS).level == "partial"


def test_what_root_sees_from_outside_is_believed_before_what_the_process_says() -> None:
    lie = msgspec.structs.replace(LOCKED, sockets=(), packets_out=0)
    seen = msgspec.structs.replace(LOCKED, sockets=(OpenSocket("dialled", "tcp"),), packets_out=5)
    assert completed(seen, lie, facts.host_namespaces()).packets_out == 5
    assert completed(seen, lie, facts.host_namespaces()).sockets == seen.sockets
    blind = msgspec.structs.replace(LOCKED, sockets=None, packets_out=None, namespaces=None, own=None)
    assert completed(blind, LOCKED, facts.host_namespaces()).namespaces == LOCKED.namespaces
    assert completed(blind, None, facts.host_namespaces()) == blind
