"""`appliance serve`: everything that must be true before the first child starts, then watching.

Used by the command line and by the end-to-end tests alike.
"""

import dataclasses
import fcntl
import functools
import hashlib
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

import msgspec

from appliance.clock import SystemClock
from appliance.config import Settings, service_manager
from appliance.egress import facts, jail, privileges
from appliance.egress.naming import system_lookup
from appliance.egress.profiles import LOCK_FILE, supervisor_profile
from appliance.egress.report import demanded
from appliance.errors import N_, ConfigError
from appliance.inference import tuning
from appliance.inference.registry import ModelFile, named, resolve
from appliance.protocol.egress import Destination
from appliance.protocol.settings import RuntimeSettings
from appliance.storage.folder import prepare_data_folder
from appliance.supervisor import children, founding, listen, machine, upkeep
from appliance.supervisor.aside import aside
from appliance.supervisor.child import demand
from appliance.supervisor.door import Door
from appliance.supervisor.entrust import entrust
from appliance.supervisor.launcher import Launcher
from appliance.supervisor.launching import Launching
from appliance.supervisor.outsidefolder import OutsideFolder
from appliance.supervisor.servicemanager import Heart, ServiceManager
from appliance.supervisor.spec import ChildName, ChildSpec, Report
from appliance.supervisor.starters import Starters
from appliance.supervisor.watch import Handed, Supervisor


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl+C. `say` prints one line to the person who started us.

    Raises ConfigError with the remedy when it cannot start: exposure without TLS, port in
    use, unusable data folder, missing or damaged model, second server on the same data.
    """
    privileges.keep_private()
    host = facts.host_namespaces()
    listen.check_exposure(settings)
    prepare_data_folder(settings)
    settings = _with_certificate(settings)
    outward = founding.read_outward(settings)
    settings = dataclasses.replace(settings, guard=demanded(settings.guard, outward.minimum_level))
    model = resolve(settings)
    with _only_server(settings.run_folder), listen.open_socket(settings) as listener:
        upkeep.prepare_database(settings)
        settings, owner = entrust(settings, model.path)
        ground = founding.Ground(settings, owner, host)
        keeper, destinations = founding.start_keeper(ground, outward, system_lookup)
        orders = functools.partial(runtime_settings, settings, model)
        runtime = aside(orders, RuntimeSettings) or orders()
        say(f"Naesil: {settings.data}, {model.name}")
        house = _House(ground, runtime, listener, keeper, destinations, say)
        folder, door = OutsideFolder(owner), Door(settings.run_folder)
        try:
            _found(house, folder, door)
        finally:
            folder.close()
            door.close()


@dataclasses.dataclass(frozen=True, slots=True)
class _House:
    """What serving needs, all found before the first process is started."""

    ground: founding.Ground
    runtime: RuntimeSettings
    listener: socket.socket
    keeper: Launching | None
    destinations: tuple[Destination, ...]
    say: Callable[[str], None]


def _found(house: _House, folder: OutsideFolder, door: Door) -> None:
    """Start post and supervisor, and be their launcher until the product ends."""
    ours, theirs = founding.pair()
    launcher = Launcher(theirs, house.ground.settings.data, house.ground.owner, house.ground.host)
    launching = Launching(ours)
    post = founding.start_post(house.ground, launcher, launching, folder.path)
    starters = Starters(launching, house.keeper, house.ground.host, machine=post.machine)

    def supervise() -> None:
        theirs.close()
        folder.let_go()
        _supervise(house, starters, post, door)

    supervisor = founding.fork_supervisor(launching, supervise)
    for ours_no_more in (ours, house.listener, post.line, post.child.status, post.child.output):
        ours_no_more.close()
    if house.keeper is not None:
        house.keeper.close()
    founding.launch(launcher, house.ground, supervisor)


def _supervise(house: _House, starters: Starters, post: founding.Post, door: Door) -> None:
    """The supervisor process: locked first."""
    settings = house.ground.settings
    told, watchdog_us = service_manager()
    manager = ServiceManager(told)  # before the lock: no socket is made behind it
    guard = jail.close(supervisor_profile(settings, house.ground.owner))
    demand("supervisor", guard, settings.guard)
    token = secrets.token_urlsafe(24)
    address = listen.url(settings, house.listener.getsockname()[1])
    starters = dataclasses.replace(starters, guard=guard.to_json())
    starter = _Starter(house, starters, token)

    def ready(report: Report) -> None:
        heart.begin()
        house.say(f"Open {address}/setup/{token}" if report.setup else f"Open {address}")

    roles = _roles(house.destinations)
    supervisor = Supervisor(
        starter, SystemClock(), ready, door, roles, settings, starters, Handed(post.child, post.line)
    )
    heart = Heart(manager, watchdog_us, supervisor)
    supervisor.on_stop = heart.end
    supervisor.run()


class _Starter:
    """Makes children; knows which descriptor goes where."""

    def __init__(self, house: _House, starters: Starters, setup_token: str) -> None:
        self._settings = house.ground.settings
        self.runtime = house.runtime
        self._listener = house.listener
        self._destinations = house.destinations
        self._owner = house.ground.owner
        self._starters = starters
        self._token_sha256 = hashlib.sha256(setup_token.encode()).hexdigest()

    def __call__(self, role: ChildName, supervisor: Supervisor, /) -> children.Child:
        child, ours = self._start(role, self.runtime)
        if role == "web":
            supervisor.use_control(ours)
        elif role == "extractor":
            supervisor.extractors.wait(child, ours)
        elif role in ("gate", "broker"):
            supervisor.exchange.use(role, ours)
        else:
            attach: Literal["runtime", "sealer"] = "runtime" if role == "runtime" else "sealer"
            supervisor.tell_web(Report(process=role, attach=attach), ours)
        return child

    def load(self, name: str) -> RuntimeSettings:
        """The orders for another model, by its name alone; its file was verified by whoever asks."""
        settings = dataclasses.replace(self._settings, model=name)
        return runtime_settings(settings, named(settings, name), verify=False)

    def start_runtime(self, runtime: RuntimeSettings) -> tuple[children.Child, socket.socket]:
        return self._start("runtime", runtime)

    def start_extractor(self) -> tuple[children.Child, socket.socket]:
        return self._start("extractor", self.runtime)

    def _start(self, role: ChildName, runtime: RuntimeSettings) -> tuple[children.Child, socket.socket]:
        """The child, and our end of its socketpair."""
        ours, theirs = socket.socketpair()
        our_status, their_status = socket.socketpair()
        spec = ChildSpec(
            role=role,
            settings=self._settings if role == "web" else self._settings.without_database(),
            status=their_status.fileno(),
            peer=theirs.fileno(),
            listen=self._listener.fileno() if role == "web" else -1,
            runtime=runtime if role == "runtime" else None,
            setup_token_sha256=self._token_sha256 if role == "web" else "",
            user=self._owner,
            destinations=self._destinations if role in ("web", "gate", "broker") else (),
        )
        child = children.start(spec, our_status, self._starters.of(role))
        their_status.close()
        theirs.close()
        return child, ours


def _roles(destinations: tuple[Destination, ...]) -> tuple[ChildName, ...]:
    """Where nothing may be dialled there is no process that could."""
    return ("web", "gate", "sealer", "runtime", "extractor", *(("broker",) if destinations else ()))


def _with_certificate(settings: Settings) -> Settings:
    if not settings.tls_self_signed:
        return settings
    from appliance.supervisor import tls  # noqa: PLC0415 - heavy, and wanted by few

    cert, key = tls.self_signed(settings, SystemClock())
    return dataclasses.replace(settings, tls_cert=cert, tls_key=key)


def runtime_settings(settings: Settings, model: ModelFile, *, verify: bool = True) -> RuntimeSettings:
    """The model process's orders for this model on this machine, as it was tuned here."""
    model, layout = tuning.apply(settings, model, machine.key(), verify=verify)
    orders = RuntimeSettings(
        model_path=str(model.path),
        model_name=model.name,
        model_sha256=model.sha256,
        model_licence=model.licence,
        adapter_path="" if model.adapter is None else str(model.adapter),
        gpu_layers=settings.gpu_layers,
        slots=settings.slots,
        context=settings.context,
        threads=settings.threads or len(os.sched_getaffinity(0)),
        queue_limit=settings.queue_limit,
        kv_ram_bytes=settings.conversation_memory << 20,
    )
    if layout is None:
        return orders
    threads = settings.threads or layout.threads
    return msgspec.structs.replace(layout.applied_to(orders), threads=threads)


def _only_server(run_folder: Path) -> IO[bytes]:
    """Hold the lock that says a server runs here; the system lets go of it when we end."""
    lock = (run_folder / LOCK_FILE).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ConfigError(
            N_("Another 'appliance serve' uses this data folder. Stop it or give another --data.")
        ) from None
    return lock
