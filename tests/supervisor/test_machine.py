"""The CPU's flags and the engine's need of them, read without importing the engine here."""

import os
import sys
from pathlib import Path

import pytest

from appliance.supervisor import machine


@pytest.fixture
def old_cpu(tmp_path: Path) -> Path:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse2 avx\n\nprocessor\t: 1\nflags\t\t: avx2\n")
    return cpuinfo


def test_the_first_cpus_flags_are_read(old_cpu: Path) -> None:
    assert machine.cpu_flags(old_cpu) == {"fpu", "sse2", "avx"}


def test_a_machine_that_tells_nothing_has_no_flags(tmp_path: Path) -> None:
    assert machine.cpu_flags(tmp_path / "nothing") == frozenset()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="flags of x86_64")
def test_missing_flags_are_named(old_cpu: Path) -> None:
    assert machine.missing_cpu_flags(old_cpu) == ("avx2", "f16c", "fma")


def test_this_machine_runs_the_engine_that_was_built_on_it() -> None:
    assert machine.llama_import_problem() == ""
    assert "llama_cpp" not in sys.modules


def test_an_illegal_instruction_ends_only_the_child() -> None:
    problem = machine.llama_import_problem("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert problem == "ended by SIGILL: built for another CPU"


def test_an_engine_that_is_not_installed_says_so() -> None:
    assert machine.llama_import_problem("import no_such_engine") == (
        "ModuleNotFoundError: No module named 'no_such_engine'"
    )


def test_an_engine_built_for_more_than_this_cpu_has_is_found_without_crashing(old_cpu: Path) -> None:
    line = "print('CPU : AVX = 1 | AVX512 = 1 | FMA = 0 | LLAMAFILE = 1 | ')"
    assert machine.llama_import_problem(line, old_cpu) == "built for a CPU with avx512f"
