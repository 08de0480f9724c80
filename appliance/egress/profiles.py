"""What each process may read, write and call. This table is the guard's whole policy.

A profile is made by the very process that will close it: its own number is in it.
"""

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from appliance.config import Settings, share_folder
from appliance.egress import allowed, bpf
from appliance.egress.namespaces import Network
from appliance.egress.notify import HandOver, Witness
from appliance.egress.seccomp import CallPolicy
from appliance.protocol.egress import Destination

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
TIME_AND_LANGUAGE = ("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/locale", "/etc/mime.types")
MACHINE = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm", "/sys/devices/system")
DEVICES = ("/dev/urandom",)
NULL = Path("/dev/null")
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
GPU_DEVICES = ("nvidia*", "nvidia-caps/*", "dri", "kfd")
HOSTS, NAME_SERVICES = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
ROOT_KEY = "root.key"
DOORS_OWN = ("tls.key", "tls.crt")  # of --tls-self-signed, beside the log's keys
PROBE_FOLDER = "probe"
LOCK_FILE = "serve.lock"  # held by the one server of a data folder
CONTROL_SOCKET = "control.sock"  # the supervisor's door for the command line


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One process's jail. `descriptors`: the open files it is given besides its standard streams;
    None for those it opened itself, of which none may lead anywhere.

    Below `writable` it may create, change and remove files and folders, in `sockets` name sockets.
    `hidden` carves a file or folder out of what else is in sight; only the private root can do
    that. Where paths lie in each other, the longest counts. A path that does not exist is left out.
    `shown`: small files of ours with their text. `ports`: where TCP may be dialled; None leaves that
    to an empty network. `witness` gives trapped calls and this process's memory to the gate. `user`:
    whom root becomes here.
    """

    name: str
    readable: tuple[Path, ...]
    writable: tuple[Path, ...] = (NULL,)
    sockets: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    descriptors: tuple[int, ...] | None = ()
    shown: Mapping[Path, str] = field(default_factory=dict)
    network: Network = "none"
    ports: tuple[int, ...] | None = ()
    witness: Witness | None = None
    user: tuple[int, int] | None = None
    calls: CallPolicy


class ModelChoice(Protocol):
    """The part of a runtime's settings that the jail needs."""

    @property
    def model_path(self) -> str: ...
    @property
    def adapter_path(self) -> str: ...
    @property
    def gpu_layers(self) -> int: ...


class Orders(Protocol):
    """The part of a child's orders that the jail needs; the supervisor's ChildSpec has it."""

    @property
    def role(self) -> Literal["runtime", "web", "sealer", "gate", "broker", "post", "extractor"]: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def runtime(self) -> ModelChoice | None: ...
    @property
    def destinations(self) -> tuple[Destination, ...]: ...
    @property
    def outside(self) -> Path | None: ...
    @property
    def user(self) -> tuple[int, int] | None: ...
    def descriptors(self) -> tuple[int, ...]: ...


def profile_for(orders: Orders, hand_over: HandOver) -> Profile:
    """The jail of the child that these orders describe; web's trapped calls go where `hand_over` says.

    Whatever a process may read, the data folder inside of it is web's alone: people put it into the
    folder where Python or the product lies.
    """
    profile, data = _profile(orders, hand_over), orders.settings.data
    hidden = profile.hidden if orders.role == "web" else (data, *profile.hidden)
    return replace(profile, user=orders.user, hidden=hidden)


