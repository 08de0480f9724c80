"""Guessing gets slower and slower; whoever is not guessing notices nothing."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from appliance.audit.entry import Leaf
from appliance.errors import LimitReached, NotSignedIn
from appliance.identity import lockout
from appliance.identity.accounts import Account
from appliance.identity.door import Door
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import PASSWORD

HOME = "10.0.0.7"
WRONG = "wrong wrong wrong"


def guess(door: Door, name: str, origin: str = HOME) -> int:
    """One wrong try: the seconds the door stays shut, 0 when the password was looked at."""
    try:
        door.authenticate(name, WRONG, origin)
    except NotSignedIn:
        return 0
    except LimitReached as refusal:
        return refusal.retry_after
    raise AssertionError("a wrong password opened the door")


def guess_until_locked(door: Door, name: str, origin: str = HOME) -> int:
    for _ in range(1000):
        if wait := guess(door, name, origin):
            return wait
    raise AssertionError("the door never closed")


def test_a_few_slips_cost_nothing_and_success_forgets_them(door: Door, alice: Account) -> None:
    for _ in range(3):
        for _ in range(lockout.FREE_FAILURES - 1):
            assert guess(door, alice.name) == 0
        door.authenticate(alice.name, PASSWORD, HOME)


def test_each_further_wrong_guess_doubles_the_wait_up_to_a_quarter_of_an_hour(
    door: Door, alice: Account, clock: FakeClock
) -> None:
    waits = []
    for _ in range(13):
        waits.append(guess_until_locked(door, alice.name))
        clock.advance(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    door.authenticate(alice.name, PASSWORD, HOME)
    assert guess(door, alice.name) == 0


def test_the_right_password_waits_too_while_the_door_is_shut(
    door: Door, alice: Account, clock: FakeClock
) -> None:
    wait = guess_until_locked(door, alice.name)
    with pytest.raises(LimitReached):
        door.authenticate(alice.name, PASSWORD, HOME)
    clock.advance(wait)
    door.authenticate(alice.name, PASSWORD, HOME)


def test_names_nobody_has_are_locked_just_the_same(door: Door, alice: Account, clock: FakeClock) -> None:
    waits: dict[str, list[int]] = {}
    for name in (alice.name, "nobody"):
        for _ in range(40):
            waits.setdefault(name, []).append(guess(door, name, f"origin of {name}"))
            clock.advance(1)
    assert waits[alice.name] == waits["nobody"]


def test_endless_guessing_at_one_person_delays_nobody_else(
    door: Door, alice: Account, bob: Account, clock: FakeClock
) -> None:
    for _ in range(200):
        clock.advance(guess(door, alice.name))
    assert door.authenticate(bob.name, PASSWORD, HOME).account.id == bob.id


def test_guessing_from_everywhere_is_slowed_but_not_at_the_persons_own_desk(
    door: Door, alice: Account
) -> None:
    door.authenticate(alice.name, PASSWORD, HOME)
    looked_at = sum(guess(door, alice.name, f"10.1.0.{number}") == 0 for number in range(100))
    assert looked_at == lockout.FREE_FAILURES_FROM_STRANGERS
    door.authenticate(alice.name, PASSWORD, HOME)


def test_one_password_tried_on_everybody_is_slowed_but_not_for_those_who_work_there(
    door: Door, alice: Account, bob: Account
) -> None:
    door.authenticate(alice.name, PASSWORD, HOME)
    looked_at = sum(guess(door, f"person {number}") == 0 for number in range(100))
    assert looked_at == lockout.FREE_FAILURES_PER_ORIGIN
    door.authenticate(alice.name, PASSWORD, HOME)
    with pytest.raises(LimitReached) as refusal:
        door.authenticate(bob.name, PASSWORD, HOME)
    assert refusal.value.retry_after <= lockout.LONGEST_WAIT_OF_ORIGIN_S
    door.authenticate(bob.name, PASSWORD, "10.0.0.8")


def test_guesses_at_the_same_moment_are_counted_one_by_one(door: Door, alice: Account) -> None:
    waits: list[int] = []
    threads = [threading.Thread(target=lambda: waits.append(guess(door, alice.name))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0) == lockout.FREE_FAILURES


def test_many_right_passwords_at_the_same_moment_all_get_in(door: Door, alice: Account) -> None:
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(door.authenticate(alice.name, PASSWORD, HOME).token))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 16


def test_a_shut_door_is_in_the_log_and_lengthens_nothing(
    door: Door, alice: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    wait = guess_until_locked(door, alice.name)
    assert guess(door, alice.name) == wait
    assert [leaf.reason for leaf in recorded()][-2:] == ["locked-out", "locked-out"]


def test_what_is_remembered_tells_no_names_and_is_forgotten(
    database: Database, door: Door, alice: Account, clock: FakeClock
) -> None:
    guess(door, alice.name)
    guess(door, "mallory")
    assert "alice" not in rows(database)
    assert "mallory" not in rows(database)
    assert HOME not in rows(database)
    before = rows(database)
    clock.advance(lockout.FORGOTTEN_AFTER.total_seconds() + 1)
    guess(door, "eve", "10.0.0.8")
    assert not set(before.split()) & set(rows(database).split())


def rows(database: Database) -> str:
    with database.read() as session:
        return "\n".join(session.execute(text("SELECT key FROM sign_in_failures")).scalars())
