"""What each process may read, write and call. This table is the guard's whole policy.

A profile is made by the very process that will close it: its own number is in it.
"""

import errno
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from appliance.config import Settings, share_folder
from appliance.egress import allowed, bpf
from appliance.egress.seccomp import CallPolicy

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
TIME_AND_LANGUAGE = ("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/locale", "/etc/mime.types")
MACHINE = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm", "/sys/devices/system")
DEVICES = ("/dev/urandom",)
NULL = Path("/dev/null")
ROOT_KEY = "root.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One process's jail. `descriptors`: the open files it is given besides its standard streams.

    Below `writable` it may create, change and remove files and folders. `hidden` carves a file
    or folder out of those; only the private root can do that. Where paths lie in each other,
    the longest counts. A path that does not exist is left out.
    """

    name: str
    readable: tuple[Path, ...]
    writable: tuple[Path, ...] = (NULL,)
    hidden: tuple[Path, ...] = ()
    descriptors: tuple[int, ...] = ()
    calls: CallPolicy


class ModelChoice(Protocol):
    """The part of a runtime's settings that the jail needs."""

    @property
    def model_path(self) -> str: ...


class Orders(Protocol):
    """The part of a child's orders that the jail needs; the supervisor's ChildSpec has it."""

    @property
    def role(self) -> Literal["runtime", "web", "sealer"]: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def runtime(self) -> ModelChoice | None: ...
    def descriptors(self) -> tuple[int, ...]: ...


def profile_for(orders: Orders) -> Profile:
    """The jail of the child that these orders describe."""
    settings, descriptors = orders.settings, orders.descriptors()
    if orders.role == "web":
        certificates = tuple(path for path in (settings.tls_cert, settings.tls_key) if path is not None)
        return web_profile(settings.data, certificates, descriptors)
    if orders.role == "sealer" or orders.runtime is None:
        return sealer_profile(settings.keys_folder, descriptors)
    return runtime_profile(Path(orders.runtime.model_path), descriptors)


def runtime_profile(model: Path, descriptors: tuple[int, ...]) -> Profile:
    """The model's process: reads one model, writes nothing, speaks over its socketpair; else it dies."""
    return Profile(
        name="runtime",
        readable=(*_interpreter(), model),
        descriptors=descriptors,
        calls=CallPolicy(_READER_CALLS, allowed.checked(os.getpid())),
    )


def web_profile(data_folder: Path, certificates: tuple[Path, ...], descriptors: tuple[int, ...]) -> Profile:
    """The door: accepts connections, keeps the data folder; cannot dial.

    Of the keys folder it sees the root key alone, read-only, so that key must exist by now: a
    taken-over door can neither sign for the log nor turn the log's last signed head back.

    Unnamed calls answer ENOSYS instead of killing: this process holds everybody's session, and
    a library that tries a newer call falls back.
    """
    return Profile(
        name="web",
        readable=(*_interpreter(), *certificates, data_folder / "keys" / ROOT_KEY),
        writable=(NULL, data_folder),
        hidden=(data_folder / "keys",),
        descriptors=descriptors,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES, allowed.SERVE),
            allowed.checked(os.getpid()) | allowed.checked_for_serving(),
            bpf.refuse(errno.ENOSYS),
        ),
    )


def sealer_profile(keys_folder: Path, descriptors: tuple[int, ...]) -> Profile:
    """The log's key and nothing else: neither the root key nor the database nor a network."""
    return Profile(
        name="sealer",
        readable=_interpreter(),
        writable=(NULL, keys_folder),
        hidden=(keys_folder / ROOT_KEY,),
        descriptors=descriptors,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES), allowed.checked(os.getpid())
        ),
    )


def _interpreter() -> tuple[Path, ...]:
    """Python, its packages, this package and what it ships, the system's libraries, a few facts."""
    named = (*LIBRARIES, *TIME_AND_LANGUAGE, *MACHINE, *DEVICES)
    return tuple(dict.fromkeys((*_python(), *(Path(name) for name in named))))


def _python() -> Iterator[Path]:
    for prefix in (sys.prefix, sys.base_prefix):
        if Path(prefix) in (Path("/usr"), Path("/usr/local"), Path("/")):
            yield Path(prefix, "lib")  # a system Python: its libraries, not everything below /usr
        else:
            yield Path(prefix)
    yield from (Path(entry) for entry in sys.path if entry and Path(entry).is_dir())
    yield Path(__file__).parents[1]
    yield from (share_folder(name) for name in ("web", "policies", "migrations"))


_READER_CALLS = allowed.names(
    allowed.MEMORY,
    allowed.THREADS,
    allowed.SIGNALS,
    allowed.TIME,
    allowed.IDENTITY,
    allowed.READ_FILES,
    allowed.WAIT,
    allowed.USE_SOCKETS,
)
