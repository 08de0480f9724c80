"""Before root's children become somebody else: the data folder is theirs, and so is what they must read."""

import dataclasses
import os
from pathlib import Path

from appliance.config import Settings
from appliance.errors import N_, ConfigError
from appliance.storage.owner import Owner, hand_over, service_user


def entrust(settings: Settings, model: Path) -> tuple[Settings, Owner | None]:
    """The settings for the children and who they become. Raises ConfigError for an unreadable model.

    The TLS key is root's alone as a rule; the children get a copy in run/, made anew at each start.
    """
    owner = service_user(settings)
    if owner is None:
        return settings, None
    if not _may_read(model, owner) and not model.is_relative_to(settings.data):
        raise ConfigError(
            N_(
                "The model file %(path)s may not be read by the product's own user (%(user)d). Run: "
                "chmod o+r %(path)s, or import it with 'appliance model import'."
            ),
            path=model,
            user=owner[0],
        )
    settings = dataclasses.replace(
        settings,
        tls_cert=_readable(settings.tls_cert, settings, owner),
        tls_key=_readable(settings.tls_key, settings, owner),
    )
    hand_over(settings.data, owner)
    return settings, owner


def _readable(file: Path | None, settings: Settings, owner: Owner) -> Path | None:
    if file is None or file.is_relative_to(settings.data) or _may_read(file, owner):
        return file
    copy = settings.run_folder / f"tls-{file.name}"
    copy.unlink(missing_ok=True)
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(file.read_bytes())
    return copy


def _may_read(file: Path, owner: Owner) -> bool:
    """By the file's own mode; the folders above it do not count behind the private root."""
    info = file.stat()
    shift = 6 if info.st_uid == owner[0] else 3 if info.st_gid == owner[1] else 0
    return bool(info.st_mode >> shift & 0o4)
