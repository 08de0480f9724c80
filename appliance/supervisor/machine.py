"""What this CPU can do, and whether the engine that was built can run on it.

llama_cpp is only ever imported in a process of its own: a build for a newer CPU ends with an
illegal instruction, which no `try` catches.
"""

import hashlib
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

from appliance.egress.environment import child_environment

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
NEEDED_FLAGS = {"x86_64": frozenset({"avx2", "fma", "f16c"}), "aarch64": frozenset({"asimd"})}
# How llama.cpp names what it was compiled for, and how the kernel names the same.
ENGINE_NAMES = {
    "AVX": "avx",
    "AVX2": "avx2",
    "AVX_VNNI": "avx_vnni",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
    "NEON": "asimd",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}
USEFUL_FLAGS = frozenset(ENGINE_NAMES.values())
IMPORT_TIMEOUT_S = 60
_IMPORT = "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"


def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The instruction sets of the first CPU, in the kernel's names; empty when it does not tell."""
    try:
        lines = cpuinfo.read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def available_mib(meminfo: Path = MEMINFO) -> int | None:
    """Memory the machine can still give; None where it does not say."""
    try:
        lines = meminfo.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:")), None)


def key(cpuinfo: Path = CPUINFO) -> str:
    """Names this kind of machine and engine: a choice made by measuring holds for equal ones."""
    try:
        lines = cpuinfo.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = sorted({line.partition(":")[2].strip() for line in lines if line.startswith("model name")})
    flags = sorted(cpu_flags(cpuinfo) & USEFUL_FLAGS)
    from importlib.metadata import version  # noqa: PLC0415 - it loads a mail library; see aside.py

    facts = (platform.machine(), names, flags, len(os.sched_getaffinity(0)), version("llama-cpp-python"))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def missing_cpu_flags(cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """What the engine needs for a useful speed and this CPU lacks, sorted."""
    needed = NEEDED_FLAGS.get(platform.machine(), frozenset())
    return tuple(sorted(needed - cpu_flags(cpuinfo)))


def llama_import_problem(code: str = _IMPORT, cpuinfo: Path = CPUINFO) -> str:
    """Why the engine cannot run here, as one line; empty when it can. Takes about a second."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=child_environment(),
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not load within {IMPORT_TIMEOUT_S} s"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: built for another CPU"
    if done.returncode > 0:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "does not load"
    missing = _built_for(done.stdout) - cpu_flags(cpuinfo)
    return f"built for a CPU with {' '.join(sorted(missing))}" if missing else ""


def _built_for(system_info: str) -> frozenset[str]:
    """The instruction sets named in llama.cpp's line, such as `CPU : AVX2 = 1 | FMA = 1 |`."""
    words = system_info.replace(":", "|").split("|")
    pairs = (word.split("=") for word in words if "=" in word)
    wanted = {name.strip() for name, value in pairs if value.strip() == "1"}
    return frozenset(ENGINE_NAMES[name] for name in wanted if name in ENGINE_NAMES)
