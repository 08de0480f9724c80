"""The door: proving oneself again, changing one's password, breaking the glass."""

from collections.abc import Callable

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.audit.log import AuditLog
from appliance.core import SYSTEM, Principal
from appliance.errors import Conflict, InvalidInput, LimitReached, NotSignedIn
from appliance.identity import emergency, lockout
from appliance.identity.accounts import Account
from appliance.identity.house import Identity
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import MEMBER, PASSWORD

HOME, AWAY = "10.0.0.7", "10.0.0.99"
NEW = "은행나무 밑 오래된 우체통"


def enter(
    identity: Identity, name: str, password: str = PASSWORD, origin: str = HOME
) -> tuple[Principal, str]:
    token = identity.door.authenticate(name, password, origin).token
    principal = identity.sessions.authenticate(token, origin)
    assert principal is not None
    return principal, token


def fresh(identity: Identity, token: str) -> bool:
    known = identity.sessions.known(token, HOME)
    assert known is not None
    return known.confirmed


def test_a_proof_of_identity_gets_old_and_can_be_renewed(
    identity: Identity, alice: Account, clock: FakeClock
) -> None:
    principal, token = enter(identity, alice.name)
    assert fresh(identity, token)
    clock.advance(601)
    assert not fresh(identity, token)
    with pytest.raises(InvalidInput):
        identity.door.confirm(principal, "wrong wrong wrong")
    assert not fresh(identity, token)
    identity.door.confirm(principal, PASSWORD)
    assert fresh(identity, token)


def test_a_stolen_browser_cannot_guess_the_password_either(identity: Identity, alice: Account) -> None:
    principal, _ = enter(identity, alice.name)
    for _ in range(lockout.FREE_FAILURES):
        with pytest.raises(InvalidInput):
            identity.door.confirm(principal, "wrong wrong wrong")
    with pytest.raises(LimitReached):
        identity.door.confirm(principal, PASSWORD)


def test_a_changed_password_keeps_this_session_and_ends_the_others(
    identity: Identity, alice: Account
) -> None:
    here, token = enter(identity, alice.name)
    _, elsewhere = enter(identity, alice.name, origin=AWAY)
    identity.door.change_password(here, PASSWORD, NEW)
    assert identity.sessions.authenticate(token, HOME) is not None
    assert identity.sessions.authenticate(elsewhere, AWAY) is None
    with pytest.raises(NotSignedIn):
        identity.door.authenticate(alice.name, PASSWORD, HOME)
    enter(identity, alice.name, NEW)


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong wrong wrong", NEW, "current"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
    ],
)
def test_a_change_that_cannot_be_says_which_field(
    identity: Identity, alice: Account, current: str, new: str, field: str
) -> None:
    principal, _ = enter(identity, alice.name)
    with pytest.raises(InvalidInput) as refusal:
        identity.door.change_password(principal, current, new)
    assert refusal.value.field == field
    enter(identity, alice.name)


def test_a_password_that_somebody_else_chose_is_due_to_be_changed(identity: Identity) -> None:
    identity.accounts.create(SYSTEM, "dora", PASSWORD, MEMBER, must_change=True)
    principal, token = enter(identity, "dora")
    known = identity.sessions.known(token, HOME)
    assert known is not None
    assert known.must_change_password
    identity.door.change_password(principal, PASSWORD, NEW)
    known = identity.sessions.known(token, HOME)
    assert known is not None
    assert not known.must_change_password


def test_no_password_opens_a_service_account(identity: Identity) -> None:
    service = identity.accounts.create_service(SYSTEM, "reports", MEMBER)
    for password in ("", "!", PASSWORD):
        with pytest.raises(NotSignedIn):
            identity.door.authenticate("reports", password, HOME)
    _, secret = identity.keys.create(SYSTEM, service.id, "nightly")
    assert identity.keys.authenticate(secret, HOME) is not None


def test_the_sealed_code_opens_once_for_an_hour_and_loudly(
    identity: Identity, database: Database, audit: AuditLog, clock: FakeClock,
    recorded: Callable[[], list[Leaf]],
) -> None:  # fmt: skip
    name, old = emergency.new_code(database, identity.accounts, audit, SYSTEM)
    _, code = emergency.new_code(database, identity.accounts, audit, SYSTEM)
    with pytest.raises(NotSignedIn):
        identity.door.authenticate(name, old, HOME)
    principal, token = enter(identity, name, code)
    assert principal.roles == emergency.ROLES
    with pytest.raises(NotSignedIn):
        identity.door.authenticate(name, code, HOME)
    clock.advance(3601)
    assert identity.sessions.authenticate(token, HOME) is None
    actions = [leaf.action for leaf in recorded()]
    assert actions.count(AuditAction.EMERGENCY_MADE) == 2
    assert actions.count(AuditAction.EMERGENCY_USED) == 1


def test_a_person_called_emergency_keeps_their_password(
    identity: Identity, database: Database, audit: AuditLog
) -> None:
    identity.accounts.create(SYSTEM, emergency.NAME, PASSWORD, MEMBER)
    with pytest.raises(Conflict):
        emergency.new_code(database, identity.accounts, audit, SYSTEM)
    assert enter(identity, emergency.NAME)[0].roles == MEMBER


def test_a_deleted_account_takes_its_key_with_it(
    identity: Identity, database: Database, alice: Account
) -> None:
    with database.write() as session, pytest.raises(Conflict, match="Disable"):
        identity.accounts.delete_in(session, SYSTEM, alice.id)
    identity.accounts.disable(SYSTEM, alice.name)
    with database.write() as session:
        assert identity.accounts.delete_in(session, SYSTEM, alice.id)
        assert not identity.accounts.delete_in(session, SYSTEM, alice.id)
    assert identity.accounts.list() == []
