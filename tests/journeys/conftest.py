"""One product for all journeys that only use it, and makers for those that break it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.product import Product, init, new_key


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A set-up, running product with one administrator."""
    data = tmp_path_factory.mktemp("shared") / "data"
    init(data)
    running = Product(data).wait_ready()
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.output), "".join(running.output)


@pytest.fixture(scope="session")
def api_key(product: Product) -> str:
    return new_key(product.data)


@pytest.fixture
def start_product(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """Starts a product of one's own over `tmp_path / "data"`, set up with an administrator."""
    started: list[Product] = []

    def start(*flags: str, setup: bool = True) -> Product:
        data = tmp_path / "data"
        if setup and not data.exists():
            init(data)
        running = Product(data, *flags).wait_ready()
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()
