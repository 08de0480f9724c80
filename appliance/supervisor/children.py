"""Starting one child: its orders on standard input, its output through us, nothing else inherited."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO

from appliance.egress.environment import child_environment
from appliance.supervisor.spec import ChildSpec, ReportLine, RoleName, encode_spec

PR_SET_PDEATHSIG = 1
MODULE = "appliance.supervisor.child"


@dataclass(slots=True)
class Child:
    """A running process of ours, the pipe we read its output from and its line to us."""

    role: RoleName
    process: subprocess.Popen[bytes]
    pidfd: int
    status: socket.socket
    output: IO[bytes]
    reports: ReportLine = field(default_factory=ReportLine)
    error: str = ""
    guard: str = ""

    def close(self) -> None:
        """Give back our ends of its pipes, once it is gone."""
        self.process.wait()
        self.output.close()
        self.status.close()
        os.close(self.pidfd)


def start(spec: ChildSpec, status: socket.socket) -> Child:
    """Start the child that `spec` describes. Our copies of what it inherits stay open here."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", MODULE, spec.role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=spec.descriptors(),
        env=child_environment(),
        cwd="/",
        process_group=0,  # Ctrl+C reaches the supervisor alone, which stops the others in order
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are PIPE
    process.stdin.write(encode_spec(spec))
    process.stdin.close()
    status.setblocking(False)
    os.set_blocking(process.stdout.fileno(), False)
    return Child(spec.role, process, os.pidfd_open(process.pid), status, process.stdout)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
