"""A database that is neither one schema nor the next is refused before anything is done to it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from appliance.errors import ConfigError
from appliance.identity.store import GroupRow
from appliance.storage import migrate
from appliance.storage.engine import Database

OLD = "0015_audit_forwarded"
HALF = {
    "a table of the next schema": ("CREATE TABLE presets (id VARCHAR)", "presets: of a later schema"),
    "a column of the next schema": (
        "ALTER TABLE messages ADD COLUMN maker VARCHAR",
        "messages.maker: of another schema",
    ),
    "a table that went": ("DROP TABLE audit_forwarded", "audit_forwarded: missing"),
    "a column that went": ("ALTER TABLE users DROP COLUMN name", "users.name: missing"),
    "two revisions": (
        "INSERT INTO alembic_version VALUES ('0014_reasoning_time')",
        "several revisions",
    ),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Database]:
    """A database of an older program."""
    url = f"sqlite:///{tmp_path}/old.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").fresh()
    database = Database(url)
    with database.write() as session:
        migrate.create(session, OLD)
    yield database
    database.close()


@pytest.mark.parametrize("name", HALF)
def test_a_half_migrated_database_is_refused_by_what_does_not_fit(old: Database, name: str) -> None:
    planted, said = HALF[name]
    with old.write() as session:
        if "DROP COLUMN name" in planted:
            session.execute(text("DROP INDEX IF EXISTS ix_users_name"))
        session.execute(text(planted))
    with pytest.raises(ConfigError, match="only half-way") as refused:
        migrate.upgrade(old)
    assert said in str(refused.value)
    with old.read() as session:
        assert OLD in set(session.scalars(text("SELECT version_num FROM alembic_version")))


def test_a_whole_one_is_brought_up_to_date_beside_tables_of_somebody_elses(old: Database) -> None:
    with old.write() as session:
        session.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))
    migrate.upgrade(old)
    assert migrate.current(old) == migrate.head()


def test_a_column_that_went_from_the_newest_schema_is_missed_at_the_next_start(database: Database) -> None:
    with database.write() as session:
        session.execute(text(f"ALTER TABLE {GroupRow.__tablename__} DROP COLUMN created_at"))
    with pytest.raises(ConfigError, match=r"groups.created_at: missing"):
        migrate.upgrade(database)
