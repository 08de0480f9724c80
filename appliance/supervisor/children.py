"""Starting one child: its orders on standard input, its output through us, nothing else inherited."""

import codecs
import ctypes
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, Protocol

from appliance.egress.environment import child_environment
from appliance.egress.facts import Facts
from appliance.logs import harmless
from appliance.supervisor.spec import ChildName, ChildSpec, ReportLine, encode_spec

PR_SET_PDEATHSIG = 1
MODULE = "appliance.supervisor.child"
_UTF_8 = codecs.getincrementaldecoder("utf-8")


class Process(Protocol):
    """A running process as its supervisor handles it; a launcher is its parent."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self) -> int | None: ...
    def kill(self) -> None: ...
    def send_signal(self, number: int) -> None: ...
    def look(self) -> Facts | None: ...


class Launches(Protocol):
    """Whoever starts processes for us."""

    def start(self, spec: ChildSpec, output: int) -> Process: ...


@dataclass(slots=True)
class Child:
    """A running process of ours, the pipe we read its output from and its line to us.

    `thread`: its guard's own thread, which attacks it from inside when we ask.
    """

    role: ChildName
    process: Process
    pidfd: int
    status: socket.socket
    output: IO[bytes]
    reports: ReportLine = field(default_factory=ReportLine)
    words: codecs.IncrementalDecoder = field(default_factory=lambda: _UTF_8(errors="replace"))
    error: str = ""
    guard: str = ""
    thread: int = 0

    def heard(self, data: bytes) -> str:
        """What these bytes of its output say, harmless to whoever reads it at a terminal."""
        return harmless(self.words.decode(data))

    def close(self) -> None:
        """Give back our ends of its pipes, once it is gone."""
        self.process.wait()
        self.output.close()
        self.status.close()
        os.close(self.pidfd)


def start(spec: ChildSpec, status: socket.socket, launcher: Launches) -> Child:
    """Have the child started that `spec` describes. Our copies of what it inherits stay open here."""
    read, write = os.pipe()
    try:
        process = launcher.start(spec, write)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    status.setblocking(False)
    os.set_blocking(read, False)
    return Child(spec.role, process, os.pidfd_open(process.pid), status, os.fdopen(read, "rb", 0))


def spawn(spec: ChildSpec, output: int) -> subprocess.Popen[bytes]:
    """Start it here and now, as our own child. For launchers."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", MODULE, spec.role],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=spec.descriptors(),
        env=child_environment(),
        cwd="/",
        process_group=0,  # Ctrl+C reaches the supervisor alone, which stops the others in order
        preexec_fn=die_with_parent,  # noqa: PLW1509 - a launcher has one thread
    )
    assert process.stdin is not None  # noqa: S101 - it is PIPE
    process.stdin.write(encode_spec(spec))
    process.stdin.close()
    return process


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
