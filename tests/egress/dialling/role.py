"""Gate, broker and a watched process behind their real jails, each in a process of its own.

python -m tests.egress.dialling.role ORDERS, with ORDERS as JSON: role, peer, destinations, act.
"""

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from appliance.clock import SystemClock
from appliance.egress import jail
from appliance.egress.profiles import broker_profile, gate_profile, watched, web_profile
from appliance.protocol.egress import Destination


def main() -> None:
    orders = json.loads(sys.argv[1])
    destinations = tuple(msgspec.convert(one, Destination) for one in orders["destinations"])
    peer = socket.socket(fileno=orders["peer"])
    if orders["role"] == "gate":
        jail.close(gate_profile((peer.fileno(),)))
        from appliance.egress import gate  # noqa: PLC0415 - behind the jail

        gate.serve(peer, destinations, SystemClock())
    elif orders["role"] == "broker":
        jail.close(broker_profile(destinations, (peer.fileno(),)))
        from appliance.egress import broker  # noqa: PLC0415 - behind the jail

        broker.serve(peer, destinations, SystemClock())
    else:
        _watched(orders, destinations, peer)


def _watched(orders: dict[str, str], destinations: tuple[Destination, ...], peer: socket.socket) -> None:
    """A process locked as web is, that then does one thing and tells what came of it."""

    def hand_over(listener: int, memory: int) -> None:
        socket.send_fds(peer, [b"x"], [listener, memory])

    profile = web_profile(Path(orders["data"]), (), (peer.fileno(),))
    profile = replace(profile, readable=(*profile.readable, Path(__file__).parents[2]))  # for the acts
    report = jail.close(watched(profile, destinations, hand_over))
    assert report.level == "kernel", report
    from tests.egress.dialling import acts  # noqa: PLC0415 - behind the jail

    sys.stdout.write(json.dumps(acts.ACTS[orders["act"]](*orders["arguments"])))


if __name__ == "__main__":
    main()
