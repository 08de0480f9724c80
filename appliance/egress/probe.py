"""The self-attack: every way out that we know, each tried in a copy of this process that is thrown away.

The copy closes the same jail and then attacks, because many walls answer with death. `run`
must be called while there is only one thread.
"""

import contextlib
import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from appliance.egress.attacks.files import FILES
from appliance.egress.attacks.network import NETWORK
from appliance.egress.attacks.processes import PROCESSES
from appliance.egress.attacks.targets import Attempt, Targets, Void

TECHNIQUES: dict[str, Attempt] = {attempt.__name__: attempt for attempt in (*FILES, *PROCESSES, *NETWORK)}
PATIENCE_S = 5

Outcome = Literal["blocked", "LEAKED", "void"]
Lock = Callable[[int], None]

_LAYER_OF = {
    errno.EPERM: "system calls",
    errno.ENOSYS: "system calls",
    errno.EACCES: "files",
    errno.ENOENT: "private root",
    errno.EROFS: "private root",
    errno.ENETUNREACH: "network namespace",
    errno.ECONNREFUSED: "network namespace",
    errno.EADDRNOTAVAIL: "network namespace",
}


@dataclass(frozen=True, slots=True)
class Row:
    """How one technique ended. `layer` is the wall that its error points at, or why it is void."""

    technique: str
    outcome: Outcome
    layer: str


def run(name: str, targets: Targets, lock: Lock) -> Row:
    """Try one technique. `lock` closes the jail in the copy; it is told the copy's own report pipe."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _attack(TECHNIQUES[name], targets, lock, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return _judge(name, said, os.waitstatus_to_exitcode(status))


def _attack(attempt: Attempt, targets: Targets, lock: Lock, write: int) -> None:
    """In the copy: never returns. Says `locked`, then how it was stopped, or nothing when it got out."""
    try:
        signal.alarm(PATIENCE_S)
        lock(write)
        os.write(write, b"locked;")
        attempt(targets)
    except Void as reason:
        os.write(write, f"void;{reason}".encode())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(write, f"stopped;{error.errno or 0}".encode())
    except BaseException as error:
        os.write(write, f"void;{error}".encode())
    finally:
        os._exit(0)


def _judge(name: str, said: str, code: int) -> Row:
    parts = said.split(";")
    if parts[0] != "locked":
        return Row(name, "void", f"the jail did not close: {said or code}")
    if parts[1:2] == ["void"]:
        return Row(name, "void", parts[2])
    if parts[1:2] == ["stopped"]:
        number = int(parts[2])
        return Row(name, "blocked", _LAYER_OF.get(number, os.strerror(number)))
    if code == -signal.SIGSYS:
        return Row(name, "blocked", "system calls (killed)")
    if code == -signal.SIGALRM:
        return Row(name, "blocked", "no answer")
    return Row(name, "LEAKED" if code == 0 else "void", "" if code == 0 else f"ended with {code}")
