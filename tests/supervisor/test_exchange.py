"""What web hands over goes on to the gate only if it is what it should be."""

import os
import selectors
import socket
from pathlib import Path

import pytest

from appliance.supervisor.exchange import Exchange


@pytest.mark.parametrize("kind", ["sockets", "files"])
def test_a_taken_over_web_gives_the_gate_no_connection_and_no_file(tmp_path: Path, kind: str) -> None:
    """The gate may call connect(): an accepted connection in its hands could be dialled again."""
    ours, gates = socket.socketpair()
    one, other = socket.socketpair()
    exchange = Exchange(selectors.DefaultSelector(), lambda _: None)
    exchange.use("gate", ours)
    if kind == "sockets":
        gifts = [os.dup(one.fileno()), os.dup(other.fileno())]
    else:
        (tmp_path / "mem").touch()
        gifts = [os.open(tmp_path, os.O_RDONLY), os.open(tmp_path / "mem", os.O_RDONLY)]
    exchange.watch(*gifts)
    gates.setblocking(False)
    with pytest.raises(BlockingIOError):
        gates.recv(1)
    for number in gifts:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)
    exchange.close()
    for sock in (gates, one, other):
        sock.close()
