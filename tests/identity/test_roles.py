"""Roles: nobody raises themselves, nobody alone makes or unmakes the one who watches."""

from collections.abc import Callable

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import SYSTEM, Principal, Role
from appliance.errors import Conflict, Forbidden, InvalidInput, NotFound
from appliance.identity.accounts import Account
from appliance.identity.house import Identity
from tests.people import MEMBER, PASSWORD

AUDITOR = frozenset[str]({Role.AUDITOR, Role.MEMBER})
HOME = "10.0.0.7"


@pytest.fixture
def first(carol: Account) -> Principal:
    return Principal(carol.id, "user", roles=carol.roles)


@pytest.fixture
def second(identity: Identity) -> Principal:
    account = identity.accounts.create(SYSTEM, "dave", PASSWORD, frozenset({Role.ADMINISTRATOR}))
    return Principal(account.id, "user", roles=account.roles)


def test_an_administrator_gives_and_takes_roles_at_once(
    identity: Identity, alice: Account, first: Principal
) -> None:
    token = identity.door.authenticate(alice.name, PASSWORD, HOME).token
    assert identity.roles.set(first, alice.id, frozenset({Role.POLICY_ADMINISTRATOR}))
    assert identity.accounts.get(alice.id).roles == {Role.POLICY_ADMINISTRATOR}
    assert identity.sessions.authenticate(token, HOME) is None


def test_nobody_changes_their_own_roles(identity: Identity, carol: Account, first: Principal) -> None:
    for roles in (frozenset({Role.AUDITOR}), frozenset({Role.MEMBER}), carol.roles):
        with pytest.raises(Forbidden, match="own roles"):
            identity.roles.set(first, carol.id, frozenset(roles))


def test_making_an_auditor_takes_two_people(
    identity: Identity, alice: Account, first: Principal, second: Principal
) -> None:
    assert not identity.roles.set(first, alice.id, AUDITOR)
    assert identity.accounts.get(alice.id).roles == MEMBER
    (request,) = identity.roles.requests()
    assert (request.user_name, request.roles, request.asked_by) == ("alice", AUDITOR, first.user_id)
    with pytest.raises(Forbidden, match="asked for this yourself"):
        identity.roles.agree(first, request.id)
    with pytest.raises(Forbidden, match="own roles"):
        identity.roles.agree(Principal(alice.id, "user"), request.id)
    identity.roles.agree(second, request.id)
    assert identity.accounts.get(alice.id).roles == AUDITOR
    assert identity.roles.requests() == []


def test_so_does_unmaking_one(
    identity: Identity, alice: Account, first: Principal, second: Principal
) -> None:
    identity.roles.set(first, alice.id, AUDITOR)
    identity.roles.agree(second, identity.roles.requests()[0].id)
    assert not identity.roles.set(first, alice.id, MEMBER)
    identity.roles.decline(second, identity.roles.requests()[0].id)
    assert identity.accounts.get(alice.id).roles == AUDITOR
    with pytest.raises(NotFound):
        identity.roles.decline(second, "gone")


def test_an_auditor_is_not_slipped_in_with_a_new_account(identity: Identity, first: Principal) -> None:
    with pytest.raises(Conflict, match="second person"):
        identity.links.invite(first, "mallory", AUDITOR)
    with pytest.raises(Conflict, match="second person"):
        identity.accounts.create(first, "mallory", PASSWORD, AUDITOR)


def test_the_last_administrator_stays(identity: Identity, carol: Account, second: Principal) -> None:
    identity.roles.set(second, carol.id, MEMBER)
    with pytest.raises(Conflict, match="last administrator"):
        identity.roles.set(SYSTEM, second.user_id, MEMBER)


def test_unknown_roles_and_people_are_refused(identity: Identity, alice: Account, first: Principal) -> None:
    with pytest.raises(InvalidInput, match="no role 'emperor'"):
        identity.roles.set(first, alice.id, frozenset({"emperor"}))
    with pytest.raises(NotFound):
        identity.roles.set(first, "nobody", MEMBER)


def test_every_step_is_in_the_log(
    identity: Identity, alice: Account, first: Principal, second: Principal,
    recorded: Callable[[], list[Leaf]],
) -> None:  # fmt: skip
    identity.roles.set(first, alice.id, AUDITOR)
    identity.roles.decline(second, identity.roles.requests()[0].id)
    identity.roles.set(first, alice.id, AUDITOR)
    identity.roles.agree(second, identity.roles.requests()[0].id)
    log = [(leaf.action, leaf.actor.id, leaf.reason) for leaf in recorded() if leaf.subject == alice.id]
    assert log[1:] == [
        (AuditAction.ROLES_ASKED, first.user_id, "auditor member"),
        (AuditAction.ROLES_DECLINED, second.user_id, "auditor member"),
        (AuditAction.ROLES_ASKED, first.user_id, "auditor member"),
        (AuditAction.ROLES_SET, second.user_id, "auditor member"),
    ]
