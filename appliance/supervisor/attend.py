"""The guard's own thread in every jailed process: it answers what the supervisor asks about it.

It runs behind the closed jail like everything else there, so what it tries and sees is what an
intruder in this process could try and see.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from appliance.egress import facts, probe
from appliance.egress.attacks.targets import Targets
from appliance.supervisor.spec import ChildSpec, Report, ReportLine, RoleName, encode_report

READ_BYTES = 65536
MAX_DESCRIPTORS = 2
log = logging.getLogger(__name__)

Act = Callable[[msgspec.Raw, list[int]], Any]
"""Gets the question's body and the descriptors that came with it; returns the answer's value."""


def start(status: int, role: RoleName, acts: Mapping[str, Act], *, receives: bool) -> None:
    """Attend to the status line until the supervisor is gone. `receives`: this jail allows recvmsg."""
    sock = socket.socket(fileno=status)
    threading.Thread(target=_attend, args=(sock, role, acts, receives), name="guard", daemon=True).start()


def tell_facts(_body: msgspec.Raw, _descriptors: list[int]) -> facts.Facts:
    """What the kernel says of this process, as far as it may look itself."""
    return facts.read_own()


class Attack(msgspec.Struct, frozen=True):
    """One technique to try here; a listening socket may come with it."""

    technique: str
    targets: Targets


def try_to_get_out(body: msgspec.Raw, descriptors: list[int]) -> probe.Row:
    """Attack from inside this very process."""
    order = msgspec.json.decode(body, type=Attack)
    try:
        return probe.attempt(order.technique, replace(order.targets, listener=(*descriptors, -1)[0]))
    finally:
        for number in descriptors:
            os.close(number)


def own_acts() -> dict[str, Act]:
    """What the supervisor can ask of itself."""
    return {"attack": try_to_get_out}


def acts_for(spec: ChildSpec) -> dict[str, Act]:
    """What this process can be asked. Only the sealer signs."""
    acts: dict[str, Act] = {"facts": tell_facts, "attack": try_to_get_out}
    if spec.outside is not None:
        from appliance.egress import post  # noqa: PLC0415 - only the post needs it

        acts |= post.acts(spec.outside, spec.settings.probe_folder)
    if spec.role == "sealer":
        acts |= _sealers_acts(spec.settings.keys_folder)
    return acts


def _sealers_acts(keys_folder: Path) -> dict[str, Act]:
    from appliance.egress.sealer import LocalSealer  # noqa: PLC0415 - only the sealer needs it

    def text(body: msgspec.Raw) -> str:
        return msgspec.json.decode(body, type=str)

    def second(body: msgspec.Raw) -> bool | None:
        return msgspec.json.decode(body, type=bool | None)

    return {
        "attest": lambda body, _: LocalSealer(keys_folder).attest(text(body)),
        "prepare-key": lambda body, _: LocalSealer(keys_folder).prepare(second=second(body)),
        "replace-key": lambda body, _: LocalSealer(keys_folder).replace(text(body)),
    }


def _attend(sock: socket.socket, role: RoleName, acts: Mapping[str, Act], receives: bool) -> None:
    sock.sendall(encode_report(Report(process=role, thread=threading.get_native_id())))
    line = ReportLine()
    descriptors: list[int] = []
    while True:
        if receives:
            data, came, _, _ = socket.recv_fds(sock, READ_BYTES, MAX_DESCRIPTORS)
            descriptors += came
        else:
            data = sock.recv(READ_BYTES)
        if not data:
            return
        for report in line.feed(data):
            body = _answer(acts, report, descriptors)
            descriptors = []
            sock.sendall(encode_report(Report(process=role, request=report.request, body=body)))


def _answer(acts: Mapping[str, Act], report: Report, descriptors: list[int]) -> msgspec.Raw:
    """The act's answer as JSON; null when it failed, so that one bad question does not end the thread."""
    try:
        return msgspec.Raw(msgspec.json.encode(acts[report.ask](report.body, descriptors)))
    except Exception as error:
        log.error("the guard's question %s failed: %s", report.ask, type(error).__name__)
        return msgspec.Raw(b"null")
