"""The deadly verdict: one thread lives through it while it asks to, and nobody else ever does."""

import signal

import pytest

from tests.egress.conftest import Locked, start


def test_the_asking_thread_is_told_no_and_goes_on(locked: Locked) -> None:
    answers = locked("live_through")
    assert answers == {"ptrace": 1, "setuid": 1, "32 bit": 1, "x32": 1, "deadly": 4, "after": "alive"}


@pytest.mark.parametrize("when", ["before", "after", "in another thread"])
def test_outside_of_that_it_is_death(when: str) -> None:
    process = start("die_of_it", {"when": when})
    answer, problems = process.communicate(timeout=60)
    assert (process.returncode, answer) == (-signal.SIGSYS, ""), problems
