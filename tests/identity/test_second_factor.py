"""The second factor: a password alone no longer opens the door, and no code opens it twice."""

from collections.abc import Callable
from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import text

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import Principal
from appliance.errors import Conflict, InvalidInput, LimitReached, NotSignedIn
from appliance.identity import lockout
from appliance.identity.accounts import Account
from appliance.identity.house import Identity
from appliance.identity.second_factor import RECOVERY_CODES, STEP_S
from appliance.identity.sessions import SECOND_FACTOR_WITHIN
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import PASSWORD

HOME = "10.0.0.7"


@pytest.fixture
def phone(identity: Identity, alice: Account, clock: FakeClock) -> Callable[[], str]:
    """Alice's authenticator app, after she turned the second factor on: the code it shows now."""
    secret = identity.second_factor.begin(alice.name).secret
    totp = pyotp.TOTP(secret)
    identity.second_factor.turn_on(Principal(alice.id, "user"), secret, totp.at(clock.now()))
    clock.advance(2 * STEP_S)
    return lambda: totp.at(clock.now())


def halfway(identity: Identity, alice: Account) -> str:
    opened = identity.door.authenticate(alice.name, PASSWORD, HOME)
    assert opened.pending
    return opened.token


def test_a_password_alone_opens_nothing(identity: Identity, alice: Account, phone: Callable[[], str]) -> None:
    token = halfway(identity, alice)
    assert identity.sessions.authenticate(token, HOME) is None
    assert identity.sessions.list(alice.id) == []
    opened = identity.door.second_step(token, phone(), HOME)
    assert opened.token != token
    assert identity.sessions.authenticate(opened.token, HOME) is not None
    assert identity.sessions.known(token, HOME) is None


def test_a_code_works_once_and_a_neighbouring_step_counts(
    identity: Identity, alice: Account, phone: Callable[[], str], clock: FakeClock
) -> None:
    code = phone()
    clock.advance(STEP_S)
    identity.door.second_step(halfway(identity, alice), code, HOME)
    token = halfway(identity, alice)
    with pytest.raises(InvalidInput):
        identity.door.second_step(token, code, HOME)
    late = phone()
    clock.advance(2 * STEP_S)
    with pytest.raises(InvalidInput):
        identity.door.second_step(token, late, HOME)


def test_guessing_codes_is_slowed_like_guessing_passwords(
    identity: Identity, alice: Account, phone: Callable[[], str]
) -> None:
    token = halfway(identity, alice)
    for _ in range(lockout.FREE_FAILURES):
        with pytest.raises(InvalidInput):
            identity.door.second_step(token, "000000", HOME)
    with pytest.raises(LimitReached):
        identity.door.second_step(token, phone(), HOME)


def test_the_second_step_has_to_come_soon(
    identity: Identity, alice: Account, phone: Callable[[], str], clock: FakeClock
) -> None:
    token = halfway(identity, alice)
    clock.advance(SECOND_FACTOR_WITHIN.total_seconds() + 1)
    with pytest.raises(NotSignedIn, match="too long"):
        identity.door.second_step(token, phone(), HOME)


def test_a_whole_session_cannot_be_stepped_again(identity: Identity, alice: Account) -> None:
    token = identity.door.authenticate(alice.name, PASSWORD, HOME).token
    for nothing in (token, "", "nobody's"):
        with pytest.raises(NotSignedIn):
            identity.door.second_step(nothing, "123456", HOME)


def test_each_recovery_code_lets_in_once(
    identity: Identity, alice: Account, phone: Callable[[], str], recorded: Callable[[], list[Leaf]]
) -> None:
    assert phone()
    codes = identity.second_factor.renew_codes(Principal(alice.id, "user"))
    assert len(set(codes)) == RECOVERY_CODES
    identity.door.second_step(halfway(identity, alice), codes[0].upper().replace("-", " "), HOME)
    with pytest.raises(InvalidInput):
        identity.door.second_step(halfway(identity, alice), codes[0], HOME)
    assert identity.second_factor.state(Principal(alice.id, "user")) == (True, RECOVERY_CODES - 1)
    assert AuditAction.RECOVERY_USED in [leaf.action for leaf in recorded()]


def test_renewed_codes_end_the_old_ones_and_none_is_stored_in_clear(
    identity: Identity, alice: Account, phone: Callable[[], str], database: Database
) -> None:
    assert phone()
    old = identity.second_factor.renew_codes(Principal(alice.id, "user"))
    new = identity.second_factor.renew_codes(Principal(alice.id, "user"))
    with pytest.raises(InvalidInput):
        identity.door.second_step(halfway(identity, alice), old[0], HOME)
    with database.read() as session:
        kept = repr(session.execute(text("SELECT * FROM recovery_codes")).all())
        kept += repr(session.execute(text("SELECT * FROM users")).all())
    assert not any(code in kept for code in new)


def test_turning_it_on_needs_a_code_of_that_secret(
    identity: Identity, alice: Account, clock: FakeClock
) -> None:
    principal = Principal(alice.id, "user")
    secret = identity.second_factor.begin(alice.name).secret
    for wrong in ("", "000000", pyotp.TOTP(pyotp.random_base32()).at(clock.now())):
        with pytest.raises(InvalidInput):
            identity.second_factor.turn_on(principal, secret, wrong)
    with pytest.raises(InvalidInput, match="Start again"):
        identity.second_factor.turn_on(principal, "not base32 at all!", "123456")
    assert not identity.door.authenticate(alice.name, PASSWORD, HOME).pending
    code = pyotp.TOTP(secret).at(clock.now())
    identity.second_factor.turn_on(principal, secret, code)
    with pytest.raises(Conflict):
        identity.second_factor.turn_on(principal, secret, code)


def test_turned_off_the_password_is_enough_again(
    identity: Identity, alice: Account, phone: Callable[[], str]
) -> None:
    assert phone()
    identity.second_factor.turn_off(Principal("admin", "user"), alice.id)
    assert not identity.door.authenticate(alice.name, PASSWORD, HOME).pending


def test_a_role_that_must_have_one_is_told_so(
    identity: Identity, policy: ActivePolicy, alice: Account, carol: Account
) -> None:
    access = policy.current.access
    sign_in = access.sign_in.model_copy(update={"second_factor": ("administrator",)})
    demanding = access.model_copy(update={"sign_in": sign_in})
    object.__setattr__(policy.current, "parts", replace(policy.current.parts, access=demanding))
    due = {}
    for person in (alice, carol):
        token = identity.door.authenticate(person.name, PASSWORD, HOME).token
        known = identity.sessions.known(token, HOME)
        assert known is not None
        due[person.name] = known.second_factor_due
    assert due == {"alice": False, "carol": True}
