"""The pure parts of dialling: addresses as callers write them, the tally of denials, filters, log entries."""

import socket
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.egress import bpf
from appliance.egress.address import parse, printable, socket_kind
from appliance.egress.profiles import broker_profile, gate_profile, watched, web_profile
from appliance.egress.tally import DIFFERENT, Tally
from appliance.protocol.egress import Destination, EgressEvent
from appliance.supervisor.journal import EgressTotals, entry
from tests.egress.test_seccomp import DENIED, X86, run, verdict

LDAP = Destination("directory", "ldap.corp.example", 636, "ldaps", ("10.1.2.3", "10.1.2.4"))
WEB = watched(web_profile(Path("/dev/null"), (), ()), (LDAP,), lambda *_: None)
GATE = gate_profile(())
BROKER = broker_profile((LDAP,), ())
FAST_OPEN = 0x20000000


@given(data=st.binary(max_size=140))
def test_whatever_a_caller_writes_becomes_one_printable_line(data: bytes) -> None:
    text = parse(data).text
    assert text.isascii()
    assert text.isprintable()


def test_a_mapped_address_is_the_address_it_means() -> None:
    mapped = struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", 443, 0)
    found = parse(mapped + socket.inet_pton(socket.AF_INET6, "::ffff:10.1.2.3") + bytes(4))
    assert (found.ip, found.port, found.text) == ("10.1.2.3", 443, "10.1.2.3:443")


def test_an_address_that_is_cut_short_names_its_family_and_matches_nothing() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        found = parse(struct.pack("<H", family) + b"\x01")
        assert (found.ip, found.port) == ("", 0)
    assert socket_kind(2, 1 | socket.SOCK_CLOEXEC, 6) == "inet/stream/6"
    assert printable(b"a\n\x1b") == "a\\x0a\\x1b"


def denial(address: str, thread: int = 0) -> EgressEvent:
    return EgressEvent(kind="deny", address=address, pid=thread)


def failure(thread: int, reason: str = "Connection refused") -> EgressEvent:
    return EgressEvent(kind="fail", address="10.1.2.3:5432", destination="db", pid=thread, reason=reason)


def test_what_goes_on_is_told_at_once_and_then_once_a_minute() -> None:
    tally = Tally()
    assert tally.add(denial("a")) == denial("a")
    for _ in range(2):
        assert [tally.add(denial("a")) for _ in range(3)] == [None] * 3
        assert [(event.address, event.count) for event in tally.flush()] == [("a", 3)]
    assert tally.flush() == []
    assert tally.add(denial("a")) == denial("a")


@given(addresses=st.lists(st.integers(0, 100).map(str), max_size=300), flushes=st.integers(1, 100))
def test_no_denial_is_lost_and_no_flood_is_written_out(addresses: list[str], flushes: int) -> None:
    tally, told = Tally(), list[EgressEvent]()
    for number, address in enumerate(addresses):
        at_once = tally.add(denial(address))
        told += [] if at_once is None else [at_once]
        if number % flushes == 0:
            told += tally.flush()
            tally.forget()
    summed = tally.flush()
    assert sum(event.count for event in (*told, *summed)) == len(addresses)
    assert len(summed) <= DIFFERENT + 1


@given(tried=st.lists(st.tuples(st.integers(0, 60).map(str), st.integers(1, 60)), max_size=300))
def test_what_one_thread_was_denied_is_never_counted_as_anothers(tried: list[tuple[str, int]]) -> None:
    """A self-attack's denials are taken out of the log by their thread, and nobody else's may go along."""
    tally, attacker = Tally(), 7
    events = [denial(address, thread) for address, thread in tried]
    told = [now for event in events if (now := tally.add(event)) is not None]
    assert len(told) <= DIFFERENT
    everything = [*told, *tally.flush()]
    assert sum(event.count for event in everything) == len(tried)
    mine = sum(event.count for event in everything if event.pid == attacker)
    assert mine <= sum(thread == attacker for _, thread in tried)


@given(addresses=st.lists(st.integers(0, 100).map(str), max_size=300))
def test_all_that_one_thread_was_denied_is_known_as_its_own(addresses: list[str]) -> None:
    tally = Tally()
    told = [now for address in addresses if (now := tally.add(denial(address, 7))) is not None]
    assert sum(event.count for event in (*told, *tally.flush()) if event.pid == 7) == len(addresses)


