"""The model process's life: load, say Hello, then serve frames until the socket ends.

Called behind the closed jail. Three threads: this one owns the model, one reads frames, one
writes what the socket would not take at once. Nothing is opened after the start.
"""

import contextlib
import gc
import json
import math
import os
import queue
import secrets
import socket
import sys
import threading
from collections.abc import Callable

from appliance.clock import SystemClock
from appliance.protocol.messages import Hello
from appliance.protocol.settings import RuntimeSettings
from appliance.runtime import memory
from appliance.runtime.engine import Engine
from appliance.runtime.frames import FrameWriter, Inbox, read_frames
from appliance.runtime.intake import Intake
from appliance.runtime.template import BadTemplate, ChatTemplate

EXIT_MODEL = 3
INTAKE_S = 0.1
SPIN_COUNT = "1000"  # some microseconds


class CannotServe(SystemExit):
    """The model cannot be loaded; `reason` is for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(EXIT_MODEL)
        self.reason = reason


def main(
    sock: socket.socket, settings: RuntimeSettings, on_loaded: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Serve one model over `sock`; returns at its end of file. `on_loaded`: Hello is on its
    way; gets the tokens of context there are, and those that were wanted.

    Raises CannotServe, after one JSON line on stderr, when the model cannot be loaded.
    """
    # libgomp's threads spin for milliseconds at every barrier; when another process needs a core that
    # starves the thread they wait for (measured: 1 token a second instead of 18). Read when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from appliance.runtime.runner import ModelNotLoaded, Runner  # noqa: PLC0415 - loads llama.cpp

    try:
        runner = Runner(settings)
        facts = runner.facts()
        template = ChatTemplate(facts.template, facts.bos, facts.eos, facts.control)
    except ModelNotLoaded as error:
        _cannot_serve("model_not_loaded", str(error))
    except BadTemplate as error:
        _cannot_serve("bad_template", f"the model's chat template cannot be used: {error}")
    writer = FrameWriter(sock)
    writer.send(
        Hello(
            model_name=settings.model_name,
            model_sha256=settings.model_sha256,
            n_params=facts.n_params,
            n_ctx=runner.n_ctx,
            size_bytes=facts.size_bytes,
            quantization=facts.quantization,
            slots=runner.slots,
            n_vocab=runner.n_vocab,
            licence=settings.model_licence,
            n_ctx_wanted=settings.context or facts.n_ctx_trained,
        )
    )
    writer.flush()
    clock = SystemClock()
    intake = Intake(runner, template, lambda: secrets.randbits(32))
    kv_ram = memory.for_conversations(settings.kv_ram_bytes, memory.available_bytes())
    engine = Engine(runner, intake, settings.queue_limit, writer.send, clock.monotonic, kv_ram, writer.flush)
    inbox: Inbox = Inbox()
    threading.Thread(target=read_frames, args=(sock, inbox), name="frames in", daemon=True).start()
    threading.Thread(target=writer.run, name="frames out", daemon=True).start()
    gc.collect()
    gc.freeze()  # what is here by now stays: looking through it again would hold every answer up
    on_loaded(runner.n_ctx, settings.context or facts.n_ctx_trained)
    serve(engine, inbox, clock.monotonic)
    writer.close()


def serve(engine: Engine, inbox: Inbox, monotonic: Callable[[], float]) -> None:
    """Take frames and make steps until the inbox ends. Waits only when there is nothing to do."""
    while True:
        until = math.inf
        with contextlib.suppress(queue.Empty):
            while monotonic() < until:  # who is being answered does not wait for many who come at once
                message = inbox.get(block=not engine.busy)
                if message is None:
                    return
                until = min(until, monotonic() + INTAKE_S)
                engine.handle(message)
        engine.step()


def _cannot_serve(code: str, reason: str) -> None:
    print(json.dumps({"error": code, "reason": reason}), file=sys.stderr, flush=True)  # noqa: T201
    raise CannotServe(reason)
