"""A real runtime process on a real socketpair, and the reader's side of its frames."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from appliance.protocol.framing import Decoder, encode
from appliance.protocol.messages import (
    PUBLIC,
    Failed,
    Finished,
    FromRuntime,
    Generate,
    Hello,
    Progress,
    Queued,
    Sampling,
    Token,
    Turn,
)
from appliance.protocol.settings import RuntimeSettings

PATIENCE_S = 120.0
CHILD = (
    "import socket, sys, msgspec\n"
    "from appliance.protocol.settings import RuntimeSettings\n"
    "from appliance.runtime.process import main\n"
    "main(socket.socket(fileno=int(sys.argv[1])), msgspec.json.decode(sys.argv[2], type=RuntimeSettings))\n"
)


class RuntimeProcess:
    """Sends frames, and remembers every frame that came back, in order."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self.sock, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(theirs.fileno()), msgspec.json.encode(settings).decode()],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self._decoder: Decoder[FromRuntime] = Decoder(FromRuntime)
        self.frames: list[FromRuntime] = []

    def hello(self) -> Hello:
        self.wait(lambda: bool(self.frames))
        first = self.frames[0]
        assert isinstance(first, Hello)
        return first

    def send(self, *messages: msgspec.Struct) -> None:
        self.sock.sendall(b"".join(map(encode, messages)))

    def wait(self, until: Callable[[], bool]) -> None:
        """Read frames until the condition holds. Fails when the process ends or nothing comes."""
        give_up = time.monotonic() + PATIENCE_S
        while not until():
            self.sock.settimeout(max(0.01, give_up - time.monotonic()))
            data = self.sock.recv(65536)
            assert data, self.errors()
            self.frames += self._decoder.feed(data)

    def of(self, request_id: str) -> list[FromRuntime]:
        return [frame for frame in self.frames if getattr(frame, "id", None) == request_id]

    def text(self, request_id: str) -> str:
        return "".join(frame.text for frame in self.of(request_id) if isinstance(frame, Token))

    def end(self, request_id: str) -> Finished | Failed:
        """Wait for the last frame of a request; it must be the last, and the only one of its kind."""

        def ends() -> list[Finished | Failed]:
            return [frame for frame in self.of(request_id) if isinstance(frame, (Finished, Failed))]

        self.wait(lambda: bool(ends()))
        assert self.of(request_id)[-1:] == ends()
        return ends()[0]

    def finished(self, request_id: str) -> Finished:
        end = self.end(request_id)
        assert isinstance(end, Finished), end
        return end

    def failed(self, request_id: str) -> Failed:
        end = self.end(request_id)
        assert isinstance(end, Failed), end
        return end

    def errors(self) -> str:
        self.process.wait(10)
        assert self.process.stderr is not None
        return f"exit {self.process.returncode}: {self.process.stderr.read().decode()}"

    def stop(self) -> int:
        """Close our end, as web does when it goes; the exit status."""
        self.sock.close()
        return self.process.wait(20)


@contextlib.contextmanager
def runtime(
    model: Path, *, slots: int = 16, context: int = 512, queue_limit: int = 64, **layout: Any
) -> Iterator[RuntimeProcess]:
    """A started runtime that must end in peace."""
    settings = RuntimeSettings(
        model_path=str(model),
        model_name="tested",
        model_sha256="0" * 64,
        slots=slots,
        context=context,
        threads=len(os.sched_getaffinity(0)),
        queue_limit=queue_limit,
        **layout,
    )
    process = RuntimeProcess(settings)
    try:
        yield process
    finally:
        process.sock.close()
        if process.process.poll() is None:
            try:
                process.process.wait(20)
            except subprocess.TimeoutExpired:
                process.process.kill()
                process.process.wait()
                raise
        assert process.process.stderr is not None
        process.process.stderr.close()


def ask(
    request_id: str,
    text: str,
    *,
    payer: str = "alice",
    scope: str = "",
    trim: bool = False,
    deadline_s: float = 600.0,
    before: tuple[Turn, ...] = (),
    max_tokens: int | None = 24,
    temperature: float = 0.0,
    seed: int | None = None,
    stop: tuple[str, ...] = (),
    prefix_turns: int = 0,
) -> Generate:
    """One question; greedy unless told otherwise."""
    return Generate(
        id=request_id,
        turns=(*before, Turn("user", text)),
        sampling=Sampling(max_tokens=max_tokens, temperature=temperature, seed=seed, stop=stop),
        fair_key=payer,
        cache_scope=scope,
        trim=trim,
        deadline_s=deadline_s,
        prefix_turns=prefix_turns,
        prefix_scope=PUBLIC if prefix_turns else "",
    )


def waits(process: RuntimeProcess, request_id: str) -> bool:
    return any(isinstance(frame, Queued) for frame in process.of(request_id))


def reads(process: RuntimeProcess, request_id: str) -> bool:
    return any(isinstance(frame, Progress) for frame in process.of(request_id))


def speaks(process: RuntimeProcess, request_id: str) -> bool:
    return any(isinstance(frame, Token) for frame in process.of(request_id))
