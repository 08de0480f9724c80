"""Asking a service of the machine that has the network we lack: bus, service manager, container engine."""

import errno
import socket

from appliance.egress.attacks.targets import Attempt, Targets

WELL_KNOWN = {
    "message_bus": ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket"),
    "service_manager": ("/run/systemd/private", "/run/systemd/notify"),
    "container_engine": ("/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"),
    "system_log": ("/dev/log", "/run/systemd/journal/dev-log", "/run/systemd/journal/socket"),
    "name_service": ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"),
    "display": ("/tmp/.X11-unix/X0",),  # noqa: S108 - where X servers listen
}

SUPERVISOR = "supervisor"  # ours, by its door for the command line


def service(name: str) -> Attempt:
    """Connect to one of the machine's services and say something; void where there is none."""

    def ask_service(to: Targets) -> None:
        path = to.services.get(name, "")
        to.need(path)
        try:
            _say(socket.SOCK_STREAM, path, to.payload)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            _say(socket.SOCK_DGRAM, path, to.payload)

    ask_service.__name__ = f"ask_the_{name}"
    return ask_service


def _say(kind: int, path: str, payload: bytes) -> None:
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.connect(path)
        sock.sendall(payload)


SERVICES: tuple[Attempt, ...] = tuple(service(name) for name in (*WELL_KNOWN, SUPERVISOR))
