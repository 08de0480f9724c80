"""Ways to start wrongly: each ends with one clear line, the remedy in it, and no traceback."""

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.product import Product, appliance, init


def refused(*words: str) -> str:
    result = appliance(*words)
    text = result.stdout + result.stderr
    assert result.returncode not in (0, 70), text
    assert "Traceback" not in text
    return text


def test_beyond_loopback_without_tls_is_refused_with_the_remedy(tmp_path: Path) -> None:
    text = refused("serve", "--data", str(tmp_path / "data"), "--host", "0.0.0.0")  # noqa: S104 - the point
    for remedy in ("--tls-cert", "--tls-self-signed", "--behind-proxy"):
        assert remedy in text
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = refused("serve", "--data", str(tmp_path / "data"), "--port", str(port))
    assert str(port) in text


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    text = refused(
        "serve", "--data", str(tmp_path / "data"), "--port", "0", "--model", str(tmp_path / "no.gguf")
    )
    assert "no.gguf" in text


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"GGUF" + os.urandom(4096))
    text = refused("serve", "--data", str(tmp_path / "data"), "--port", "0", "--model", str(fake))
    assert "fake.gguf" in text


def test_a_truncated_model_is_refused(tmp_path: Path, embedded_model: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with embedded_model.open("rb") as source, cut.open("wb") as target:
        shutil.copyfileobj(source, target)
        target.truncate(20_000_000)
    text = refused("serve", "--data", str(tmp_path / "data"), "--port", "0", "--model", str(cut))
    assert "cut.gguf" in text or "model" in text.lower()


def test_a_second_server_on_the_same_data_is_refused(start_product: Callable[..., Product]) -> None:
    running = start_product()
    assert "--data" in refused("serve", "--data", str(running.data), "--port", "0")


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    key = data / "keys" / "root.key"
    key.chmod(key.stat().st_mode | stat.S_IROTH)
    assert "chmod 600" in refused("serve", "--data", str(data), "--port", "0")


@pytest.mark.parametrize("line", ["prot = 8080", "port = 'eighty'", "port = "])
def test_a_bad_config_file_is_named(tmp_path: Path, line: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "config.toml").write_text(line)
    text = refused("serve", "--data", str(data))
    assert "port" in text or "config.toml" in text
