"""The filters' verdicts, read from the very program the kernel gets by a small interpreter of classic BPF."""

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.egress import bpf
from appliance.egress.calls import TABLES, X32_BIT, Architecture
from appliance.egress.profiles import NULL, Profile, runtime_profile, sealer_profile, web_profile
from appliance.egress.seccomp import build

X86 = TABLES["x86_64"]
DENIED = bpf.refuse(errno.EPERM)
ABSENT = bpf.refuse(errno.ENOSYS)
THREAD = 0x3D0F00  # the flags glibc gives clone() for a new thread
PROFILES = {
    "runtime": runtime_profile(NULL, ()),
    "web": web_profile(NULL, (), ()),
    "sealer": sealer_profile(NULL, ()),
}


def verdict(
    profile: Profile, name: str, *arguments: int, machine: Architecture = X86, audit: int | None = None
) -> int:
    return run(profile, machine.numbers[name], arguments, machine, audit)


def run(
    profile: Profile,
    number: int,
    arguments: tuple[int, ...] = (),
    machine: Architecture = X86,
    audit: int | None = None,
) -> int:
    """What the kernel would answer to this call."""
    words = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    seen = struct.pack("<IIQ6Q", number, machine.audit if audit is None else audit, 0, *words)
    program = list(struct.iter_unpack("<HBBI", bpf.assemble(build(profile.calls, machine))))
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, constant = program[position]
        position += 1
        if code == bpf.RETURN:
            return int(constant)
        if code == bpf.LOAD:
            accumulator = struct.unpack_from("<I", seen, constant)[0]
        elif code == bpf.AND:
            accumulator &= constant
        else:
            holds = accumulator == constant if code == bpf.JUMP_EQUAL else accumulator >= constant
            position += if_true if holds else if_false


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("machine", TABLES.values(), ids=TABLES)
def test_another_architectures_table_is_deadly(profile: Profile, machine: Architecture) -> None:
    assert verdict(profile, "read", machine=machine) == bpf.ALLOW
    assert verdict(profile, "read", machine=machine, audit=0x40000003) == bpf.TRAP  # i386


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_x32_table_is_deadly(profile: Profile) -> None:
    assert run(profile, X86.numbers["read"] | X32_BIT) == bpf.TRAP


@given(number=st.integers(0, 2**32 - 1))
def test_a_call_nobody_named_never_passes(number: int) -> None:
    named = {X86.numbers[name] for name in (*PROFILES["web"].calls.allowed, *PROFILES["web"].calls.checked)}
    for profile in PROFILES.values():
        assert number in named or run(profile, number) != bpf.ALLOW


def test_the_runtime_and_the_sealer_die_of_an_unnamed_call_and_web_is_told_it_does_not_exist() -> None:
    assert verdict(PROFILES["runtime"], "ptrace") == bpf.TRAP
    assert verdict(PROFILES["sealer"], "ptrace") == bpf.TRAP
    assert verdict(PROFILES["web"], "ptrace") == ABSENT


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("name", ["socket", "connect", "bind", "execve", "execveat", "fork", "vfork"])
def test_what_a_library_may_try_is_refused_and_survived(profile: Profile, name: str) -> None:
    assert verdict(profile, name) == DENIED


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_clone_makes_threads_only_and_clone3_does_not_exist(profile: Profile) -> None:
    assert verdict(profile, "clone3") == ABSENT
    assert verdict(profile, "clone", THREAD) == bpf.ALLOW
    assert verdict(profile, "clone", 17) == DENIED  # SIGCHLD: a fork
    assert verdict(profile, "clone", THREAD & ~0x10000) == DENIED  # shares memory but is a process
    for namespace in (0x00020000, 0x10000000, 0x40000000, 0x80):
        assert verdict(profile, "clone", THREAD | namespace) == DENIED


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_only_unix_stream_pairs_can_be_made(profile: Profile) -> None:
    close_on_exec = 0o2000000
    assert verdict(profile, "socketpair", 1, 1 | close_on_exec) == bpf.ALLOW
    for family, kind in ((1, 2), (1, 2 | close_on_exec), (1, 5), (2, 1), (1, 3)):
        assert verdict(profile, "socketpair", family, kind) == DENIED


@given(address=st.integers(1, 2**64 - 1))
def test_sendto_never_takes_an_address(address: int) -> None:
    assert verdict(PROFILES["web"], "sendto", 3, 0, 0, 0, 0) == bpf.ALLOW
    assert verdict(PROFILES["web"], "sendto", 3, 0, 0, 0, address) == DENIED


def test_fast_open_is_refused_wherever_it_can_be_seen() -> None:
    fast_open, no_signal = 0x20000000, 0x4000
    assert verdict(PROFILES["web"], "sendmsg", 3, 0, no_signal) == bpf.ALLOW
    assert verdict(PROFILES["web"], "sendmsg", 3, 0, no_signal | fast_open) == DENIED
    assert verdict(PROFILES["web"], "sendto", 3, 0, 0, fast_open) == DENIED
    assert verdict(PROFILES["web"], "sendmmsg") == ABSENT
    assert verdict(PROFILES["web"], "setsockopt", 3, 6, 30) == DENIED  # TCP_FASTOPEN_CONNECT
    assert verdict(PROFILES["web"], "setsockopt", 3, 6, 1) == bpf.ALLOW  # TCP_NODELAY


def test_the_runtime_can_neither_accept_nor_receive_descriptors_nor_change_files() -> None:
    for name in ("accept4", "listen", "recvmsg", "unlink", "rename", "ftruncate"):
        assert verdict(PROFILES["runtime"], name) == bpf.TRAP


def test_signals_reach_only_the_process_itself() -> None:
    profile = PROFILES["web"]
    own = profile.calls.checked["tgkill"][0][0].value
    assert verdict(profile, "tgkill", own, own, 15) == bpf.ALLOW
    assert verdict(profile, "tgkill", own + 1, own, 15) == DENIED
    assert verdict(profile, "kill", 2**64 - 1, 15) == DENIED


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", TABLES.values(), ids=TABLES)
def test_the_call_numbers_are_the_kernels_own(machine: Architecture) -> None:
    header = HEADERS[machine.name]
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text("ascii"))
    official = {name: int(number) for name, number in found}
    official["newfstatat"] = official.get("newfstatat", official.get("fstatat", -1))
    assert {
        name: number for name, number in machine.numbers.items() if official.get(name, number) != number
    } == {}
    assert len(machine.numbers.keys() & official.keys()) > 150
