"""What the product's processes asked the kernel for, as strace wrote it down: who tried to reach whom."""

import re
from dataclasses import dataclass
from pathlib import Path

TRACED = "socket,connect,bind,sendto,sendmsg,sendmmsg,io_uring_setup"
_LINE = re.compile(r"^(\d+)\s+(\d+\.\d+) (\w+)\((.*)$")
_ADDRESSED = ("sa_family=AF_INET", "sa_family=AF_UNIX", "sa_family=AF_NETLINK", "sa_family=AF_PACKET")


@dataclass(frozen=True, slots=True)
class Attempt:
    time: float
    process: int
    text: str


def command(out: Path) -> tuple[str, ...]:
    """The words to put before a program: trace it and everything it starts."""
    return (
        "strace",
        "-f",
        "-ttt",
        "-qq",
        "-s",
        "0",
        "-e",
        f"trace={TRACED}",
        "-e",
        "signal=none",
        "-o",
        str(out),
    )


def attempts(out: Path) -> list[Attempt]:
    """Every attempt to open, aim or name a socket, and to send to an address; replies are none."""
    found = []
    for line in out.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, time, call, arguments = match.groups()
        if call in ("socket", "connect", "bind", "io_uring_setup") or _has_address(arguments):
            found.append(Attempt(float(time), int(process), f"{call}({arguments}"))
    return found


def _has_address(arguments: str) -> bool:
    return any(word in arguments for word in _ADDRESSED)
