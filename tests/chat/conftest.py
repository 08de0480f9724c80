"""A chat over a real database and a scripted runtime, with two people who do not share."""

from tests.completions.conftest import alice, completions, inference

__all__ = ["alice", "completions", "inference"]
