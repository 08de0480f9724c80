"""Everything of this domain, wired once for the server, the command line and the tests."""

from dataclasses import dataclass

from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.identity.accounts import Accounts
from appliance.identity.door import Door
from appliance.identity.groups import Groups
from appliance.identity.importing import Importing
from appliance.identity.keys import ApiKeys
from appliance.identity.links import Links
from appliance.identity.passkeys import Passkeys
from appliance.identity.roles import Roles
from appliance.identity.second_factor import SecondFactor
from appliance.identity.sessions import Sessions
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database
from appliance.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Identity:
    """The services of who is who, over one database."""

    accounts: Accounts
    sessions: Sessions
    door: Door
    keys: ApiKeys
    groups: Groups
    roles: Roles
    links: Links
    second_factor: SecondFactor
    passkeys: Passkeys
    importing: Importing


def build(database: Database, vault: Vault, audit: AuditLog, clock: Clock, policy: ActivePolicy) -> Identity:
    accounts = Accounts(database, vault, audit, clock)
    sessions = Sessions(database, audit, clock, policy)
    second_factor = SecondFactor(database, vault, audit, clock)
    groups = Groups(database, audit, clock)
    roles = Roles(database, audit, clock, policy)
    links = Links(database, audit, clock, policy, accounts)
    return Identity(
        accounts=accounts,
        sessions=sessions,
        door=Door(database, vault, audit, clock, sessions, second_factor),
        keys=ApiKeys(database, audit, clock),
        groups=groups,
        roles=roles,
        links=links,
        second_factor=second_factor,
        passkeys=Passkeys(database, audit, clock),
        importing=Importing(database, links, roles, groups),
    )
