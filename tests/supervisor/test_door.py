"""The supervisor's door: who may knock, what is understood, what nonsense does."""

import selectors
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.egress.profiles import CONTROL_SOCKET
from appliance.errors import ConfigError, Unavailable
from appliance.protocol.control import AskProbe, AskStatus, Question, answer_with
from appliance.supervisor.door import MAX_LINE_BYTES, Caller, Door, ask

PATIENCE_S = 30


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    """A folder whose door answers a status question with two lines and refuses every other."""
    selector, wake = selectors.DefaultSelector(), socket.socketpair()
    stopped = threading.Event()

    def handle(question: Question, caller: Caller) -> None:
        if isinstance(question, AskStatus):
            caller.say(answer_with("half", done=False))
            caller.say(answer_with({"level": "kernel"}))
        else:
            caller.refuse("No %(what)s today.", what="probe")

    def run() -> None:
        while not stopped.is_set():
            for key, _ in selector.select():
                key.data()

    door = Door(tmp_path)
    door.open(selector, handle)
    selector.register(wake[0], selectors.EVENT_READ, stopped.set)
    loop = threading.Thread(target=run)
    loop.start()
    yield tmp_path
    wake[1].send(b"x")
    loop.join()
    door.close()
    selector.close()
    for sock in wake:
        sock.close()
    assert not (tmp_path / CONTROL_SOCKET).exists()


def test_answers_come_in_order_until_the_last(door: Path) -> None:
    assert [bytes(answer.value) for answer in ask(door, AskStatus(), PATIENCE_S)] == [
        b'"half"',
        b'{"level":"kernel"}',
    ]


def test_a_refusal_is_an_error_with_its_parameters(door: Path) -> None:
    with pytest.raises(ConfigError, match=r"No probe today\."):
        list(ask(door, AskProbe(), PATIENCE_S))


def test_only_this_user_may_open_it(door: Path) -> None:
    assert stat.S_IMODE((door / CONTROL_SOCKET).stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"{}\n", b"hello\n", b'{"type":"format the disk"}\n', b"\xff\xfe\n"])
def test_nonsense_is_refused_and_the_door_stays_open(door: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(door / CONTROL_SOCKET))
        sock.sendall(line)
        assert b"does not know this question" in sock.recv(4096)
    assert list(ask(door, AskStatus(), PATIENCE_S))


def test_an_endless_line_and_too_many_callers_are_shown_out(door: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(door / CONTROL_SOCKET))
        with pytest.raises(OSError):  # noqa: PT011, PT012 - which one depends on who is quicker
            for _ in range(64):
                sock.sendall(b"x" * MAX_LINE_BYTES)
    idle = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for sock in idle:
        sock.connect(str(door / CONTROL_SOCKET))
    for sock in idle:
        sock.close()
    assert list(ask(door, AskStatus(), PATIENCE_S))


def test_nobody_home_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Start it with 'appliance serve'"):
        list(ask(tmp_path / "run", AskStatus(), PATIENCE_S))


def test_a_folder_deeper_than_a_socket_address_has_a_door(tmp_path: Path) -> None:
    deep = tmp_path / ("가" * 60) / "run"
    deep.mkdir(parents=True)
    Door(deep).close()
