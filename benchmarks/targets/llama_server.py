"""llama-server, compiled from the very llama.cpp that our own engine was compiled from.

`python -m benchmarks.targets.llama_server` compiles it (about ten minutes on two cores) from
llama-cpp-python's source package, which carries llama.cpp; LLAMA_SERVER names another binary.
"""

import os
import subprocess
import sys
import tarfile
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path

from benchmarks.load import Target
from benchmarks.registry import Setup
from benchmarks.targets.servers import BUILDS, free_port, serving, threads

BINARY = BUILDS / "llama-server" / "build" / "bin" / "llama-server"
OFF = (
    "LLAMA_CURL",
    "LLAMA_OPENSSL",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_BUILD_UI",
    "BUILD_SHARED_LIBS",
)


def start(setup: Setup, model: Path) -> AbstractAsyncContextManager[Target]:
    """The server with the same model, slots, context and threads; everything else its default."""
    binary = Path(os.environ.get("LLAMA_SERVER", BINARY))
    if not binary.exists():
        raise RuntimeError(
            f"{binary} is not there. Compile it with 'python -m benchmarks.targets.llama_server' "
            "or name one in LLAMA_SERVER."
        )
    port = free_port()
    flags = {
        "--model": model,
        "--host": "127.0.0.1",
        "--port": port,
        "--parallel": setup.slots,
        "--ctx-size": setup.slots * setup.context,
        "--threads": threads(),
    }
    words = [str(word) for pair in flags.items() for word in pair]
    return serving("llama-server", [str(binary), *words, "--log-disable", "--jinja"], port)


def build() -> None:
    """Fetch the source package through pip, and compile it, giving way to everything else."""
    folder = BUILDS / "llama-server"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = f"llama-cpp-python=={version('llama-cpp-python')}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-binary", ":all:", "--dest", str(folder), wanted], check=True)
    archive = next(iter(sorted(folder.glob("llama_cpp_python-*.tar.gz"))))
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    source = next(iter(sorted(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))))
    own = Path(sys.executable).parent / "cmake"
    cmake = ["nice", "-n19", str(own if own.exists() else "cmake")]
    options = ["-DCMAKE_BUILD_TYPE=Release", *(f"-D{name}=OFF" for name in OFF)]
    target = str(folder / "build")
    subprocess.run([*cmake, "-S", str(source), "-B", target, *options], check=True)
    subprocess.run([*cmake, "--build", target, "--target", "llama-server", f"-j{threads()}"], check=True)


if __name__ == "__main__":
    build()
    print(BINARY)
