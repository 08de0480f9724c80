"""The folder of the log's keys: which files there are, read and written whole or not at all.

log.key       secret seed of the keys in office, 0600
log.key.next  secret seed of the keys that wait to take over, while a key is being replaced
log.pub       the public keys in office; made last, so where it is the others must be
log.head      the last signed head
log.replaced  statements of replaced keys, oldest first; none before the first
"""

import base64
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import N_, ConfigError
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import HASH_BYTES
from appliance.tlog.note import Verifier

KEY_FILE = "log.key"
NEXT_KEY_FILE = "log.key.next"
PUBLIC_FILE = "log.pub"
HEAD_FILE = "log.head"
REPLACED_FILE = "log.replaced"


def read_verifier(keys_folder: Path) -> Verifier:
    """The log's public key. ConfigError before the first start."""
    return read_ring(keys_folder).newest.first


def read_ring(keys_folder: Path) -> KeyRing:
    """All public keys the log has had, with the statements that replaced them. ConfigError as above."""
    try:
        return KeyRing.parse(read_public(keys_folder)).following(read_replaced(keys_folder))
    except Unsound:
        raise damaged(keys_folder / PUBLIC_FILE) from None


def read_public(keys_folder: Path) -> str:
    """The text of log.pub: verifier keys, one a line. ConfigError before the first start."""
    path = keys_folder / PUBLIC_FILE
    try:
        text = path.read_text("ascii")
        Verifier.parse(text.partition("\n")[0])
    except FileNotFoundError:
        raise ConfigError(
            N_("There is no audit log in this data folder yet: %(path)s is missing."), path=path
        ) from None
    except (NoteError, UnicodeDecodeError):
        raise damaged(path) from None
    return text


def read_replaced(keys_folder: Path) -> str:
    """The statements of replaced keys; none before the first."""
    path = keys_folder / REPLACED_FILE
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise damaged(path) from None


def read_head(path: Path) -> tuple[int, bytes]:
    """(size, root) of the last signed head in log.head. ConfigError when it is missing or damaged."""
    try:
        value = json.loads(path.read_bytes())
        size, root = value["size"], base64.b64decode(value["root"], validate=True)
    except FileNotFoundError:
        raise ConfigError(
            N_("%(path)s is missing but a log was signed. Restore it from a backup."), path=path
        ) from None
    except (ValueError, KeyError, TypeError):
        raise damaged(path) from None
    if not isinstance(size, int) or size < 0 or len(root) != HASH_BYTES:
        raise damaged(path)
    return size, root


def head_text(size: int, root: bytes) -> bytes:
    """The content of log.head."""
    return json.dumps({"size": size, "root": base64.b64encode(root).decode()}).encode()


def damaged(path: Path) -> ConfigError:
    return ConfigError(N_("%(path)s is damaged. Restore it from a backup."), path=path)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file whole: the old content or the new one survives a crash, never half."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def alone(keys_folder: Path) -> Iterator[None]:
    """One at a time, among all processes. The lock is on the folder: its files are replaced by others."""
    folder = os.open(keys_folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
