"""A disk that is full or read-only: nothing half-done, a clear message, and service when it is better.

The data folder is a small file system of its own, in a mount namespace only the product sees.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.product import ADMIN, PASSWORD, Product, appliance

SMALL = "8m"


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Product]:
    """A product whose data folder is 8 MB large."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    script = (
        'mount -t tmpfs -o mode=0700,size=$1 tmpfs "$2" && '
        '"$0" init --data "$2" --admin "$3" --password-file "$4" && '
        '"$0" key create --data "$2" --user "$3" > "$2/key" && '
        'exec "$0" serve --data "$2" --port 0'
    )
    product = Product(
        data, wrapper=("sh", "-c", script, SMALL, str(data), ADMIN, str(tmp_path / "password"))
    ).wait_ready()
    yield product
    product.stop()


def inside(product: Product, name: str) -> Path:
    """A file of the data folder as the product sees it."""
    return Path(f"/proc/{product.process.pid}/root{product.data}/{name}")


def ask(product: Product, key: str) -> httpx.Response:
    return httpx.post(
        f"{product.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={
            "model": "smollm2-135m-instruct",
            "messages": [{"role": "user", "content": "Hello?"}],
            "max_tokens": 4,
        },
        timeout=60,
    )


def fill(path: Path) -> None:
    """Write until not one byte more goes in."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def test_a_full_disk_refuses_clearly_and_serves_again_when_there_is_room(boxed: Product) -> None:
    key = inside(boxed, "key").read_text().strip()
    assert ask(boxed, key).status_code == 200
    fill(inside(boxed, "filler"))
    refused = [ask(boxed, key) for _ in range(3)][-1]
    assert refused.status_code == 503
    assert "disk" in refused.json()["error"]["message"]
    assert httpx.get(f"{boxed.url}/sign-in").status_code == 200
    inside(boxed, "filler").unlink()
    assert ask(boxed, key).status_code == 200
    assert not any("Traceback" in line for line in boxed.output)


def test_a_read_only_data_folder_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    script = 'mount -t tmpfs -o mode=0700,ro tmpfs "$1" && exec "$0" serve --data "$1" --port 0'
    result = appliance(wrapper=("sh", "-c", script, str(data)))
    assert result.returncode == 2
    assert "read-only" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    result = appliance("serve", "--data", str(tmp_path / "data"), "--port", "0")
    assert result.returncode == 2
    assert "not a folder" in result.stderr
