"""API keys: shown once, kept as a hash, their owner's alone, over when they are over."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import KeyScope, Principal
from appliance.errors import InvalidInput, NotFound, StorageFailed
from appliance.identity.accounts import Account
from appliance.identity.keys import MAX_KEYS, ApiKeys
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.people import MEMBER

HOME = "10.0.0.7"


def at_home(account: Account) -> Principal:
    return Principal(account.id, "user", "session", HOME, account.roles)


def test_a_key_acts_for_its_owner_and_says_which_key_it_was(keys: ApiKeys, alice: Account) -> None:
    key, secret = keys.create(at_home(alice), alice.id, " 노트북 ")
    assert secret.startswith("nae_")
    assert keys.authenticate(secret, HOME) == Principal(alice.id, "key", key.id, HOME, MEMBER)
    assert [(one.id, one.label) for one in keys.list(alice.id)] == [(key.id, "노트북")]


@pytest.mark.parametrize("secret", ["", "nae_", "nae_" + "A" * 43, "\udcff", "x" * 100_000])
def test_any_other_text_is_nobodys_key(keys: ApiKeys, alice: Account, secret: str) -> None:
    keys.create(at_home(alice), alice.id, "laptop")
    assert keys.authenticate(secret, HOME) is None


def test_the_secret_is_not_in_the_database(database: Database, keys: ApiKeys, alice: Account) -> None:
    _, secret = keys.create(at_home(alice), alice.id, "laptop")
    with database.read() as session:
        rows = session.execute(text("SELECT * FROM api_keys")).all()
    assert secret not in repr(rows)
    assert secret.removeprefix("nae_") not in repr(rows)


def test_nobody_sees_or_revokes_anothers_key(
    keys: ApiKeys, alice: Account, bob: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    key, secret = keys.create(at_home(alice), alice.id, "laptop")
    assert keys.list(bob.id) == []
    for missing in (key.id, "00000000-0000-7000-8000-000000000000", "", "\x00"):
        with pytest.raises(NotFound, match="no such key"):
            keys.revoke(at_home(bob), bob.id, missing)
    assert keys.authenticate(secret, HOME) is not None
    assert AuditAction.KEY_REVOKED not in [leaf.action for leaf in recorded()]


def test_a_revoked_key_ends_at_once_and_the_others_stay(
    keys: ApiKeys, alice: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    key, secret = keys.create(at_home(alice), alice.id, "laptop")
    _, other = keys.create(at_home(alice), alice.id, "laptop")
    keys.revoke(at_home(alice), alice.id, key.id)
    assert keys.authenticate(secret, HOME) is None
    assert keys.authenticate(other, HOME) is not None
    with pytest.raises(NotFound):
        keys.revoke(at_home(alice), alice.id, key.id)
    log = [(leaf.action, leaf.object) for leaf in recorded()]
    assert log.count((AuditAction.KEY_REVOKED, f"key:{key.id}")) == 1


def test_an_expiring_key_ends_by_itself(keys: ApiKeys, alice: Account, clock: FakeClock) -> None:
    until = clock.now() + timedelta(days=30)
    key, secret = keys.create(at_home(alice), alice.id, "laptop", until)
    assert key.expires_at == until
    clock.advance(30 * 86400 - 1)
    assert keys.authenticate(secret, HOME) is not None
    clock.advance(1)
    assert keys.authenticate(secret, HOME) is None


def test_the_last_use_is_kept_to_the_minute(keys: ApiKeys, alice: Account, clock: FakeClock) -> None:
    _, secret = keys.create(at_home(alice), alice.id, "laptop")
    assert keys.list(alice.id)[0].used_at is None
    first = clock.now()
    for _ in range(3):
        keys.authenticate(secret, HOME)
        clock.advance(20)
    assert keys.list(alice.id)[0].used_at == first
    clock.advance(1)
    keys.authenticate(secret, HOME)
    assert keys.list(alice.id)[0].used_at == clock.now()


@pytest.mark.sqlite_only
def test_a_key_still_opens_when_its_use_cannot_be_written(
    database: Database, keys: ApiKeys, alice: Account
) -> None:
    _, secret = keys.create(at_home(alice), alice.id, "laptop")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")  # every write on it fails, as on a full disk
    with pytest.raises(StorageFailed):
        keys.create(at_home(alice), alice.id, "phone")
    assert keys.authenticate(secret, HOME) is not None
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")


@pytest.mark.parametrize("label", ["", "  ", "x" * 65, "a\nb"])
def test_a_key_needs_a_readable_name(keys: ApiKeys, alice: Account, label: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        keys.create(at_home(alice), alice.id, label)
    assert refusal.value.field == "label"


def test_one_person_has_so_many_keys_and_no_more(keys: ApiKeys, alice: Account, bob: Account) -> None:
    for number in range(MAX_KEYS):
        keys.create(at_home(alice), alice.id, f"key {number}")
    with pytest.raises(InvalidInput, match=str(MAX_KEYS)):
        keys.create(at_home(alice), alice.id, "one more")
    keys.create(at_home(bob), bob.id, "his first")


def test_a_narrow_key_carries_its_scope_and_works_from_its_networks_only(
    keys: ApiKeys, alice: Account
) -> None:
    scope = KeyScope(frozenset({"small"}), frozenset({"chat"}))
    _, secret = keys.create(at_home(alice), alice.id, "script", scope=scope, addresses=("10.0.0.0/24", "::1"))
    principal = keys.authenticate(secret, HOME)
    assert principal is not None
    assert principal.scope == scope
    assert principal.scope.allows_model("small")
    assert not principal.scope.allows_endpoint("embeddings")
    assert keys.authenticate(secret, "::1") is not None
    for elsewhere in ("10.0.1.7", "::2", "", "not an address"):
        assert keys.authenticate(secret, elsewhere) is None


def test_a_key_without_a_scope_is_not_limited(keys: ApiKeys, alice: Account) -> None:
    _, secret = keys.create(at_home(alice), alice.id, "script")
    principal = keys.authenticate(secret, "192.0.2.1")
    assert principal is not None
    assert principal.scope.allows_model("any")
    assert principal.scope.allows_endpoint("any")
