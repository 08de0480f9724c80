"""What the tests run behind a closed jail, each in a process of its own (-m, then NAME and JSON)."""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from appliance.config import Settings
from appliance.egress import bpf, jail, linux, seccomp, trap
from appliance.egress.attacks.kernel import call_by_the_32_bit_table, call_by_the_x32_table
from appliance.egress.attacks.targets import Targets
from appliance.egress.post import Post
from appliance.egress.profiles import (
    Profile,
    post_profile,
    profile_for,
    runtime_profile,
    sealer_profile,
    supervisor_profile,
    web_profile,
)
from appliance.egress.seccomp import CallPolicy
from appliance.protocol.settings import RuntimeSettings
from appliance.supervisor.spec import ChildSpec


def profile(role: str, data: str, given: list[int]) -> Profile:
    """The real profile of a role over this data folder, and these tests in sight for what they import."""
    if role == "web":
        made = web_profile(Path(data), (), tuple(given))
    elif role == "sealer":
        made = sealer_profile(Path(data, "keys"), tuple(given))
    else:
        made = runtime_profile(Path(data), tuple(given))
    return replace(made, readable=(*made.readable, Path(__file__).parents[1]))


def report(role: str, data: str, given: list[int], refused: list[str]) -> Any:
    """The guard's own report on a kernel that refuses some calls (as a container's does)."""
    if refused:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.install(CallPolicy((), dict.fromkeys(refused, ()), bpf.ALLOW))
    return json.loads(jail.close(profile(role, data, given)).to_json())


def status() -> Any:
    """What the kernel says of a locked process."""
    jail.close(profile("runtime", "/dev/null", []))
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def become(role: str, data: str, user: list[int]) -> Any:
    """Root's process locked as somebody else: who it is, and what the data folder lets it do."""
    jail.close(replace(profile(role, data, []), user=(user[0], user[1])))
    Path(data, "written").write_text("x")
    status = Path("/proc/self/status").read_text("ascii").splitlines()
    found = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    return [os.getresuid(), os.getresgid(), os.getgroups(), found["CapPrm"], found["CapBnd"]]


def see(role: str, data: str, paths: list[str]) -> Any:
    """Of each path, what a locked process finds: its bytes, or the error's name."""
    jail.close(profile(role, data, []))
    return _seen(paths)


def _seen(paths: list[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        try:
            found[path] = Path(path).read_bytes().decode()
        except OSError as error:
            found[path] = type(error).__name__
    return found


def see_as(role: str, data: str, paths: list[str]) -> Any:
    """The same as the product's own processes do it, with all around the data folder in sight."""
    settings = Settings(data=Path(data))
    if role == "supervisor":
        made = supervisor_profile(settings, None)
    else:
        outside = settings.data.parent / "outside" if role == "post" else None
        orders = ChildSpec(
            role=role,  # type: ignore[arg-type]
            settings=settings,
            status=-1,
            peer=-1,
            outside=outside,
            runtime=RuntimeSettings(
                model_path=str(settings.models_folder / "m.gguf"),
                model_name="m",
                model_sha256="",
                slots=1,
                context=0,
                threads=1,
                queue_limit=1,
            ),
        )
        made = profile_for(orders, lambda *_: None)
    around = (settings.data.parent, Path(__file__).parents[1])
    jail.close(replace(made, readable=(*made.readable, *around), descriptors=(), witness=None))
    return _seen(paths)


def listen(data: str, folder: str) -> Any:
    """The listening post behind its own jail: where it listens."""
    settings = Settings(data=Path(data))
    made = post_profile((Path(folder), settings.probe_folder), ())
    jail.close(replace(made, readable=(*made.readable, Path(__file__).parents[1])))
    post = Post(Path(folder), settings.probe_folder)
    targets = post.open()
    post.close()
    return msgspec.to_builtins(targets)


def write(role: str, data: str, paths: list[str]) -> Any:
    """Of each path, whether a locked process can change it: "written", or the error's name."""
    jail.close(profile(role, data, []))
    found = {}
    for path in paths:
        try:
            Path(path).write_bytes(b"changed")
            found[path] = "written"
        except OSError as error:
            found[path] = type(error).__name__
    return found


def threads() -> Any:
    """Threads and an event loop work; a second process does not."""
    import asyncio  # noqa: PLC0415 - behind the jail, as the roles do it
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    jail.close(profile("web", "/nowhere", []))
    with ThreadPoolExecutor(4) as pool:
        squares = list(pool.map(lambda number: number * number, range(8)))
    ticks = asyncio.run(asyncio.sleep(0, "tick"))
    with contextlib.suppress(PermissionError):
        os.fork()
        return "forked"
    return [squares, ticks]


def generate(model: str) -> Any:
    """Eight greedy tokens after a sentence, from the real engine and model."""
    jail.close(profile("runtime", model, []))
    from tests.egress.generation import complete  # noqa: PLC0415 - imports llama_cpp

    return complete(model, "The capital of France is", 8)


def serve(data: str, listener: int) -> Any:
    """A FastAPI application with a database and worker threads, until SIGTERM."""
    jail.close(profile("web", data, [listener]))
    from tests.egress.application import run  # noqa: PLC0415 - imports fastapi, sqlalchemy

    run(Path(data), socket.socket(fileno=listener))
    return "done"


def seal(data: str, peer: int) -> Any:
    """The real sealer over its socketpair, until the other end closes."""
    jail.close(profile("sealer", data, [peer]))
    from appliance.egress import sealer  # noqa: PLC0415 - behind the jail, as the supervisor does it

    sealer.serve(socket.socket(fileno=peer), Path(data, "keys"))
    return "done"


def live_through() -> Any:
    """The errno of four deadly calls in the thread that may live through them, and how many it counted."""
    jail.close(profile("runtime", "/dev/null", []))
    answers: dict[str, Any] = {}
    with trap.caught() as deadly:
        for name, call in _deadly_calls().items():
            try:
                call()
            except OSError as error:
                answers[name] = error.errno
        answers["deadly"] = deadly.count
    return answers | {"after": "alive"}


def die_of_it(when: str) -> Any:
    """A deadly call where no handler is open, or in a thread that did not open it."""
    import threading  # noqa: PLC0415 - behind the jail, as the roles do it

    jail.close(profile("runtime", "/dev/null", []))
    deadly = _deadly_calls()["ptrace"]
    if when == "before":
        deadly()
    with trap.caught():
        if when == "in another thread":
            thread = threading.Thread(target=deadly)
            thread.start()
            thread.join()
    deadly()
    return "alive"


def _deadly_calls() -> dict[str, Callable[[], object]]:
    nobody = Targets()
    return {
        "ptrace": lambda: linux.call("ptrace", 0, 0, 0, 0),
        "setuid": lambda: linux.call("setuid", 5),
        "32 bit": lambda: call_by_the_32_bit_table(nobody),
        "x32": lambda: call_by_the_x32_table(nobody),
    }


if __name__ == "__main__":
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    acts = (
        *(report, status, become, see, see_as, listen, write, threads, generate, serve, seal),
        *(live_through, die_of_it),
    )
    answer = {act.__name__: act for act in acts}[name](**arguments)
    sys.stdout.write(json.dumps(answer))
