"""`appliance doctor`: what would keep the product from starting or serving well, with the remedy.

Looks only; changes nothing. llama_cpp is imported in a process of its own, after the CPU's
flags were read, because a build for a newer CPU ends with an illegal instruction.
"""

import errno
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from appliance.clock import Clock
from appliance.config import Settings, setting_names, share_folder
from appliance.egress import features
from appliance.egress.report import demanded
from appliance.errors import N_, ConfigError, NaesilError
from appliance.inference.registry import resolve
from appliance.policy.destinations import load_destinations
from appliance.policy.egress_file import load_egress
from appliance.storage.address import shown
from appliance.supervisor import listen, machine, tls
from appliance.supervisor.checkup import examine_house
from appliance.supervisor.finding import Check, fault, good, warning

LOW_DISK_BYTES = 2 * 1024**3
LOW_MEMORY_MIB = 1024
LOW_TEMPORARY_BYTES = 64 * 1024**2


def examine(settings: Settings, clock: Clock) -> list[Check]:
    """All checks in the order they matter at start-up."""
    return [_python(), *_processor(), *_guard(settings), *examine_site(settings, clock)]


def examine_site(settings: Settings, clock: Clock) -> list[Check]:
    """What can be wrong on a machine that could serve: its room and doors, and the house in it."""
    return [
        _egress(settings),
        _data_folder(settings),
        _disk(settings),
        _temporary(),
        _memory(settings),
        _swap(),
        _model(settings),
        _exposure(settings),
        *_certificate(settings, clock),
        _port(settings),
        *examine_house(settings, clock),
    ]


def settings_table(settings: Settings) -> list[dict[str, Any]]:
    """Every setting with its value and where it came from."""
    return [
        {"name": name, "value": _shown(settings, name), "source": str(settings.sources[name])}
        for name in setting_names()
    ]


def _shown(settings: Settings, name: str) -> Any:
    return shown(settings.database_url) if name == "database_url" else getattr(settings, name)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", sys.version_info >= (3, 11), version, N_("Naesil needs Python 3.11 or newer."))


def _processor() -> Iterator[Check]:
    missing = machine.missing_cpu_flags()
    detail = " ".join(sorted(machine.cpu_flags() & machine.USEFUL_FLAGS))
    if missing:
        yield Check(
            "cpu",
            False,
            f"missing: {' '.join(missing)}",
            N_("Run 'make run' again on this machine so that the engine is built for its CPU."),
        )
    else:
        yield Check("cpu", True, detail)
    problem = machine.llama_import_problem()
    yield Check(
        "engine",
        not problem,
        problem or "llama_cpp loads",
        N_("Install again on this machine: remove .venv and run 'make run'."),
    )


def _guard(settings: Settings) -> Iterator[Check]:
    demanded = _demanded(settings)
    for layer in features.probe():
        yield Check(
            f"guard {layer.name}",
            layer.active or not layer.required or demanded != "kernel",
            layer.detail,
            N_("Use a newer kernel, or lower minimum_level in egress.yaml after reading docs/security.md."),
        )


def _demanded(settings: Settings) -> str:
    """The level that `serve` would demand; the strictest when the policy cannot be read."""
    try:
        egress, _ = load_egress(share_folder("policies"), settings.policies_folder)
        return demanded(settings.guard, egress.minimum_level)
    except ConfigError:
        return "kernel"


def _egress(settings: Settings) -> Check:
    try:
        _, destinations = load_destinations(share_folder("policies"), settings.policies_folder)
    except ConfigError as error:
        return Check("egress policy", False, error, N_("Follow the advice in the line above."))
    named = ", ".join(f"{one.name} {one.host}:{one.port}" for one in destinations)
    return Check("egress policy", True, named or "nothing may be dialled")


def _data_folder(settings: Settings) -> Check:
    folder = settings.data
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    ok = os.access(nearest, os.W_OK) and nearest.is_dir()
    return Check(
        "data folder", ok, str(folder), N_("Make the folder writable for this user or give another --data.")
    )


def _disk(settings: Settings) -> Check:
    nearest = next(parent for parent in (settings.data, *settings.data.parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    return Check(
        "disk",
        free >= LOW_DISK_BYTES,
        f"{free / 1024**3:.1f} GiB free",
        N_("Free at least 2 GiB on this disk."),
    )


def _memory(settings: Settings) -> Check:
    wanted, available = settings.conversation_memory, machine.available_mib()
    free = "unknown" if available is None else f"{available} MiB"
    return Check(
        "memory",
        available is None or available - wanted >= LOW_MEMORY_MIB,
        f"{free} available, up to {wanted} MiB of it for waiting conversations",
        N_("Close other programs or lower the setting conversation_memory."),
    )


def _model(settings: Settings) -> Check:
    try:
        model = resolve(settings)
    except NaesilError as error:
        return Check("model", False, error, N_("Give the path of a good GGUF file or leave --model out."))
    return Check("model", True, f"{model.name} {model.sha256[:12]} {model.size_bytes / 1024**2:.0f} MiB")


def _exposure(settings: Settings) -> Check:
    try:
        listen.check_exposure(settings)
    except NaesilError as error:
        return Check("exposure", False, error, N_("Follow the advice in the line above."))
    return Check("exposure", True, listen.url(settings, settings.port))


def _temporary() -> Check:
    """A self-attack, a backup's check and the database's own sorting need a place for files."""
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return fault("temporary folder", str(error.strerror or error), _TEMPORARY)
    if free < LOW_TEMPORARY_BYTES:
        return fault("temporary folder", f"{folder}: {free / 1024**2:.0f} MiB free", _TEMPORARY)
    return good("temporary folder", folder)


_TEMPORARY = N_("Let TMPDIR name a folder that can be written and has room.")


def _swap(swaps: Path = Path("/proc/swaps")) -> Check:
    try:
        lines = swaps.read_text("utf-8", "replace").splitlines()[1:]
    except OSError:
        lines = []
    if lines:
        names = ", ".join(line.split()[0] for line in lines)
        return warning("swap", names, N_("Prompts are in memory: switch swap off, or encrypt it."))
    return good("swap", "off")


def _certificate(settings: Settings, clock: Clock) -> Iterator[Check]:
    """The one we would show to browsers; one of our own is renewed at every start."""
    if settings.tls_cert is None or not settings.tls_cert.is_file():
        return
    try:
        until = tls.valid_until(settings.tls_cert)
    except ValueError as error:
        yield fault("certificate", f"{settings.tls_cert}: {error}", N_("Give a PEM file with --tls-cert."))
        return
    left = until - clock.now()
    detail = f"{settings.tls_cert}: until {until:%Y-%m-%d}"
    if left <= timedelta(0):
        yield fault("certificate", detail, N_("It has expired: put a new one in its place, then restart."))
    elif left < timedelta(days=tls.RENEW_DAYS):
        yield warning("certificate", detail, N_("It expires soon: put a new one in its place, then restart."))
    else:
        yield good("certificate", detail)


def _port(settings: Settings) -> Check:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            word = "in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
            return Check(
                "port",
                False,
                f"{settings.port}: {word}",
                N_("Stop what uses the port (perhaps Naesil itself) or choose another --port."),
            )
    return Check("port", True, f"{settings.port} is free")
