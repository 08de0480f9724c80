"""The database's address: what is taken, and what says too little about the way to another machine."""

import pytest

from appliance.errors import ConfigError
from appliance.storage.address import parse

HERE = [
    "sqlite:///data/naesil.db",
    "postgresql://naesil@localhost/naesil",
    "postgresql://naesil@127.0.0.1:5433/naesil",
    "postgresql://naesil@[::1]/naesil",
    "postgresql://naesil@/naesil?host=/run/postgresql",
    "postgresql:///naesil",
]
ELSEWHERE = [
    "postgresql://naesil@db.example/naesil",
    "postgresql://naesil@192.0.2.7/naesil?connect_timeout=3",
    "postgresql://naesil@/naesil?host=db.example",
    "postgresql://naesil@/naesil?host=/run/postgresql&host=db.example",
    "postgresql://naesil@localhost/naesil?host=db.example",
]


@pytest.mark.parametrize("address", HERE)
def test_a_database_on_this_machine_needs_no_more_words(address: str) -> None:
    assert parse(address).database is not None


@pytest.mark.parametrize("address", ELSEWHERE)
def test_one_on_another_machine_says_how_it_is_protected(address: str) -> None:
    with pytest.raises(ConfigError, match="another machine"):
        parse(address)
    said = f"{address}{'&' if '?' in address else '?'}sslmode=verify-full"
    assert parse(said).query["sslmode"] == "verify-full"


@pytest.mark.parametrize("address", ["mysql://naesil@localhost/naesil", "postgresql://me@localhost/", "?"])
def test_what_is_no_address_of_ours_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="must read postgresql"):
        parse(address)
