"""Whether the time of a refused sign-in tells if the name exists."""

import tempfile
import time
from pathlib import Path

from appliance.cli.house import OPERATOR, open_house
from appliance.core import Role
from appliance.errors import NaesilError
from appliance.identity.door import Door
from benchmarks.load import median
from benchmarks.registry import Bar, Measurement, Scale

PASSWORD = "낡은 기차역 시계탑 아래"
WRONG = "이 비밀번호는 아닙니다"


def timing(scale: Scale) -> dict[str, float]:
    """Median milliseconds of a refusal for a known and an unknown name, alternating."""
    known: list[float] = []
    unknown: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder,
        open_house(Path(folder) / "data", create=True) as house,
    ):
        door = house.identity.door
        for number in range(scale.of(30, 2)):
            house.accounts.create(OPERATOR, f"user{number}", PASSWORD, frozenset({Role.MEMBER}))
            known.append(_refused(door, f"user{number}"))
            unknown.append(_refused(door, f"ghost{number}"))
    return {
        "known_ms": median(known) * 1000,
        "unknown_ms": median(unknown) * 1000,
        "known_to_unknown": median(known) / median(unknown),
    }


def _refused(door: Door, name: str) -> float:
    began = time.perf_counter()
    try:
        door.authenticate(name, WRONG, "127.0.0.1")
    except NaesilError:
        return time.perf_counter() - began
    raise RuntimeError("a wrong password was accepted")


WORKLOADS = (
    Measurement(
        "sign-in",
        "milliseconds of a refused sign-in, for a name that exists and one that does not",
        timing,
        bars=(Bar("known_to_unknown", 1.1, "at most"), Bar("known_to_unknown", 0.9, "at least")),
    ),
)
