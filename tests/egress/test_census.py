"""Open files a process must not have when it locks itself; each case in a process of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

CODE = (
    "import sys; from appliance.egress import census\n"
    "print(census.take([int(n) for n in sys.argv[1].split()]).detail)"
)


def take(given: list[int], promised: list[int]) -> str:
    """The census' word on a process that has `given` open and was promised `promised`."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", CODE, " ".join(map(str, promised))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=given,
        check=False,
    )
    return (done.stdout or done.stderr).strip().splitlines()[-1]


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[int]:
    """The number of one open file of this kind."""
    with ExitStack() as stack:
        if kind == "pipe":
            read, write = os.pipe()
            stack.callback(os.close, read)
            stack.callback(os.close, write)
            yield write
        elif kind == "file":
            yield stack.enter_context((folder / "file").open("wb")).fileno()
        elif kind == "pair":
            pair = [stack.enter_context(sock) for sock in socket.socketpair()]
            yield pair[0].fileno()
        elif kind == "datagram pair":
            pair = [stack.enter_context(sock) for sock in socket.socketpair(type=socket.SOCK_DGRAM)]
            yield pair[0].fileno()
        else:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            yield (listener if kind == "listener" else client).fileno()


@pytest.mark.parametrize("kind", ["pipe", "pair", "listener"])
def test_what_was_promised_is_counted(tmp_path: Path, kind: str) -> None:
    with opened(kind, tmp_path) as number:
        assert take([number], [number]) == "4 known, 1 thread"


@pytest.mark.parametrize("kind", ["pipe", "file", "pair", "listener", "client"])
def test_a_file_nobody_spoke_of_stops_the_start(tmp_path: Path, kind: str) -> None:
    with opened(kind, tmp_path) as number:
        said = take([number], [])
    assert f"The open file {number} (" in said
    assert "must not be in this process" in said


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("client", "a network socket that does not listen"),
        ("datagram pair", "not a stream socket"),
        ("file", "neither a pipe nor a socket"),
    ],
)
def test_a_promised_number_must_be_what_was_meant(tmp_path: Path, kind: str, reason: str) -> None:
    with opened(kind, tmp_path) as number:
        assert f"({reason})" in take([number], [number])


def test_a_promised_file_that_is_not_there_stops_the_start() -> None:
    assert take([], [77]).endswith("The file 77 that was promised is not open.")


def test_a_second_thread_stops_the_start() -> None:
    code = (
        "import threading, time; threading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n" + CODE
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, ""],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "must close before threads start, but 2 run" in done.stderr


def test_a_socket_for_standard_output_stops_the_start() -> None:
    one, other = socket.socketpair()
    with one, other:
        done = subprocess.run(
            [sys.executable, "-P", "-c", CODE, ""],
            stdin=subprocess.DEVNULL,
            stdout=one.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "The open file 1 (socket:" in json.dumps(done.stderr)
