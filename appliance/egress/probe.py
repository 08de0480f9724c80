"""The self-attack: every way out that we know, tried by the very process that must not get out.

`attempt` is what a live process does when it is asked: behind its own closed jail, with its own
rights. `trial` does the same in a copy that is thrown away, with or without a jail; the tests
use it to see each technique succeed where nothing stops it.
"""

import errno
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from appliance.egress import trap
from appliance.egress.attacks.files import FILES
from appliance.egress.attacks.kernel import KERNEL
from appliance.egress.attacks.network import NETWORK
from appliance.egress.attacks.processes import PROCESSES
from appliance.egress.attacks.services import SERVICES
from appliance.egress.attacks.targets import Attempt, Targets, Void

TECHNIQUES: dict[str, Attempt] = {
    attempt.__name__: attempt for attempt in (*FILES, *KERNEL, *PROCESSES, *SERVICES, *NETWORK)
}
CARRIES = frozenset(attempt.__name__ for attempt in (*SERVICES, *NETWORK))
"""Those that could carry a byte out; they leave files and processes of the machine alone."""

PATIENCE_S = 5

Outcome = Literal["blocked", "LEAKED", "void"]
Lock = Callable[[int], None]

_LAYER_OF = {
    errno.EPERM: "system calls",
    errno.ENOSYS: "system calls",
    errno.EACCES: "files",
    errno.ENOENT: "private root",
    errno.EROFS: "private root",
    errno.EBUSY: "private root",
    errno.ENETUNREACH: "network namespace",
    errno.ECONNREFUSED: "network namespace",
    errno.EADDRNOTAVAIL: "network namespace",
}


class Row(msgspec.Struct, frozen=True):
    """How one technique ended. `layer` is the wall that its error points at, or why it is void."""

    technique: str
    outcome: Outcome
    layer: str


def attempt(name: str, targets: Targets, attack: Attempt | None = None) -> Row:
    """Try one technique here and now; this thread lives through deadly verdicts meanwhile."""
    with trap.caught() as deadly:
        try:
            (attack or TECHNIQUES[name])(targets)
        except Void as reason:
            return Row(name, "void", str(reason))
        except OSError as error:
            if deadly.count:
                return Row(name, "blocked", "system calls (deadly)")
            number = error.errno or 0
            return Row(name, "blocked", _LAYER_OF.get(number, os.strerror(number)))
        except Exception as error:
            return Row(name, "void", f"{type(error).__name__}: {error}")
    return Row(name, "LEAKED", "")


def trial(name: str, targets: Targets, lock: Lock) -> Row:
    """Try one technique in a copy. `lock` closes the jail there; it is told the copy's own report pipe.

    Must be called while there is only one thread.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _in_the_copy(name, targets, lock, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return _judge(name, said, os.waitstatus_to_exitcode(status))


def in_a_copy(names: Sequence[str], targets: Targets) -> tuple[Row, ...]:
    """Try techniques in a copy of this process, whose jail is closed; void what the copy did not survive.

    Must be called while there is only one thread. Each message ends with its technique.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(PATIENCE_S)
            for name in names:
                aimed = replace(targets, message=f"{targets.message}{name};")
                os.write(write, msgspec.json.encode(attempt(name, aimed)) + b"\n")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        rows = [msgspec.json.decode(line, type=Row) for line in pipe]
    os.waitpid(pid, 0)
    return (*rows, *(Row(name, "void", "the copy ended before") for name in names[len(rows) :]))


def _in_the_copy(name: str, targets: Targets, lock: Lock, write: int) -> None:
    """Never returns. Says `locked;`, then the row; nothing more when another program took its place."""
    try:
        signal.alarm(PATIENCE_S)
        lock(write)
        os.write(write, b"locked;")
        os.write(write, msgspec.json.encode(attempt(name, targets)))
    except BaseException as error:
        os.write(write, type(error).__name__.encode())
    finally:
        os._exit(0)


def _judge(name: str, said: bytes, code: int) -> Row:
    locked, _, row = said.partition(b"locked;")
    if locked or not said:
        return Row(name, "void", f"the jail did not close: {said.decode(errors='replace') or code}")
    if row:
        return msgspec.json.decode(row, type=Row)
    if code == -signal.SIGSYS:
        return Row(name, "blocked", "system calls (deadly)")
    if code == -signal.SIGALRM:
        return Row(name, "blocked", "no answer")
    return Row(name, "LEAKED" if code == 0 else "void", "" if code == 0 else f"ended with {code}")
