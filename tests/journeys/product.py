"""The real product as a person starts it: `appliance serve` over a folder, watched from outside."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

APPLIANCE = str(Path(sys.executable).parent / "appliance")
START_LIMIT_S = 60.0
ADMIN = "관리자"
PASSWORD = "느티나무 아래 세 번째 의자"


def wrapped(wrapper: tuple[str, ...]) -> list[str]:
    """A shell script in mounts of its own; the program is its $0 and the rest its $1, $2, ..."""
    return ["unshare", "--user", "--map-root-user", "--mount", *wrapper[:3], APPLIANCE, *wrapper[3:]]


def appliance(
    *words: str, stdin: str = "", env: dict[str, str] | None = None, wrapper: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """One command of the command line, run to its end."""
    return subprocess.run(
        wrapped(wrapper) if wrapper else [APPLIANCE, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "LANG": "C.UTF-8", **(env or {})},
        check=False,
    )


def init(data: Path) -> None:
    """The first run without a browser."""
    password = data.parent / f"{data.name}.password"
    password.write_text(PASSWORD + "\n", "utf-8")
    result = appliance("init", "--data", str(data), "--admin", ADMIN, "--password-file", str(password))
    assert result.returncode == 0, result.stderr


def new_key(data: Path, user: str = ADMIN) -> str:
    result = appliance("key", "create", "--data", str(data), "--user", user, "--json")
    assert result.returncode == 0, result.stderr
    key: str = json.loads(result.stdout)["key"]
    return key


class Product:
    """A running product. `output` is everything it has printed so far; `before` starts it, such as strace."""

    def __init__(
        self, data: Path, *flags: str, wrapper: tuple[str, ...] = (), before: tuple[str, ...] = ()
    ) -> None:
        self.data = data
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            wrapped(wrapper)
            if wrapper
            else [*before, APPLIANCE, "serve", "--data", str(data), "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "LANG": "C.UTF-8"},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self._wait_for_address()
        self.url = self.address.split("/setup/")[0]

    def wait_ready(self) -> "Product":
        """Until /health says that the model is loaded."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("".join(self.output))

    def stop(self) -> int:
        """SIGTERM, then the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def children(self) -> dict[str, int]:
        """Role -> process id of every child that is alive, the broker below its keeper among them."""
        parents, roles = {}, {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parents[entry.name] = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError, IndexError):
                continue
            if b"appliance.supervisor.child" in words:
                roles[entry.name] = words[words.index(b"appliance.supervisor.child") + 1].decode()
        ours = str(self.process.pid)
        family = {ours} | {number for number, parent in parents.items() if parent == ours}
        return {role: int(number) for number, role in roles.items() if parents[number] in family}

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.output.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_LIMIT_S
        while (left := deadline - time.monotonic()) > 0:
            line = self._lines.get(timeout=left)
            if line is None:
                break
            if "http://" in line or "https://" in line:
                return next(word for word in line.split() if word.startswith("http"))
        raise AssertionError("".join(self.output))
