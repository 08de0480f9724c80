"""What a tree of processes costs: processor seconds and peak memory, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds and the sum of the processes' peak resident sets, in MiB.

    `others_mib` leaves out the process with the largest peak, which is the one with the model.
    Shared pages (libraries, the mapped model) are counted in each process.
    """

    cpu_s: float
    peak_mib: float
    others_mib: float


def spent(root_pid: int) -> Spent:
    """Of the process and its living descendants, and what their ended children used."""
    members = _tree(root_pid)
    peaks = sorted(_peak_mib(pid) for pid in members)
    return Spent(sum(_cpu_s(pid) for pid in members), sum(peaks), sum(peaks[:-1]))


def child(root_pid: int, role: str) -> int:
    """The process of the product's tree with this role. LookupError when there is none."""
    for pid in _tree(root_pid):
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        if b"appliance.supervisor.child" in words and role.encode() in words:
            return pid
    raise LookupError(role)


def cpu_s(pid: int) -> float:
    """Processor seconds of one process so far."""
    return _cpu_s(pid)


def resident_mib(root_pid: int) -> float:
    """Resident memory of the tree now."""
    return sum(_status_mib(pid, "VmRSS:") for pid in _tree(root_pid))


def _tree(root_pid: int) -> list[int]:
    parents = {int(entry.name): _parent(int(entry.name)) for entry in PROC.glob("[0-9]*")}
    members = [root_pid] if root_pid in parents else []
    for pid in members:  # grows while it is walked
        members += [child for child, parent in parents.items() if parent == pid]
    return members


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the program's name: state, parent, ...; empty when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _peak_mib(pid: int) -> float:
    return _status_mib(pid, "VmHWM:")


def _status_mib(pid: int, name: str) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith(name)), 0.0)
