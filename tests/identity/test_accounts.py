"""Accounts: names that mean one person, changes that are in the log, somebody always in charge."""

import threading
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import SYSTEM, Principal, Role
from appliance.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from appliance.identity.accounts import Account, Accounts, clean_name, fold
from appliance.identity.door import Door
from appliance.identity.keys import ApiKeys
from appliance.identity.sessions import Sessions
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.people import MEMBER, PASSWORD

Recorded = Callable[[], list[Leaf]]
HOME = "10.0.0.7"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kim", "KIM"),
        ("김내실", unicodedata.normalize("NFD", "김내실")),
        ("lee", "ｌｅｅ"),
        ("park", "  park "),
        ("Straße", "STRASSE"),
    ],
)
def test_one_name_is_one_person_however_it_is_typed(accounts: Accounts, first: str, second: str) -> None:
    made = accounts.create(SYSTEM, first, PASSWORD, MEMBER)
    with pytest.raises(Conflict):
        accounts.create(SYSTEM, second, PASSWORD, MEMBER)
    assert accounts.find(second).id == made.id


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 65, "a\nb", "a\x00b", "a\u202eb", "\u3164", "kim\ufe0f", "\u2800", "a\udcffb"]
)
def test_a_name_that_cannot_be_read_aloud_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        accounts.create(SYSTEM, name, PASSWORD, MEMBER)
    assert refusal.value.field == "name"


@given(st.text(max_size=80))
def test_cleaning_a_name_changes_neither_it_twice_nor_who_it_is(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except InvalidInput:
        return
    assert clean_name(cleaned) == cleaned
    assert fold(cleaned) == fold(name) == fold(fold(name))


@given(st.text(st.characters(categories=["Cs", "Cc", "Lo"]), max_size=20))
def test_looking_for_any_text_at_all_finds_nobody(name: str) -> None:
    fold(name).encode()


def test_looking_for_bytes_that_are_no_text_finds_nobody(accounts: Accounts) -> None:
    for name in ("\udcff", "\x00", "x" * 100_000):
        with pytest.raises(NotFound):
            accounts.find(name)


def test_every_change_is_in_the_log_with_who_made_it(
    accounts: Accounts, alice: Account, carol: Account, recorded: Recorded
) -> None:
    actor = Principal(carol.id, "user", "session", HOME, carol.roles)
    accounts.disable(actor, "alice")
    accounts.enable(actor, "alice")
    accounts.reset_password(actor, "alice", PASSWORD)
    log = [(leaf.action, leaf.actor.id, leaf.actor.origin, leaf.subject) for leaf in recorded()]
    assert log == [
        (AuditAction.USER_CREATED, SYSTEM.user_id, "", alice.id),
        (AuditAction.USER_CREATED, SYSTEM.user_id, "", carol.id),
        (AuditAction.USER_DISABLED, carol.id, HOME, alice.id),
        (AuditAction.USER_ENABLED, carol.id, HOME, alice.id),
        (AuditAction.USER_RESET, carol.id, HOME, alice.id),
    ]


def test_a_refused_change_leaves_no_account_no_key_and_no_entry(
    accounts: Accounts, alice: Account, recorded: Recorded
) -> None:
    for name, password in (("ALICE", PASSWORD), ("dave", "short"), ("dave", "password1234")):
        with pytest.raises((Conflict, InvalidInput)):
            accounts.create(SYSTEM, name, password, MEMBER)
    assert [account.id for account in accounts.list()] == [alice.id]
    assert len(recorded()) == 1


def test_what_is_sealed_for_a_new_person_opens_again(
    database: Database, vault: Vault, alice: Account
) -> None:
    with database.write() as session:
        sealed = vault.seal(session, alice.id, "message", "1", "비밀")
        assert vault.unseal(session, alice.id, "message", "1", sealed) == "비밀"


def test_a_disabled_account_is_out_at_once_and_nothing_comes_back_by_itself(
    accounts: Accounts, door: Door, sessions: Sessions, keys: ApiKeys, alice: Account
) -> None:
    token = door.authenticate("alice", PASSWORD, HOME).token
    _, secret = keys.create(SYSTEM, alice.id, "laptop")
    assert accounts.disable(SYSTEM, "alice").disabled
    assert sessions.authenticate(token, HOME) is None
    assert keys.authenticate(secret, HOME) is None
    with pytest.raises(NotSignedIn):
        door.authenticate("alice", PASSWORD, HOME)
    assert not accounts.enable(SYSTEM, "alice").disabled
    assert sessions.authenticate(token, HOME) is None
    assert door.authenticate("alice", PASSWORD, HOME).account.id == alice.id


def test_a_reset_password_ends_the_sessions_it_opened(
    accounts: Accounts, door: Door, sessions: Sessions, alice: Account, bob: Account
) -> None:
    tokens = {name: door.authenticate(name, PASSWORD, HOME).token for name in (alice.name, bob.name)}
    accounts.reset_password(SYSTEM, "alice", "새 우산 네 개와 눈")
    assert sessions.authenticate(tokens["alice"], HOME) is None
    assert sessions.authenticate(tokens["bob"], HOME) is not None
    with pytest.raises(NotSignedIn):
        door.authenticate("alice", PASSWORD, HOME)
    door.authenticate("alice", "새 우산 네 개와 눈", HOME)


@pytest.mark.usefixtures("carol")
def test_the_last_administrator_cannot_be_disabled(accounts: Accounts, alice: Account) -> None:
    with pytest.raises(Conflict, match="last administrator"):
        accounts.disable(SYSTEM, "carol")
    accounts.create(SYSTEM, "dora", PASSWORD, frozenset({Role.ADMINISTRATOR}))
    accounts.disable(SYSTEM, "carol")
    with pytest.raises(Conflict):
        accounts.disable(SYSTEM, "dora")
    accounts.disable(SYSTEM, "carol")
    accounts.disable(SYSTEM, alice.name)


def test_of_two_that_set_up_together_one_becomes_administrator(accounts: Accounts) -> None:
    made: list[Account] = []
    refused: list[Conflict] = []

    def set_up(name: str) -> None:
        try:
            made.append(accounts.create_first_administrator(HOME, name, PASSWORD))
        except Conflict as refusal:
            refused.append(refusal)

    threads = [threading.Thread(target=set_up, args=(f"person {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 3)
    assert [account.id for account in accounts.list()] == [made[0].id]
    assert Role.ADMINISTRATOR in made[0].roles


def test_an_office_whose_administrators_are_all_members_can_still_be_set_up(
    accounts: Accounts, alice: Account, recorded: Recorded
) -> None:
    assert not accounts.any_administrator()
    accounts.create_first_administrator(HOME, "owner", PASSWORD)
    assert accounts.any_administrator()
    assert [leaf.action for leaf in recorded()][-2:] == [AuditAction.USER_CREATED, AuditAction.SETUP]
    assert alice.roles == MEMBER
