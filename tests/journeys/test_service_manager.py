"""What the running product tells a service manager: ready, alive while web answers, stopping."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.product import Product, appliance, init

NO_ANSWER = "STATUS=The web process does not answer"


class Manager:
    """The socket that systemd would listen on. A path of its own: pytest's are too long for one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o777)
        self._socket.settimeout(60)

    def next(self) -> list[str]:
        return self._socket.recv(4096).decode().split("\n")

    def until(self, wanted: str) -> list[str]:
        """Everything that was said up to this word, without it."""
        said: list[str] = []
        while wanted not in (words := self.next()):
            said += words
        return said

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(tmp_path)
    yield listening
    listening.close()


def test_it_is_told_of_the_start_of_life_while_web_answers_and_of_the_end(
    tmp_path: Path, manager: Manager
) -> None:
    init(tmp_path / "data")
    told = ("env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=4000000")
    product = Product(tmp_path / "data", before=told)
    try:
        manager.until("READY=1")
        manager.until("WATCHDOG=1")
        manager.until("WATCHDOG=1")
        probed = appliance("egress", "probe", "--data", str(product.data))
        assert probed.returncode == 0, probed.stdout  # the one more socket is no way out
        web = product.children()["web"]
        os.kill(web, signal.SIGSTOP)
        manager.until(NO_ANSWER)
        assert "WATCHDOG=1" not in manager.until(NO_ANSWER)
        os.kill(web, signal.SIGCONT)
        manager.until("WATCHDOG=1")
        assert product.stop() == 0
        manager.until("STOPPING=1")
    finally:
        product.stop()
