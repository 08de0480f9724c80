"""Sessions: a token for a browser, over in time, nobody else's, and told by nothing but its hash."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import Principal
from appliance.errors import NotFound, NotSignedIn
from appliance.identity.accounts import Account
from appliance.identity.door import Door
from appliance.identity.sessions import Sessions
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.people import MEMBER, PASSWORD

HOME, AWAY = "10.0.0.7", "10.0.0.99"
HOUR, DAY = 3600, 86400

Recorded = Callable[[], list[Leaf]]


def signed_in(door: Door, sessions: Sessions, name: str, origin: str = HOME) -> tuple[Principal, str]:
    token = door.authenticate(name, PASSWORD, origin).token
    principal = sessions.authenticate(token, origin)
    assert principal is not None
    return principal, token


def test_the_right_password_opens_a_session_for_its_owner(
    door: Door, sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    opened = door.authenticate("  ALICE ", PASSWORD, HOME)
    account, token = opened.account, opened.token
    assert (account.id, account.last_sign_in_at) == (alice.id, clock.now())
    principal = sessions.authenticate(token, AWAY)
    assert principal is not None
    assert (principal.user_id, principal.kind, principal.origin) == (alice.id, "user", AWAY)
    assert principal.roles == MEMBER


@pytest.mark.parametrize("token", ["", "A" * 43, "\udcff", "x" * 100_000])
def test_any_other_text_is_nobodys_session(
    door: Door, sessions: Sessions, alice: Account, token: str
) -> None:
    signed_in(door, sessions, alice.name)
    assert sessions.authenticate(token, HOME) is None


def test_the_token_is_not_in_the_database(
    database: Database, door: Door, sessions: Sessions, alice: Account
) -> None:
    _, token = signed_in(door, sessions, alice.name)
    with database.read() as session:
        assert token not in repr(session.execute(text("SELECT * FROM sessions")).all())


def test_every_sign_in_makes_another_token(door: Door, sessions: Sessions, alice: Account) -> None:
    assert len({signed_in(door, sessions, alice.name)[1] for _ in range(3)}) == 3


def test_a_session_ends_after_eight_idle_hours(
    door: Door, sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    _, token = signed_in(door, sessions, alice.name)
    for _ in range(3):
        clock.advance(8 * HOUR)
        assert sessions.authenticate(token, HOME) is not None
    clock.advance(8 * HOUR + 1)
    assert sessions.authenticate(token, HOME) is None


def test_a_session_ends_after_seven_days_however_busy(
    door: Door, sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    _, token = signed_in(door, sessions, alice.name)
    for _ in range(7 * 4):
        assert sessions.authenticate(token, HOME) is not None
        clock.advance(6 * HOUR)
    clock.advance(1)
    assert sessions.authenticate(token, HOME) is None


def test_signing_out_ends_this_session_and_no_other(
    door: Door, sessions: Sessions, alice: Account, recorded: Recorded
) -> None:
    here, here_token = signed_in(door, sessions, alice.name)
    _, there_token = signed_in(door, sessions, alice.name, AWAY)
    sessions.sign_out(here)
    sessions.sign_out(here)
    assert sessions.authenticate(here_token, HOME) is None
    assert sessions.authenticate(there_token, AWAY) is not None
    assert [leaf.action for leaf in recorded()].count(AuditAction.LOGOUT) == 1


def test_a_person_sees_where_they_are_signed_in_and_ends_one(
    door: Door, sessions: Sessions, alice: Account, clock: FakeClock
) -> None:
    here, _ = signed_in(door, sessions, alice.name)
    clock.advance(HOUR)
    there, token = signed_in(door, sessions, alice.name, AWAY)
    assert [(one.id, one.origin) for one in sessions.list(alice.id)] == [
        (there.credential_id, AWAY),
        (here.credential_id, HOME),
    ]
    sessions.end(here, alice.id, there.credential_id)
    assert sessions.authenticate(token, AWAY) is None
    assert [one.id for one in sessions.list(alice.id)] == [here.credential_id]


def test_nobody_sees_or_ends_anothers_session(
    door: Door, sessions: Sessions, alice: Account, bob: Account
) -> None:
    hers, token = signed_in(door, sessions, alice.name)
    his, _ = signed_in(door, sessions, bob.name)
    assert [one.id for one in sessions.list(bob.id)] == [his.credential_id]
    for missing in (hers.credential_id, "00000000-0000-7000-8000-000000000000", "", "\x00"):
        with pytest.raises(NotFound, match="no such session"):
            sessions.end(his, bob.id, missing)
    assert sessions.authenticate(token, HOME) is not None


def test_sessions_that_are_over_are_not_kept(
    database: Database, door: Door, sessions: Sessions, alice: Account, bob: Account, clock: FakeClock
) -> None:
    signed_in(door, sessions, alice.name)
    signed_in(door, sessions, bob.name)
    clock.advance(9 * HOUR)
    assert sessions.list(alice.id) == []
    signed_in(door, sessions, alice.name)
    with database.read() as session:
        count = session.execute(text("SELECT count(*) FROM sessions WHERE user_id = :id"), {"id": alice.id})
        assert count.scalar() == 1


def test_what_happened_at_the_door_is_in_the_log(
    door: Door, sessions: Sessions, alice: Account, recorded: Recorded, vault: Vault
) -> None:
    principal, _ = signed_in(door, sessions, alice.name)
    for name in ("alice", "Mallory Typed-Password-Here"):
        with pytest.raises(NotSignedIn):
            door.authenticate(name, "wrong wrong wrong", AWAY)
    sessions.sign_out(principal)
    log = [(leaf.action, leaf.actor.id, leaf.actor.origin, leaf.outcome, leaf.reason) for leaf in recorded()]
    assert log[1:] == [
        (AuditAction.LOGIN, alice.id, HOME, "allowed", ""),
        (AuditAction.LOGIN_FAILED, alice.id, AWAY, "refused", "wrong-credentials"),
        (AuditAction.LOGIN_FAILED, "", AWAY, "refused", "wrong-credentials"),
        (AuditAction.LOGOUT, alice.id, HOME, "allowed", ""),
    ]
    unknown = recorded()[3]
    assert unknown.object == vault.pseudonym("mallory typed-password-here")
    assert "allory" not in repr(unknown)


def test_the_two_halves_of_a_wrong_sign_in_read_alike(door: Door, alice: Account) -> None:
    said = set()
    for name, password in ((alice.name, "wrong wrong wrong"), ("nobody", PASSWORD), ("\udcff", "\udcff")):
        with pytest.raises(NotSignedIn) as refusal:
            door.authenticate(name, password, HOME)
        said.add(str(refusal.value))
    assert len(said) == 1
