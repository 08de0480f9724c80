"""Alice and Bob have accounts; Carol administers; everything they do is in a log that must verify."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.audit.entry import Leaf
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.config import share_folder
from appliance.core import SYSTEM, Role
from appliance.egress.sealer import LocalSealer
from appliance.identity.accounts import Account, Accounts
from appliance.identity.door import Door
from appliance.identity.groups import Groups
from appliance.identity.house import Identity, build
from appliance.identity.keys import ApiKeys
from appliance.identity.sessions import Sessions
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.people import MEMBER, PASSWORD


@pytest.fixture
def policy() -> ActivePolicy:
    return ActivePolicy(load(share_folder("policies")))


@pytest.fixture
def identity(
    database: Database, vault: Vault, audit: AuditLog, clock: FakeClock, policy: ActivePolicy
) -> Identity:
    return build(database, vault, audit, clock, policy)


@pytest.fixture
def accounts(identity: Identity) -> Accounts:
    return identity.accounts


@pytest.fixture
def sessions(identity: Identity) -> Sessions:
    return identity.sessions


@pytest.fixture
def door(identity: Identity) -> Door:
    return identity.door


@pytest.fixture
def keys(identity: Identity) -> ApiKeys:
    return identity.keys


@pytest.fixture
def groups(identity: Identity) -> Groups:
    return identity.groups


@pytest.fixture
def alice(accounts: Accounts) -> Account:
    return accounts.create(SYSTEM, "alice", PASSWORD, MEMBER)


@pytest.fixture
def bob(accounts: Accounts) -> Account:
    return accounts.create(SYSTEM, "bob", PASSWORD, MEMBER)


@pytest.fixture
def carol(accounts: Accounts) -> Account:
    return accounts.create(SYSTEM, "carol", PASSWORD, frozenset({Role.ADMINISTRATOR, Role.MEMBER}))


@pytest.fixture
def recorded(database: Database, data_folder: Path) -> Callable[[], list[Leaf]]:
    """What is in the log by now."""

    def read() -> list[Leaf]:
        Sequencer(database, LocalSealer(data_folder / "keys")).run_once()
        return entries(database, 0, 100_000)

    return read
