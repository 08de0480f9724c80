"""The shipped policies, and policies that mask everything sure."""

from datetime import date
from pathlib import Path

import pytest

from appliance.config import share_folder
from appliance.policy.documents import PolicySet, load
from tests.policy import policies


@pytest.fixture
def today() -> date:
    return date(2026, 3, 2)


@pytest.fixture(scope="session")
def shipped() -> PolicySet:
    return load(share_folder("policies"))


@pytest.fixture(scope="session")
def masking_all(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    """Every kind from LOW up is masked, both ways."""
    return policies.load_with(tmp_path_factory.mktemp("policies"), dlp=policies.MASK_ALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped policies to spoil."""
    return policies.copy(tmp_path / "policies")