def _profile(orders: Orders, hand_over: HandOver) -> Profile:
    settings, descriptors = orders.settings, orders.descriptors()
    if orders.role == "web":
        certificates = tuple(path for path in (settings.tls_cert, settings.tls_key) if path is not None)
        profile = web_profile(settings.data, (*certificates, *settings.database_files), descriptors)
        return watched(profile, orders.destinations, hand_over)
    if orders.role in ("gate", "extractor"):
        return gate_profile(descriptors) if orders.role == "gate" else extractor_profile(descriptors)
    if orders.role == "broker":
        return broker_profile(orders.destinations, descriptors)
    if orders.outside is not None:
        return post_profile((orders.outside, settings.probe_folder), descriptors)
    if orders.role == "sealer" or orders.runtime is None:
        return sealer_profile(settings.keys_folder, descriptors)
    chosen = orders.runtime
    profile = runtime_profile(Path(chosen.model_path), descriptors)
    if chosen.adapter_path:
        profile = replace(profile, readable=(*profile.readable, Path(chosen.adapter_path)))
    return with_gpu(profile) if chosen.gpu_layers else profile


def runtime_profile(model: Path, descriptors: tuple[int, ...]) -> Profile:
    """The model's process: reads one model, writes nothing, speaks over its socketpair; else it dies."""
    return Profile(
        name="runtime",
        readable=(*_interpreter(), model),
        descriptors=descriptors,
        calls=CallPolicy(_READER_CALLS, allowed.checked(os.getpid())),
    )


def with_gpu(profile: Profile) -> Profile:
    """The same jail with the GPU's device files and every ioctl: the driver speaks in nothing else.

    A wider door, opened only by the setting gpu_layers; docs/security.md says what it costs.
    """
    devices = tuple(path for pattern in GPU_DEVICES for path in Path("/dev").glob(pattern))
    checked = {name: rule for name, rule in profile.calls.checked.items() if name != "ioctl"}
    calls = replace(profile.calls, allowed=(*profile.calls.allowed, "ioctl"), checked=checked)
    return replace(profile, writable=(*profile.writable, *devices), calls=calls)


def extractor_profile(descriptors: tuple[int, ...]) -> Profile:
    """Reads one stranger's file, which comes over its socketpair; no other file, no network; else it dies."""
    return Profile(
        name="extractor",
        readable=_interpreter(),
        descriptors=descriptors,
        calls=CallPolicy(_READER_CALLS, allowed.checked(os.getpid())),
    )


def trial_profile(
    data: Path, readable: tuple[Path, ...], writable: tuple[Path, ...], user: tuple[int, int] | None
) -> Profile:
    """Tuning's process: reads one model, and may write one file when it is to requantize it."""
    return Profile(
        name="trial",
        readable=(*_interpreter(), *readable),
        writable=(NULL, *writable),
        hidden=(data,),
        user=user,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES), allowed.checked(os.getpid())
        ),
    )


def web_profile(data_folder: Path, certificates: tuple[Path, ...], descriptors: tuple[int, ...]) -> Profile:
    """The door: accepts connections, keeps the data folder; cannot dial.

    Of the keys folder it sees the root key alone, read-only, so that key must exist by now: a
    taken-over door can neither sign for the log nor turn the log's last signed head back. What
    rules it at the next start, policies/ and config.toml (which is always there), it can read and not
    change, move or replace.

    Unnamed calls answer ENOSYS instead of killing: this process holds everybody's session, and
    a library that tries a newer call falls back.
    """
    return Profile(
        name="web",
        readable=(
            *_interpreter(),
            *certificates,
            data_folder / "keys" / ROOT_KEY,
            data_folder / "policies",
            data_folder / "config.toml",
            data_folder / "run" / PROBE_FOLDER,  # the post is in it: no file to pass on a word
        ),
        # folders that others look into are mounted by themselves: nobody moves a mount point away
        writable=(NULL, data_folder, data_folder / "run", data_folder / "models"),
        hidden=(data_folder / "keys", data_folder / "run" / CONTROL_SOCKET, data_folder / "run" / LOCK_FILE),
        descriptors=descriptors,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES, allowed.SERVE),
            allowed.checked(os.getpid()) | allowed.checked_for_serving(),
            bpf.refuse(errno.ENOSYS),
        ),
    )