def test_a_dead_destination_is_one_line_a_minute_for_each_way_it_fails_whoever_calls() -> None:
    tally = Tally()
    events = [failure(thread) for thread in range(1, 100)] + [failure(1, "Connection timed out")]
    assert [now for event in events if (now := tally.add(event)) is not None] == [events[0], events[-1]]
    (summed,) = tally.flush()
    assert (summed.destination, summed.reason, summed.count, summed.pid) == (
        "db",
        "Connection refused",
        98,
        0,
    )
    assert entry(summed).reason == "Connection refused; count=98"


def test_what_web_may_not_do_is_put_before_the_gate() -> None:
    for name in ("socket", "connect", "bind"):
        assert verdict(WEB, name) == bpf.NOTIFY
    assert verdict(WEB, "sendto", 3, 0, 0, 0, 77) == bpf.NOTIFY
    assert verdict(WEB, "sendto", 3, 0, 0, FAST_OPEN) == bpf.NOTIFY
    assert verdict(WEB, "sendmsg", 3, 0, FAST_OPEN) == bpf.NOTIFY
    assert verdict(WEB, "sendto", 3, 0, 0, 0, 0) == bpf.ALLOW
    assert verdict(WEB, "execve") == DENIED


def test_the_options_of_a_connection_lead_nowhere_else() -> None:
    tcp, level_ip, keep_idle, fast_open_connect, bind_to_device = 6, 0, 4, 30, 25
    assert verdict(WEB, "setsockopt", 3, tcp, keep_idle) == bpf.ALLOW
    assert verdict(WEB, "setsockopt", 3, tcp, fast_open_connect) != bpf.ALLOW
    assert verdict(WEB, "setsockopt", 3, 1, bind_to_device) != bpf.ALLOW
    assert verdict(WEB, "setsockopt", 3, level_ip, 4) != bpf.ALLOW


@given(family=st.integers(0, 60), kind=st.integers(0, 15), protocol=st.integers(0, 300))
def test_gate_and_broker_open_tcp_sockets_and_no_others(family: int, kind: int, protocol: int) -> None:
    is_tcp = family in (2, 10) and kind == 1 and protocol in (0, 6)
    for profile in (GATE, BROKER):
        assert (verdict(profile, "socket", family, kind, protocol) == bpf.ALLOW) == is_tcp


def test_the_broker_serves_nobody_and_the_gate_answers_by_its_four_ioctls() -> None:
    for name in ("bind", "listen", "accept4", "ptrace", "process_vm_readv"):
        assert verdict(BROKER, name) != bpf.ALLOW
    assert verdict(GATE, "ioctl", 3, 0xC0502100) == bpf.ALLOW
    assert verdict(GATE, "ioctl", 3, 0x8933) != bpf.ALLOW  # SIOCGIFINDEX


@given(number=st.integers(0, 2**32 - 1))
def test_a_call_nobody_named_passes_in_none_of_them(number: int) -> None:
    for profile in (GATE, BROKER):
        named = {X86.numbers[name] for name in (*profile.calls.allowed, *profile.calls.checked)}
        assert number in named or run(profile, number) != bpf.ALLOW


def test_the_broker_is_held_to_the_named_ports_and_the_names_are_in_webs_hosts_file() -> None:
    assert BROKER.ports == (636,)
    assert BROKER.network == "host"
    assert GATE.network == "loopback"
    assert "10.1.2.3 ldap.corp.example\n" in next(iter(WEB.shown.values()))


def test_an_event_reads_in_the_log_as_what_happened() -> None:
    closed = EgressEvent(
        kind="close", address="10.1.2.3:636", destination="directory", reason="ended", bytes_out=5, bytes_in=7
    )
    record = entry(closed)
    assert record.object == "destination:directory connect:10.1.2.3:636"
    assert "bytes_out=5 bytes_in=7" in record.reason
    totals = EgressTotals()
    for event in (closed, EgressEvent(kind="deny", address="x", count=4), replace(failure(1), count=3)):
        totals.add(event)
    assert (totals.bytes_out, totals.bytes_in, totals.denials, totals.failures) == (5, 7, 4, 3)
