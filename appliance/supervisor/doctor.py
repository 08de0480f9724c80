"""`appliance doctor`: what would keep the product from starting or serving well, with the remedy.

Looks only; changes nothing. llama_cpp is imported in a process of its own, after the CPU's
flags were read, because a build for a newer CPU ends with an illegal instruction.
"""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from appliance.config import Settings, setting_names, share_folder
from appliance.egress import features
from appliance.errors import N_, ConfigError, NaesilError
from appliance.inference.registry import resolve
from appliance.policy.destinations import load_destinations
from appliance.policy.documents import load_egress
from appliance.policy.egress import demanded
from appliance.storage.address import shown
from appliance.supervisor import listen, machine

LOW_DISK_BYTES = 2 * 1024**3
LOW_MEMORY_MIB = 1024


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `remedy` is a template for the person, empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """All checks in the order they matter at start-up."""
    return [
        _python(),
        *_processor(),
        *_guard(settings),
        _egress(settings),
        _data_folder(settings),
        _disk(settings),
        _memory(settings),
        _model(settings),
        _exposure(settings),
        _port(settings),
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
        return Check("egress policy", False, str(error), N_("Follow the advice in the line above."))
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
        return Check(
            "model", False, str(error), N_("Give the path of a good GGUF file or leave --model out.")
        )
    return Check("model", True, f"{model.name} {model.sha256[:12]} {model.size_bytes / 1024**2:.0f} MiB")


def _exposure(settings: Settings) -> Check:
    try:
        listen.check_exposure(settings)
    except NaesilError as error:
        return Check("exposure", False, str(error), N_("Follow the advice in the line above."))
    return Check("exposure", True, listen.url(settings, settings.port))


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
