"""Whose the data are when root starts the product: an unprivileged user's, who needs no account.

The folder's owner tells; a folder of root's gets the user `naesil` if the machine has one, else a
number of its own from the range that systemd's DynamicUser takes (61184 to 65519).
"""

import hashlib
import os
import pwd
import stat
from pathlib import Path

from appliance.config import Settings
from appliance.errors import N_, ConfigError

ACCOUNT = "naesil"
FIRST, LAST = 61184, 65519
ROOT = "root"

Owner = tuple[int, int]
"""User id, group id."""


def service_user(settings: Settings) -> Owner | None:
    """Who the children become; None when they stay who we are.

    That is so when we are not root, when a namespace knows no other user, and when the setting
    `user` says root. Raises ConfigError for a user this machine does not know.
    """
    if os.geteuid() != 0 or settings.user == ROOT:
        return None
    if settings.user:
        try:
            person = pwd.getpwnam(settings.user)
        except KeyError:
            raise ConfigError(
                N_("The setting 'user' names %(user)s, whom this machine does not know."), user=settings.user
            ) from None
        return person.pw_uid, person.pw_gid
    owner = settings.data.stat()
    chosen = (owner.st_uid, owner.st_gid) if owner.st_uid != 0 else _account_or_number(settings.data)
    return chosen if _is_mapped(chosen[0], "uid_map") and _is_mapped(chosen[1], "gid_map") else None


def hand_over(folder: Path, owner: Owner) -> None:
    """Give what root made in the data folder to its user; what is another's already is left alone.

    Links are not followed and files with a second name are not touched: by now the folder's user
    may have put either there.
    """
    for root, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        _give(".", descriptor, owner, Path(root))
        for name in (*folders, *files):
            _give(name, descriptor, owner, Path(root, name))


def adopt(folder: Path) -> None:
    """After root worked in somebody's data folder: what it made there is theirs."""
    info = folder.stat()
    if os.geteuid() == 0 and info.st_uid != 0:
        hand_over(folder, (info.st_uid, info.st_gid))


def _give(name: str, descriptor: int, owner: Owner, path: Path) -> None:
    try:
        info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if info.st_uid == 0 and (stat.S_ISDIR(info.st_mode) or info.st_nlink == 1):
            os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return  # a running product removes files of its own
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be given to user %(user)d: %(reason)s. Start as that user instead."),
            path=path,
            user=owner[0],
            reason=os.strerror(error.errno or 0),
        ) from None


def _account_or_number(folder: Path) -> Owner:
    try:
        person = pwd.getpwnam(ACCOUNT)
    except KeyError:
        digest = hashlib.sha256(os.fsencode(folder)).digest()
        number = FIRST + int.from_bytes(digest[:4], "big") % (LAST - FIRST + 1)
        return number, number
    return person.pw_uid, person.pw_gid


def _is_mapped(number: int, table: str) -> bool:
    """Whether this user namespace knows the number at all; in a container it may not."""
    for line in Path("/proc/self", table).read_text("ascii").splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= number < first + count:
            return True
    return False
