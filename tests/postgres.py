"""A PostgreSQL of one's own: made in a temporary folder, reached over a Unix socket, thrown away."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
GONE_WITHIN_S = 30
FAST = ("listen_addresses=", "fsync=off", "max_connections=200", "shared_buffers=32MB")


class Cluster:
    """A running server. Each `fresh` database is empty."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder = folder
        self._settings = settings
        self._numbers = itertools.count()
        self._binaries = _binaries()
        self._owner = _owner()
        if self._owner:
            shutil.chown(folder, *self._owner)
        self._run(
            "initdb", "--pgdata", str(folder / "data"), "--auth", "trust", "--username", "naesil",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        options = [f"-c {setting}" for setting in (*FAST, *self._settings)]
        options.append(f"-c unix_socket_directories={self.folder}")
        self._run(
            "pg_ctl", "start", "--wait", "--pgdata", str(self.folder / "data"),
            "--log", str(self.folder / "log"), "--options", " ".join(options),
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "stop", "--wait", "--mode", mode, "--pgdata", str(self.folder / "data"))

    def kill(self) -> None:
        """SIGKILL to the postmaster, as when memory ran out; its children notice and end."""
        postmaster = self._postmaster()
        family = [postmaster, *_children(postmaster)]
        os.kill(postmaster, signal.SIGKILL)
        until = time.monotonic() + GONE_WITHIN_S
        while any(Path(f"/proc/{number}").exists() for number in family):
            assert time.monotonic() < until, "PostgreSQL's processes outlive their postmaster"
            time.sleep(0.02)

    def alive(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists() and Path(
            f"/proc/{self._postmaster()}"
        ).exists()

    def fresh(self) -> str:
        """The address of a new, empty database."""
        name = f"naesil{next(self._numbers)}"
        with psycopg.connect(
            host=str(self.folder), user="naesil", dbname="postgres", autocommit=True
        ) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql://naesil@/{name}?host={self.folder}"

    def _postmaster(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n")[0])

    def _run(self, program: str, *words: str) -> None:
        with (self.folder / "commands").open("ab") as output:  # a pipe would stay open in the server
            result = subprocess.run(
                [str(self._binaries / program), *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                user=self._owner[0] if self._owner else None,
                group=self._owner[1] if self._owner else None,
                extra_groups=[] if self._owner else None,
                check=False,
            )
        assert result.returncode == 0, (self.folder / "commands").read_text()


@contextmanager
def cluster(*settings: str) -> Iterator[Cluster]:
    """A server for as long as the block lasts. Not below pytest's folders: their owner alone may enter."""
    folder = Path(tempfile.mkdtemp(prefix="naesil-pg-", dir="/tmp"))
    running = Cluster(folder, *settings)
    try:
        yield running
    finally:
        if running.alive():
            running.stop()
        shutil.rmtree(folder)


def _children(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _binaries() -> Path:
    for pattern in FOLDERS:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return found[-1]
    raise AssertionError("PostgreSQL's server programs are not installed: apt-get install postgresql")


def _owner() -> tuple[int, int] | None:
    """Whom to run it as: PostgreSQL refuses to be root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            person = pwd.getpwnam(name)
        except KeyError:
            continue
        return person.pw_uid, person.pw_gid
    raise AssertionError("there is no unprivileged user to run PostgreSQL as")
