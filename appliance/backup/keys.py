"""What opens a backup: a passphrase (scrypt, RFC 7914) or a recovery key file (HKDF-SHA-256, RFC 5869).

Either wraps the one key that the backup's frames are sealed with, which is new for every backup.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from appliance.errors import N_, ConfigError
from appliance.keyfile import KEY_BYTES

SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P = 17, 8, 1  # OWASP 2025: 128 MiB
MAX_LOG_N = 20
SALT_BYTES = 16
LEAST_PASSPHRASE = 12
MAX_FILE_BYTES = 4096
PURPOSE = b"naesil backup key file"


@dataclass(frozen=True, slots=True)
class Secret:
    """What a person gives. `kind`: "passphrase" or "key-file"."""

    kind: str
    value: bytes

    def key(self, salt: bytes, log_n: int = SCRYPT_LOG_N) -> bytes:
        """The 32 bytes that wrap a backup's key."""
        if self.kind == "passphrase":
            return Scrypt(salt, KEY_BYTES, 1 << log_n, SCRYPT_R, SCRYPT_P).derive(self.value)
        return HKDF(hashes.SHA256(), KEY_BYTES, salt, PURPOSE).derive(self.value)


def passphrase(text: str, *, new: bool) -> Secret:
    """Of a person. ConfigError when a new one is too short to guard a file that anybody may hold."""
    if new and len(text) < LEAST_PASSPHRASE:
        raise ConfigError(
            N_("A backup's passphrase has at least %(least)d characters: whoever has the file may try any."),
            least=LEAST_PASSPHRASE,
        )
    return Secret("passphrase", text.encode())


def from_file(path: Path) -> Secret:
    """The recovery key in `path`: 32 bytes or more, readable by their owner alone."""
    try:
        mode, value = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be read: %(error)s."), path=path, error=error.strerror
        ) from None
    if mode & 0o077:
        raise ConfigError(N_("Others may read the key file %(path)s. Run: chmod 600 %(path)s"), path=path)
    if not KEY_BYTES <= len(value) <= MAX_FILE_BYTES:
        raise ConfigError(
            N_("%(path)s is no recovery key: it has %(count)d bytes. 'appliance backup key' makes one."),
            path=path,
            count=len(value),
        )
    return Secret("key-file", value)


def make_file(path: Path) -> None:
    """A new recovery key, mode 0600. ConfigError when the file is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConfigError(N_("%(path)s is there already; nothing was overwritten."), path=path) from None
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be written: %(reason)s."), path=path, reason=error.strerror
        ) from None
