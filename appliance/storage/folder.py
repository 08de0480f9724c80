"""The data folder: made private, checked before anything relies on it."""

import errno
import os
from pathlib import Path

from appliance.config import Settings
from appliance.errors import N_, ConfigError
from appliance.keyfile import read_or_create_key

ROOT_KEY_FILE = "root.key"
SETTINGS = "config.toml"
NO_SETTINGS = """\
# Settings of this data folder; 'appliance serve --help' names them, with - written as _. No process of the
# running product can write here. Example: port = 8443
"""


def prepare_data_folder(settings: Settings) -> None:
    """Make the folder and its parts with mode 0700, and the root key if there is none yet.

    Raises ConfigError with the remedy when it cannot be made, written to, or is somebody else's, and
    where one of the parts that rule the next start is a link, and for a folder with the program in it.
    """
    if settings.data in Path(__file__).parents:
        raise ConfigError(
            N_("%(path)s holds the program, which taken-over processes could change. Give another --data."),
            path=settings.data,
        )
    for folder in (
        settings.data,
        settings.keys_folder,
        settings.models_folder,
        settings.policies_folder,
        settings.run_folder,
    ):
        _make(folder)
    _refuse_links(settings)
    key = settings.keys_folder / ROOT_KEY_FILE
    if not key.exists() and settings.database_file is not None and settings.database_file.exists():
        raise ConfigError(
            N_("%(path)s is missing but there are data sealed with it. Restore it from a backup."), path=key
        )
    try:
        read_or_create_key(key)
    except OSError as error:
        raise _remedy(error, key) from None
    _leave_no_room(settings.data / SETTINGS)


def _refuse_links(settings: Settings) -> None:
    """Web's jail holds these in their places, where web could remove a link and leave its own instead:
    the keys and rules of the next start."""
    ruling = (settings.keys_folder, settings.policies_folder, settings.run_folder, settings.data / SETTINGS)
    for path in ruling:
        if path.is_symlink():
            raise ConfigError(
                N_(
                    "%(path)s is a link, which a taken-over process could exchange. Put the file or folder "
                    "itself there, or mount it there."
                ),
                path=path,
            )


def _leave_no_room(settings_file: Path) -> None:
    """A settings file that is there is covered read-only in web's root; one that is not, web could make."""
    try:
        with settings_file.open("x", encoding="utf-8") as file:
            file.write(NO_SETTINGS)
        settings_file.chmod(0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise _remedy(error, settings_file) from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.stat()
    except OSError as error:
        raise _remedy(error, folder) from None
    if os.geteuid() not in (info.st_uid, 0):
        raise ConfigError(
            N_("%(path)s belongs to another user. Run as that user or give another --data."), path=folder
        )
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise ConfigError(N_("%(path)s is read-only. Make it writable or give another --data."), path=folder)


def _remedy(error: OSError, path: Path) -> ConfigError:
    if error.errno == errno.ENOSPC:
        return ConfigError(N_("The disk that holds %(path)s is full. Free some space first."), path=path)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return ConfigError(N_("%(path)s is read-only. Make it writable or give another --data."), path=path)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return ConfigError(N_("%(path)s is a file, not a folder. Give another --data."), path=path)
    return ConfigError(
        N_("%(path)s cannot be used: %(reason)s."), path=path, reason=os.strerror(error.errno or 0)
    )
