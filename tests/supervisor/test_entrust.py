"""What a child that is no longer root must still be able to read."""

import os
from pathlib import Path

import pytest

from appliance.config import load
from appliance.errors import ConfigError
from appliance.supervisor.entrust import entrust

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has children of another user")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "run").mkdir(parents=True)
    return folder


def secret(path: Path, mode: int) -> Path:
    path.write_text(path.name)
    path.chmod(mode)
    return path


def test_a_key_that_is_roots_alone_is_copied_and_one_that_all_may_read_is_not(
    data: Path, tmp_path: Path
) -> None:
    cert, key = secret(tmp_path / "cert.pem", 0o644), secret(tmp_path / "key.pem", 0o600)
    model = secret(tmp_path / "model.gguf", 0o644)
    settings, owner = entrust(load({"data": data, "tls_cert": cert, "tls_key": key}), model)
    assert owner is not None
    assert settings.tls_cert == cert
    assert settings.tls_key is not None
    info = settings.tls_key.stat()
    assert (info.st_uid, info.st_mode & 0o777) == (owner[0], 0o600)
    assert settings.tls_key.read_text() == "key.pem"


def test_a_model_that_nobody_else_may_read_is_named_with_the_remedy(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"chmod o\+r"):
        entrust(load({"data": data}), secret(tmp_path / "model.gguf", 0o600))
