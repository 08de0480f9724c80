"""The product's services for one command, whether or not the server runs.

A command writes to the database directly. What it did is in the log's outbox with it; a
running server seals that within a second, and without one the command seals it itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance import config
from appliance.audit.log import AuditLog
from appliance.audit.reads import Reads
from appliance.audit.sealing import seal_here
from appliance.backup.automatic import bring_up_to_date
from appliance.clock import Clock, SystemClock
from appliance.config import Settings
from appliance.core import Principal
from appliance.errors import N_, ConfigError
from appliance.identity import house as identity
from appliance.identity.accounts import Accounts
from appliance.identity.house import Identity
from appliance.identity.keys import ApiKeys
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.policy.gate import Gate
from appliance.policy.revisions import in_force
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.folder import prepare_data_folder
from appliance.storage.owner import adopt
from appliance.storage.vault import Vault

OPERATOR = Principal(user_id="operator", kind="system", origin="command line")


@dataclass(frozen=True, slots=True)
class House:
    """What commands work with."""

    settings: Settings
    clock: Clock
    database: Database
    audit: AuditLog
    identity: Identity
    policy: ActivePolicy

    @property
    def reads(self) -> Reads:
        return Reads(self.database, self.audit)

    @property
    def gate(self) -> Gate:
        return Gate(self.policy, self.database, self.audit)

    @property
    def accounts(self) -> Accounts:
        return self.identity.accounts

    @property
    def keys(self) -> ApiKeys:
        return self.identity.keys


@contextmanager
def open_house(data: Path | None, *, create: bool = False) -> Iterator[House]:
    """The services over the data folder; the log is sealed at the end if nobody else does it.

    Raises ConfigError when there is no data folder yet, unless `create`.
    """
    settings = config.load({"data": data})
    if not create and settings.database_file is not None and not settings.database_file.is_file():
        raise _no_data(settings)
    prepare_data_folder(settings)
    clock = SystemClock()
    database = Database(settings.database_address)
    try:
        if not create and migrate.current(database) is None:
            raise _no_data(settings)
        bring_up_to_date(settings, database, clock)
        vault = Vault.open(settings.keys_folder, clock)
        with database.read() as session:
            vault.check(session)
        audit = AuditLog(vault, clock, new_id())
        policy = ActivePolicy(in_force(database, settings))
        people = identity.build(database, vault, audit, clock, policy)
        yield House(settings, clock, database, audit, people, policy)
        seal_here(settings, database)
    finally:
        database.close()
        adopt(settings.data)


def _no_data(settings: Settings) -> ConfigError:
    return ConfigError(
        N_("There are no data in %(path)s. Run 'appliance init' first, or give --data."), path=settings.data
    )
