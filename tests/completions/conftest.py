"""A pipeline over a real database and a scripted runtime."""

import pytest

from appliance.audit.log import AuditLog
from appliance.completions.pipeline import Completions
from appliance.config import share_folder
from appliance.core import Principal
from appliance.inference.client import InferenceClient
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.people import member


@pytest.fixture
def inference() -> InferenceClient:
    return InferenceClient()


@pytest.fixture
def completions(
    database: Database, audit: AuditLog, inference: InferenceClient, clock: FakeClock
) -> Completions:
    return Completions(database, audit, inference, ActivePolicy(load(share_folder("policies"))), clock)


@pytest.fixture
def alice(database: Database, vault: Vault, audit: AuditLog, clock: FakeClock) -> Principal:
    return member(database, vault, audit, clock, "alice")
