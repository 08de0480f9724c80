"""People for tests: Alice owns things, Bob must see none of them."""

from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import SYSTEM, Principal, Role
from appliance.identity.accounts import Accounts
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

PASSWORD = "초록 우산 세 개와 비"
MEMBER = frozenset({Role.MEMBER})


def member(database: Database, vault: Vault, audit: AuditLog, clock: Clock, name: str) -> Principal:
    """A new person with an account, signed in from the office."""
    account = Accounts(database, vault, audit, clock).create(SYSTEM, name, PASSWORD, MEMBER)
    return Principal(account.id, "user", f"session of {name}", "10.0.0.7", account.roles)
