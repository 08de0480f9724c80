"""The outer form: what is changed, dropped, swapped or cut off is named by its frame."""

from pathlib import Path

import pytest

from appliance.backup import keys
from appliance.backup.errors import Damaged
from appliance.backup.keys import Secret
from appliance.backup.seal import CHUNK_BYTES, Header, SealedWriter, open_sealed, read_header
from appliance.errors import ConfigError

SECRET = Secret("key-file", bytes(range(32)))
FRAME = CHUNK_BYTES + 16 + 4
TEXT = bytes(range(256)) * (CHUNK_BYTES // 128) + b"the end"  # two whole frames and a short one
HEADER = Header(
    id="1", created="2026-11-24", product="0", schema="s", database="sqlite", models=True, key="", salt=b""
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept.backup"


def seal(path: Path, text: bytes = TEXT, secret: Secret = SECRET) -> bytes:
    with path.open("wb") as file:
        writer = SealedWriter(file, HEADER, secret)
        for at in range(0, len(text), 100_000):
            writer.write(text[at : at + 100_000])
        writer.finish()
    return path.read_bytes()


def reopened(path: Path, data: bytes | None = None, secret: Secret = SECRET) -> bytes:
    if data is not None:
        path.write_bytes(data)
    with path.open("rb") as file:
        return b"".join(open_sealed(file, path, secret).pieces)


def frames_of(path: Path, data: bytes) -> tuple[bytes, list[bytes]]:
    """The header, and the three frames of TEXT."""
    with path.open("rb") as file:
        read_header(file, path)
        start = file.tell()
    return data[:start], [
        data[start : start + FRAME],
        data[start + FRAME : start + 2 * FRAME],
        data[start + 2 * FRAME :],
    ]


@pytest.mark.parametrize("text", [b"", b"x", TEXT[:CHUNK_BYTES], TEXT])
def test_what_was_sealed_comes_back(path: Path, text: bytes) -> None:
    data = seal(path, text)
    assert reopened(path) == text
    assert len(text) < 2 or text not in data


def test_a_passphrase_opens_what_it_sealed_and_no_other_does(path: Path) -> None:
    seal(path, TEXT, keys.passphrase("낡은 기차역 시계탑 아래", new=True))
    assert reopened(path, None, keys.passphrase("낡은 기차역 시계탑 아래", new=False)) == TEXT
    with pytest.raises(ConfigError, match="does not open the backup"):
        reopened(path, None, keys.passphrase("낡은 기차역 시계탑 위에", new=False))
    with pytest.raises(ConfigError, match="sealed with a passphrase"):
        reopened(path)


def test_a_frame_is_bound_to_its_place_and_its_backup(path: Path) -> None:
    head, (first, second, last) = frames_of(path, seal(path))
    for data, frame in (
        (head + second + first + last, 1),
        (head + first + first + last, 2),
        (head + first + last, 2),
        (head + first + second + last + b"!", 4),
        (head + first + second, 3),
        (head + first, 2),
        (head, 1),
        (head + first[:-1], 1),
        (head + first + second + last[:-1], 3),
    ):
        with pytest.raises(Damaged, match=f"frame {frame}, at byte"):
            reopened(path, data)
    other, (theirs, *_) = frames_of(path, seal(path))
    assert other != head
    with pytest.raises(Damaged, match="frame 1"):
        reopened(path, head + theirs + second + last)


def test_no_byte_can_be_changed_unseen(path: Path) -> None:
    whole = seal(path, b"a short text")
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(ConfigError):
            reopened(path, changed)
    for length in range(len(whole)):
        with pytest.raises(Damaged):
            reopened(path, whole[:length])


def test_a_key_file_must_be_private_and_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys.make_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(keys.from_file(path).value) == 32
    with pytest.raises(ConfigError, match="nothing was overwritten"):
        keys.make_file(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.from_file(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="no recovery key"):
        keys.from_file(path)
    with pytest.raises(ConfigError, match="at least 12"):
        keys.passphrase("too short", new=True)
