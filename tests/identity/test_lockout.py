"""Guessing gets slower and slower; whoever is not guessing notices nothing."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from appliance.audit.entry import Leaf
from appliance.errors import LimitReached, NotSignedIn
from appliance.identity import lockout
from appliance.identity.accounts import Account
from appliance.identity.sessions import Sessions
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import PASSWORD

HOME = "10.0.0.7"
WRONG = "wrong wrong wrong"


def guess(sessions: Sessions, name: str, origin: str = HOME) -> int:
    """One wrong try: the seconds the door stays shut, 0 when the password was looked at."""
    try:
        sessions.sign_in(name, WRONG, origin)
    except NotSignedIn:
        return 0
    except LimitReached as refusal:
        return refusal.retry_after
    raise AssertionError("a wrong password opened the door")


def guess_until_locked(sessions: Sessions, name: str, origin: str = HOME) -> int:
    for _ in range(1000):
        if wait := guess(sessions, name, origin):
            return wait
    raise AssertionError("the door never closed")


def test_a_few_slips_cost_nothing_and_success_forgets_them(sessions: Sessions, alice: Account) -> None:
    for _ in range(3):
        for _ in range(lockout.FREE_FAILURES - 1):
            assert guess(sessions, alice.name) == 0
        sessions.sign_in(alice.name, PASSWORD, HOME)


def test_each_further_wrong_guess_doubles_the_wait_up_to_a_quarter_of_an_hour(
    sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    waits = []
    for _ in range(13):
        waits.append(guess_until_locked(sessions, alice.name))
        clock.advance(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    sessions.sign_in(alice.name, PASSWORD, HOME)
    assert guess(sessions, alice.name) == 0


def test_the_right_password_waits_too_while_the_door_is_shut(
    sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    wait = guess_until_locked(sessions, alice.name)
    with pytest.raises(LimitReached):
        sessions.sign_in(alice.name, PASSWORD, HOME)
    clock.advance(wait)
    sessions.sign_in(alice.name, PASSWORD, HOME)


def test_names_nobody_has_are_locked_just_the_same(
    sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    waits: dict[str, list[int]] = {}
    for name in (alice.name, "nobody"):
        for _ in range(40):
            waits.setdefault(name, []).append(guess(sessions, name, f"origin of {name}"))
            clock.advance(1)
    assert waits[alice.name] == waits["nobody"]


def test_endless_guessing_at_one_person_delays_nobody_else(
    sessions: Sessions, alice: Account, bob: Account, clock: FakeClock
) -> None:
    for _ in range(200):
        clock.advance(guess(sessions, alice.name))
    assert sessions.sign_in(bob.name, PASSWORD, HOME)[0].id == bob.id


def test_guessing_from_everywhere_is_slowed_but_not_at_the_persons_own_desk(
    sessions: Sessions, alice: Account
) -> None:
    sessions.sign_in(alice.name, PASSWORD, HOME)
    looked_at = sum(guess(sessions, alice.name, f"10.1.0.{number}") == 0 for number in range(100))
    assert looked_at == lockout.FREE_FAILURES_FROM_STRANGERS
    sessions.sign_in(alice.name, PASSWORD, HOME)


def test_one_password_tried_on_everybody_is_slowed_but_not_for_those_who_work_there(
    sessions: Sessions, alice: Account, bob: Account
) -> None:
    sessions.sign_in(alice.name, PASSWORD, HOME)
    looked_at = sum(guess(sessions, f"person {number}") == 0 for number in range(100))
    assert looked_at == lockout.FREE_FAILURES_PER_ORIGIN
    sessions.sign_in(alice.name, PASSWORD, HOME)
    with pytest.raises(LimitReached) as refusal:
        sessions.sign_in(bob.name, PASSWORD, HOME)
    assert refusal.value.retry_after <= lockout.LONGEST_WAIT_OF_ORIGIN_S
    sessions.sign_in(bob.name, PASSWORD, "10.0.0.8")


def test_guesses_at_the_same_moment_are_counted_one_by_one(sessions: Sessions, alice: Account) -> None:
    waits: list[int] = []
    threads = [threading.Thread(target=lambda: waits.append(guess(sessions, alice.name))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0) == lockout.FREE_FAILURES


def test_many_right_passwords_at_the_same_moment_all_get_in(sessions: Sessions, alice: Account) -> None:
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(sessions.sign_in(alice.name, PASSWORD, HOME)[1]))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 16


def test_a_shut_door_is_in_the_log_and_lengthens_nothing(
    sessions: Sessions, alice: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    wait = guess_until_locked(sessions, alice.name)
    assert guess(sessions, alice.name) == wait
    assert [leaf.reason for leaf in recorded()][-2:] == ["locked-out", "locked-out"]


def test_what_is_remembered_tells_no_names_and_is_forgotten(
    database: Database, sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    guess(sessions, alice.name)
    guess(sessions, "mallory")
    assert "alice" not in rows(database)
    assert "mallory" not in rows(database)
    assert HOME not in rows(database)
    before = rows(database)
    clock.advance(lockout.FORGOTTEN_AFTER.total_seconds() + 1)
    guess(sessions, "eve", "10.0.0.8")
    assert not set(before.split()) & set(rows(database).split())


def rows(database: Database) -> str:
    with database.read() as session:
        return "\n".join(session.execute(text("SELECT key FROM sign_in_failures")).scalars())
