"""Invitations and resets: a link works once, for its holder, and nobody else learns the password."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import SYSTEM, Principal, Role
from appliance.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from appliance.identity.accounts import Account
from appliance.identity.house import Identity
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import MEMBER, PASSWORD

HOME = "10.0.0.7"
ADMIN = Principal("an administrator", "user")
NEW = "은행나무 밑 오래된 우체통"


def test_an_invited_person_chooses_a_password_and_gets_in(identity: Identity) -> None:
    link = identity.links.invite(ADMIN, "dora", MEMBER)
    with pytest.raises(NotSignedIn):
        identity.door.authenticate("dora", "", HOME)
    assert identity.links.holder(link.token).name == "dora"
    identity.links.use(link.token, NEW, HOME)
    assert identity.door.authenticate("dora", NEW, HOME).account.roles == MEMBER


def test_a_link_works_once(identity: Identity) -> None:
    link = identity.links.invite(ADMIN, "dora", MEMBER)
    identity.links.use(link.token, NEW, HOME)
    for call in (identity.links.holder, lambda token: identity.links.use(token, PASSWORD, HOME)):
        with pytest.raises(NotFound, match="used before"):
            call(link.token)


def test_a_link_ends_in_time_and_when_another_is_made(
    identity: Identity, alice: Account, clock: FakeClock
) -> None:
    first = identity.links.reset(ADMIN, alice.id)
    second = identity.links.reset(ADMIN, alice.id)
    with pytest.raises(NotFound):
        identity.links.holder(first.token)
    clock.advance(72 * 3600)
    with pytest.raises(NotFound):
        identity.links.holder(second.token)


def test_a_reset_changes_nothing_until_it_is_used_and_then_ends_every_session(
    identity: Identity, alice: Account
) -> None:
    link = identity.links.reset(ADMIN, alice.id)
    token = identity.door.authenticate(alice.name, PASSWORD, HOME).token
    with pytest.raises(InvalidInput):
        identity.links.use(link.token, "짧다", HOME)
    identity.links.use(link.token, NEW, HOME)
    assert identity.sessions.authenticate(token, HOME) is None
    with pytest.raises(NotSignedIn):
        identity.door.authenticate(alice.name, PASSWORD, HOME)


def test_the_token_is_not_in_the_database(identity: Identity, alice: Account, database: Database) -> None:
    link = identity.links.reset(ADMIN, alice.id)
    with database.read() as session:
        assert link.token not in repr(session.execute(text("SELECT * FROM sign_in_links")).all())


def test_no_link_for_a_disabled_account_and_none_left_to_use(identity: Identity, alice: Account) -> None:
    link = identity.links.reset(ADMIN, alice.id)
    identity.accounts.disable(ADMIN, alice.name)
    with pytest.raises(NotFound):
        identity.links.holder(link.token)
    with pytest.raises(InvalidInput, match="disabled"):
        identity.links.reset(ADMIN, alice.id)


def test_no_administrator_takes_over_an_auditors_account(identity: Identity) -> None:
    auditor = identity.accounts.create(SYSTEM, "vera", PASSWORD, frozenset({Role.AUDITOR}))
    for attempt in (
        lambda: identity.links.reset(ADMIN, auditor.id),
        lambda: identity.accounts.reset_password(ADMIN, "vera", NEW),
        lambda: identity.accounts.disable(ADMIN, "vera"),
    ):
        with pytest.raises(Conflict, match="nobody changes that account alone"):
            attempt()
    assert identity.door.authenticate("vera", PASSWORD, HOME).account.id == auditor.id


def test_making_and_using_are_in_the_log(
    identity: Identity, alice: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    identity.links.use(identity.links.reset(ADMIN, alice.id).token, NEW, HOME)
    log = [(leaf.action, leaf.actor.id, leaf.subject, leaf.reason) for leaf in recorded()]
    assert log[-2:] == [
        (AuditAction.LINK_MADE, ADMIN.user_id, alice.id, "reset"),
        (AuditAction.LINK_USED, alice.id, alice.id, "reset"),
    ]
