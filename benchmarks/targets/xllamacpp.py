"""The PyPI wheel xllamacpp: llama-server inside a Python process, in a venv made on demand."""

import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.load import Target
from benchmarks.registry import Setup
from benchmarks.targets.servers import BUILDS, free_port, serving, threads

VENV = BUILDS / "xllamacpp"
PYTHON = VENV / "bin" / "python"
SERVE = """
import signal, sys, xllamacpp
path, port, slots, context, threads = sys.argv[1], *map(int, sys.argv[2:])
params = xllamacpp.CommonParams()
params.model.path = path
params.hostnames = ["127.0.0.1"]
params.port = port
params.n_parallel = slots
params.n_ctx = slots * context
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
params.verbosity = 0
server = xllamacpp.Server(params)
signal.sigwait([signal.SIGTERM, signal.SIGINT])
import os
os._exit(0)
"""


def start(setup: Setup, model: Path) -> AbstractAsyncContextManager[Target]:
    """Its server with the same model, slots, context and threads."""
    prepare()
    port = free_port()
    numbers = (port, setup.slots, setup.context, threads())
    command = [str(PYTHON), "-c", SERVE, str(model), *map(str, numbers)]
    return serving("xllamacpp", command, port)


def prepare() -> None:
    """Make the venv with the wheel if it is not there yet. Needs a package index."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    found = subprocess.run([PYTHON, "-c", "import xllamacpp"], capture_output=True, check=False)
    if found.returncode != 0:
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "xllamacpp"], check=True)
