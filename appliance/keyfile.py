"""Secret key files: 32 random bytes, readable by their owner alone."""

import os
import secrets
from pathlib import Path

from appliance.errors import N_, ConfigError

KEY_BYTES = 32


def read_or_create_key(path: Path) -> bytes:
    """The 32 secret bytes in `path`; made if missing, refused if others may read them."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return read_key(path)


def read_key(path: Path) -> bytes:
    """The 32 secret bytes in an existing `path`. ConfigError with the remedy otherwise."""
    if path.stat().st_mode & 0o077:
        raise ConfigError(N_("Others may read the key file %(path)s. Run: chmod 600 %(path)s"), path=path)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigError(N_("The key file %(path)s is damaged. Restore it from a backup."), path=path)
    return key
