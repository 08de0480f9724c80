"""An export read by Go's own packages (golang.org/x/mod/sumdb), which know nothing of us."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.evidence.conftest import COUNT, Site

SOURCE = Path(__file__).parent / "golang" / "reader.go"
GO = os.environ.get("GO", "") or shutil.which("go")
GOPATH = os.environ.get("GOPATH", "/usr/share/gocode")  # where Debian's golang-golang-x-mod-dev puts it

pytestmark = pytest.mark.skipif(
    GO is None or not (Path(GOPATH) / "src/golang.org/x/mod/sumdb").exists(),
    reason="Go and golang.org/x/mod are not installed (Debian: golang-go golang-golang-x-mod-dev)",
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": GOPATH, "GOCACHE": str(folder / "cache")}
    built = subprocess.run(
        [str(GO), "build", "-o", str(folder / "reader"), str(SOURCE)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "reader"


@pytest.fixture
def unpacked(shared: Site, tmp_path: Path) -> Path:
    with zipfile.ZipFile(shared.folder / "whole.zip") as archive:
        archive.extractall(tmp_path / "export")
    return tmp_path / "export"


def read(reader: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([reader, folder], capture_output=True, text=True, check=False)


def test_go_comes_to_the_same_tree(reader: Path, unpacked: Path) -> None:
    done = read(reader, unpacked)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["OK:", str(COUNT + 2)]), done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint",
        "entries.jsonl",
        "tile/0/000",
        "tile/1/000.p/2",
        "manifest.tlog-proof",
        "manifest.consistency",
    ],
)
def test_go_says_no_to_a_changed_byte(reader: Path, unpacked: Path, name: str) -> None:
    path = unpacked / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = read(reader, unpacked)
    assert (done.returncode, done.stdout[:4]) == (1, "BAD:")
