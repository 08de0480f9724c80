"""The schema: what the migrations make is what the models say, whole or not at all."""

import importlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, Column, inspect, text

import appliance
from appliance.config import share_folder
from appliance.errors import ConfigError, StorageFailed
from appliance.storage import migrate, versions
from appliance.storage.base import Base
from appliance.storage.engine import Database

BROKEN = """
from alembic import op
import sqlalchemy as sa

revision = "9999_broken"
down_revision = "{head}"


def upgrade() -> None:
    op.create_table("half_made", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("users", sa.Column("half_made", sa.String(), nullable=True))
    op.execute("SELECT * FROM no_such_table")
"""


def differs(
    _context: object, _inspected: object, column: Column[object], found: str | None, _own: object, wanted: str
) -> bool | None:
    """JSON defaults as text: PostgreSQL has no equality for json. None: as usual."""
    return (wanted or "") not in (found or "") if isinstance(column.type, JSON) else None


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


def test_the_models_and_the_migrations_describe_the_same_tables(database: Database) -> None:
    root = Path(appliance.__path__[0])
    for file in root.rglob("*.py"):
        if "(Base):" in file.read_text("utf-8"):
            importlib.import_module(".".join(("appliance", *file.relative_to(root).with_suffix("").parts)))
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_server_default": differs})
        assert compare_metadata(context, Base.metadata) == []


def test_an_empty_database_is_brought_to_the_newest_schema_once(empty: Database) -> None:
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    assert migrate.current(empty) == migrate.head()


def test_a_migration_that_fails_half_way_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tmp_path / "100% ours"  # a folder name that an INI file would trip over
    shutil.copytree(share_folder("migrations"), scripts)
    (scripts / "versions" / "9999_broken.py").write_text(BROKEN.format(head=migrate.head()))
    before = tables(database)
    for module in (migrate, versions):
        monkeypatch.setattr(module, "share_folder", lambda _name: scripts)
    with pytest.raises(StorageFailed):
        migrate.upgrade(database)
    assert tables(database) == before
    assert "half_made" not in before
    assert migrate.current(database) != migrate.head()


def test_data_of_a_newer_version_are_refused_with_what_to_do(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9000_tomorrow'"))
    with pytest.raises(ConfigError, match=r"newer version \(schema 9000_tomorrow\)"):
        migrate.upgrade(database)
    assert migrate.current(database) == "9000_tomorrow"


def test_two_programs_that_start_together_migrate_once(tmp_path: Path) -> None:
    problems: list[Exception] = []

    def start() -> None:
        database = Database(f"sqlite:///{tmp_path / 'shared.db'}")
        try:
            migrate.upgrade(database)
            assert migrate.current(database) == migrate.head()
        except Exception as problem:
            problems.append(problem)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def tables(database: Database) -> dict[str, list[str]]:
    with database.read() as session:
        inspector = inspect(session.connection())
        return {
            name: [column["name"] for column in inspector.get_columns(name)]
            for name in inspector.get_table_names()
        }
