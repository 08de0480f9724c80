"""Whether the time of a refused sign-in tells if the name exists."""

import tempfile
import threading
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


def flood(scale: Scale) -> dict[str, float]:
    """Many wrong guesses at everybody from many machines, while somebody signs in at their own desk.

    `opened`: guesses that got in. `turned_away`: sign-ins of the bystander that had to wait.
    """
    guesses = scale.of(10_000, 100)
    with (
        tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder,
        open_house(Path(folder) / "data", create=True) as house,
    ):
        for name in ("bystander", *(f"user{number}" for number in range(20))):
            house.accounts.create(OPERATOR, name, PASSWORD, frozenset({Role.MEMBER}))
        alone: list[float | None] = [_signed_in(house.identity.door) for _ in range(scale.of(20, 3))]
        opened: list[int] = []
        attacker = threading.Thread(target=lambda: opened.append(_guess(house.identity.door, guesses)))
        attacker.start()
        beside: list[float | None] = []
        while attacker.is_alive():
            beside.append(_signed_in(house.identity.door))
            time.sleep(0.05)
        attacker.join()
    times = [seconds for seconds in beside if seconds is not None]
    return {
        "guesses": guesses,
        "opened": opened[0],
        "sign_ins": len(beside),
        "turned_away": sum(seconds is None for seconds in beside),
        "beside_to_alone": median(times) / median([seconds for seconds in alone if seconds is not None]),
    }


def _guess(door: Door, count: int) -> int:
    """Try `count` wrong passwords; how many opened the door."""
    opened = 0
    for number in range(count):
        name = "bystander" if number % 10 == 0 else f"user{number % 25}"
        try:
            door.authenticate(name, f"{WRONG} {number}", f"10.9.{number % 50}.{number % 7}")
            opened += 1
        except NaesilError:
            pass
    return opened


def _signed_in(door: Door) -> float | None:
    """Seconds of a sign-in of the bystander; None when they were told to wait."""
    began = time.perf_counter()
    try:
        door.authenticate("bystander", PASSWORD, "10.0.0.7")
    except NaesilError:
        return None
    return time.perf_counter() - began


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
    Measurement(
        "sign-in-flood",
        "10,000 wrong guesses at everybody beside somebody who signs in at their own desk",
        flood,
        bars=(Bar("opened", 0, "at most"), Bar("turned_away", 0, "at most")),
    ),
)
