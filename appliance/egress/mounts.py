"""The private root: a tree that holds what the profile names and nothing else, read-only.

A file system beats a file permission here because Landlock (ABI 7) does not see connect() to
a socket's path: in this tree D-Bus, the container engine and syslog have no path at all.
Built as bubblewrap does: a tmpfs over /tmp becomes the root, the old root is bound out of
/old, then let go.
"""

import os
import posixpath
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from appliance.egress import linux
from appliance.egress.report import Layer

LAYER = "private root"
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
STAGE = "/tmp"  # noqa: S108 - only a mount point, in a namespace of our own
MAX_SYMLINKS = 40


class Right(Enum):
    """How a path appears in the new tree. HIDDEN: an empty folder or file in its place."""

    READ = "read"
    WRITE = "write"
    HIDDEN = "hidden"


def furnish(rights: Mapping[Path, Right], shown: Mapping[Path, str]) -> Layer:
    """Make the namespace's root hold only these paths; the right of the longest path counts.

    `shown` are small files of ours with their text, in the place of the machine's. Must run in a
    mount namespace of our own, with rights over it. Paths that do not exist are left out. On
    failure the report says why, and what is in the tree by then is all there is.
    """
    umask = os.umask(0o022)  # whoever we become walks through these folders
    try:
        _enter_stage()
        paths = sorted(rights, key=lambda path: len(path.parts))
        hiding = [_place(path, rights[path]) for path in paths]
        for real in filter(None, hiding):
            _set_rights(real, Right.READ, 0)  # not what was put into it since
        for path, text in shown.items():
            _make_mount_point(path, is_folder=False)
            path.write_text(text, "utf-8")
        linux.call("umount2", b"/old", MNT_DETACH)
        Path("/old").rmdir()
        linux.mount("", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    except OSError as error:
        return Layer(LAYER, False, f"{error.filename or 'mount'}: {error.strerror}")
    finally:
        os.umask(umask)
    return Layer(LAYER, True, "only the paths of this process's profile")


def _enter_stage() -> None:
    linux.mount("", "/", "", MS_REC | MS_PRIVATE)
    _set_rights("/", Right.WRITE)  # a kernel without this call (before 5.12) must be met before the pivot
    linux.mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    Path(STAGE, "old").mkdir()
    linux.call("pivot_root", STAGE.encode(), f"{STAGE}/old".encode())
    os.chdir("/")


def _place(path: Path, right: Right) -> str:
    """Show one path of the old root at the same place of the new one, with the symlinks on its way.

    Of a folder that hides what would be in sight, where it is; else nothing.
    """
    real = _follow(path)
    source = f"/old{real}"
    if not os.path.lexists(source) or (right is Right.HIDDEN and not os.path.lexists(real)):
        return ""
    is_folder = Path(source).is_dir()
    if not os.path.lexists(real):
        _make_mount_point(Path(real), is_folder)
    if right is not Right.HIDDEN:
        linux.mount(source, real, "", MS_BIND | MS_REC)
        _set_rights(real, right)
    elif is_folder:
        linux.mount("tmpfs", real, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k")
        return real
    else:
        linux.mount("/old/dev/null", real, "", MS_BIND)
    return ""


def _make_mount_point(path: Path, is_folder: bool) -> None:
    if is_folder:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _follow(path: Path) -> str:
    """Where the path leads in the old root; each symlink met is made in the new root too."""
    todo = list(path.parts[1:])
    real = "/"
    for _ in range(MAX_SYMLINKS * len(todo) + 1):
        if not todo:
            break
        step = posixpath.join(real, todo.pop(0))
        if not Path(f"/old{step}").is_symlink():
            real = step
            continue
        target = Path(f"/old{step}").readlink()
        if not os.path.lexists(step):
            Path(real).mkdir(parents=True, exist_ok=True)
            Path(step).symlink_to(target)
        todo = [*Path(posixpath.normpath(posixpath.join(real, target))).parts[1:], *todo]
        real = "/"
    return real


def _set_rights(target: str, right: Right, flags: int = AT_RECURSIVE) -> None:
    attributes = MOUNT_ATTR_NOSUID | (MOUNT_ATTR_RDONLY if right is Right.READ else 0)
    structure = b"".join(word.to_bytes(8, "little") for word in (attributes, 0, 0, 0))
    linux.call("mount_setattr", AT_FDCWD, target.encode(), flags, structure, len(structure))