def sealer_profile(keys_folder: Path, descriptors: tuple[int, ...]) -> Profile:
    """The log's key and no other, no database, no network."""
    return Profile(
        name="sealer",
        readable=_interpreter(),
        writable=(NULL, keys_folder),
        hidden=tuple(keys_folder / name for name in (ROOT_KEY, *DOORS_OWN)),
        descriptors=descriptors,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES), allowed.checked(os.getpid())
        ),
    )


def watched(profile: Profile, destinations: tuple[Destination, ...], hand_over: HandOver) -> Profile:
    """The same jail with its refusals put before the gate, and the names it may dial in its hosts file."""
    lines = ["127.0.0.1 localhost", *(f"{one.addresses[0]} {one.host}" for one in destinations)]
    return replace(
        profile,
        shown={HOSTS: "\n".join(lines) + "\n", NAME_SERVICES: "hosts: files\n"},
        witness=Witness(hand_over),
        calls=replace(
            profile.calls,
            checked=profile.calls.checked | allowed.checked_for_calling(),
            trapped=frozenset(allowed.TRAPPED.split()),
        ),
    )


def gate_profile(descriptors: tuple[int, ...]) -> Profile:
    """Answers web's trapped calls: sees addresses, reads no file but its own code, cannot dial."""
    return Profile(
        name="gate",
        readable=_interpreter(),
        descriptors=descriptors,
        network="loopback",
        ports=None,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.DIAL, "bind", allowed.SERVE),
            allowed.checked(os.getpid()) | allowed.checked_for_the_gate(),
        ),
    )


def broker_profile(destinations: tuple[Destination, ...], descriptors: tuple[int, ...]) -> Profile:
    """The one process on the machine's network: dials the named ports, serves nobody, keeps nothing."""
    return Profile(
        name="broker",
        readable=_interpreter(),
        descriptors=descriptors,
        network="host",
        ports=tuple(sorted({one.port for one in destinations})),
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.DIAL, "recvmsg"),
            allowed.checked(os.getpid()) | allowed.checked_for_dialling(),
        ),
    )


def post_profile(folders: tuple[Path, ...], descriptors: tuple[int, ...]) -> Profile:
    """The listening post of a self-attack: on the machine's network it hears, and cannot say a word.

    No connect(), no sending to an address; it is told nothing but the names of techniques.
    """
    return Profile(
        name="post",
        readable=_interpreter(),
        writable=(NULL, *folders),
        sockets=folders,
        descriptors=descriptors,
        network="host",
        ports=(0,),
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.WRITE_FILES, "bind listen accept accept4"),
            allowed.checked(os.getpid()) | allowed.checked_for_the_post(),
            bpf.refuse(errno.ENOSYS),
        ),
    )


def supervisor_profile(settings: Settings, user: tuple[int, int] | None) -> Profile:
    """Whoever watches the others: sees which models there are, neither keys nor database; starts nobody.

    A launcher starts for it (starting.py). Unnamed calls answer ENOSYS: its end is the product's.
    """
    return Profile(
        name="supervisor",
        readable=(*_interpreter(), settings.models_folder, settings.policies_folder, settings.probe_folder),
        writable=(NULL, settings.run_folder),
        hidden=(settings.data, *(() if settings.tls_key is None else (settings.tls_key,))),
        descriptors=None,
        user=user,
        calls=CallPolicy(
            allowed.names(" ".join(_READER_CALLS), allowed.SERVE, "pidfd_open wait4 waitid unlink unlinkat"),
            allowed.checked(os.getpid()) | allowed.checked_for_supervising(),
            bpf.refuse(errno.ENOSYS),
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
    # Of Python's path only where installers put packages: the folder that `python -m appliance` was
    # called in is on it as well, and so is a checkout, where `make run` keeps the data folder.
    yield from (path for path in map(Path, sys.path) if path.name in PACKAGE_FOLDERS and path.is_dir())
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
