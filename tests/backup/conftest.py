"""A house with people, conversations, policies and a sealed log, on either database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from appliance.audit.log import AuditLog
from appliance.audit.sealing import seal_here
from appliance.backup.create import Backups, Made, Order
from appliance.backup.keys import Secret
from appliance.cli.house import OPERATOR
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.core import SYSTEM, Role
from appliance.identity import house as identity
from appliance.policy.active import ActivePolicy
from appliance.policy.revisions import in_force
from appliance.storage.engine import Database
from appliance.storage.folder import prepare_data_folder
from appliance.storage.vault import Vault

SECRET = Secret("key-file", b"k" * 32)
PASSWORD = "느티나무 아래 세 번째 의자"


@dataclass(frozen=True)
class Kept:
    """A house and what it needs to be backed up."""

    settings: Settings
    database: Database
    backups: Backups

    def create(self, out: Path, **more: Any) -> Made:
        return self.backups.create(OPERATOR, Order(out, SECRET, **more))

    def rows(self) -> dict[str, list[Any]]:
        return rows_of(self.database)


def rows_of(database: Database) -> dict[str, list[Any]]:
    """Every row of every table as text, for comparing databases of different kinds."""
    with database.read() as session:
        known = sa.MetaData()
        known.reflect(session.connection())
        return {
            table.name: sorted(
                str([_plain(value) for value in row]) for row in session.execute(sa.select(table))
            )
            for table in known.sorted_tables
        }


def _plain(value: Any) -> Any:
    if isinstance(value, (memoryview, bytes)):
        return bytes(value).hex()
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Where SQLite's file is, too."""
    return tmp_path / "house"


@pytest.fixture
def prepared(data_folder: Path, database_url: str) -> Settings:
    """The data folder, made before the database is."""
    url = "" if database_url.startswith("sqlite") else database_url
    settings = Settings(data=data_folder, database_url=url)
    prepare_data_folder(settings)
    return settings


@pytest.fixture
def house(prepared: Settings, database: Database) -> Kept:
    """Made anew; a database of PostgreSQL where the test asks for one."""
    settings = prepared
    clock = SystemClock()
    vault = Vault.open(settings.keys_folder, clock)
    audit = AuditLog(vault, clock, "00000000-0000-7000-8000-000000000001")
    people = identity.build(database, vault, audit, clock, ActivePolicy(in_force(database, settings)))
    for name in ("김하나", "이두리"):
        people.accounts.create(SYSTEM, name, PASSWORD, frozenset({Role.MEMBER}))
    (settings.policies_folder / "notices.yaml").write_text("version: 1\n", "utf-8")
    (settings.models_folder / "choice.json").write_text('{"name": "none"}')
    (settings.models_folder / f"{'a' * 64}.gguf").write_bytes(b"weights " * 200_000)
    (settings.run_folder / "left.sock").write_text("disposable")
    seal_here(settings, database)
    return Kept(settings, database, Backups(settings, database, audit, clock))
