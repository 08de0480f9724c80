"""Reading what is not ours and leaving bytes where somebody else picks them up."""

import errno
import os
import resource
import sys
from pathlib import Path

from appliance.egress.attacks.targets import Attempt, Targets, Void

PACKAGE = Path(__file__).parents[2]
SETTINGS = "config.toml"


def secret(name: str) -> Attempt:
    """Read one of the secret files."""

    def read_secret(to: Targets) -> None:
        to.need(to.secret.get(name, ""))
        if not Path(to.secret[name]).read_bytes():
            raise PermissionError(1, "reads as empty")

    read_secret.__name__ = f"read_{name}"
    return read_secret


def read_password_hashes(_to: Targets) -> None:
    Path("/etc/shadow").read_bytes()


def list_the_machines_root(_to: Targets) -> None:
    if not Path("/home").exists():
        raise FileNotFoundError(2, "only the private root")
    os.listdir("/home")  # noqa: PTH208 - the plain call


def read_through_own_root(to: Targets) -> None:
    Path(f"/proc/self/root{to.secret['outside']}").read_bytes()


def read_through_a_new_symlink(to: Targets) -> None:
    link = Path(to.folder, "probe-link")
    link.symlink_to(to.secret["outside"])
    try:
        link.read_bytes()
    finally:
        link.unlink()


def read_through_a_new_hard_link(to: Targets) -> None:
    link = Path(to.folder, "probe-hard")
    os.link(to.secret["outside"], link)
    try:
        link.read_bytes()
    finally:
        link.unlink()


def look_around_in_the_root(_to: Targets) -> None:
    os.listdir("/")  # noqa: PTH208 - the plain call


def look_around_in_the_data_folder(to: Targets) -> None:
    """Database, backups and exports lie there; whoever sees more than its own part sees this."""
    to.need(to.data)
    os.listdir(to.data)  # noqa: PTH208 - the plain call


def look_around_in_the_checkout(_to: Targets) -> None:
    """The history beside the product's code, and whatever people keep there."""
    if (PACKAGE / "_share").is_dir():
        raise Void("the product is not run from a checkout")
    os.listdir(PACKAGE.parent)  # noqa: PTH208 - the plain call


def override_file_permissions(to: Targets) -> None:
    """A file of somebody else that nobody may read: only a capability opens it."""
    to.need(to.sealed)
    Path(to.sealed).read_bytes()


def leave_a_readable_file(to: Targets) -> None:
    """A new file that others may read: where the umask is not ours."""
    path = Path(to.folder, "probe-readable")
    number = os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)
    try:
        if not os.fstat(number).st_mode & 0o077:
            raise PermissionError(errno.EPERM, "private by the umask")
    finally:
        os.close(number)
        path.unlink()


def read_secrets_in_the_environment(to: Targets) -> None:
    """What the one who started the product had in the environment."""
    to.need(to.marker)
    if to.marker not in "\n".join(os.environ.values()) + Path("/proc/self/environ").read_text(
        "utf-8", "replace"
    ):
        raise PermissionError(errno.EPERM, "a new environment")


def write_outside(to: Targets) -> None:
    Path(to.precious, "written").write_bytes(to.payload)


def truncate_outside(to: Targets) -> None:
    os.truncate(Path(to.precious, "truncated"), 1)


def remove_outside(to: Targets) -> None:
    Path(to.precious, "removed").unlink()


def change_rights_outside(to: Targets) -> None:
    Path(to.precious, "changed").chmod(0o666)


def move_outside(to: Targets) -> None:
    Path(to.precious, "moved").rename(Path(to.precious, "away"))


def make_a_door_file(to: Targets) -> None:
    os.mkfifo(Path(to.precious, "fifo"))


def change_the_settings(to: Targets) -> None:
    """Whoever writes them rules the next start; opened only, not changed."""
    to.need(to.data)
    os.close(os.open(Path(to.data, SETTINGS), os.O_WRONLY))


def exchange_the_settings(to: Targets) -> None:
    """Move them away, for others in their place."""
    to.need(to.data)
    _move_and_back(Path(to.data, SETTINGS))


def exchange_the_run_folder(to: Targets) -> None:
    """The lock of the one server and the supervisor's door are in there."""
    to.need(to.data)
    _move_and_back(Path(to.data, "run"))


def exchange_the_policies(to: Targets) -> None:
    """They say where the next start may dial."""
    to.need(to.data)
    _move_and_back(Path(to.data, "policies"))


def exchange_the_keys(to: Targets) -> None:
    """For others, with which the next start would sign."""
    to.need(to.data)
    _move_and_back(Path(to.data, "keys"))


def leave_memory_in_a_core_file(_to: Targets) -> None:
    """A crash would write all that this process knows onto the disk."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise PermissionError(errno.EPERM, "no core file may be longer than nothing")


def write_into_our_own_code(_to: Targets) -> None:
    """Where another process of the product would execute it."""
    path = Path(__file__).with_name("planted.py")
    path.write_bytes(b"")
    path.unlink()


def write_into_the_libraries(_to: Targets) -> None:
    """Python runs every .pth file of its packages' folder when it starts."""
    folder = next(path for path in sys.path if path.endswith("site-packages"))
    path = Path(folder, "naesil-probe.pth")
    path.write_bytes(b"")
    path.unlink()


def write_into_the_timetable(_to: Targets) -> None:
    _make_and_remove("/etc/cron.d/naesil-probe")


def write_into_the_services(_to: Targets) -> None:
    _make_and_remove("/etc/systemd/system/naesil-probe.service")


def write_into_the_loaders_list(_to: Targets) -> None:
    """A library named there is loaded into every program of the machine; opened only, not changed."""
    path = Path("/etc/ld.so.preload")
    if path.exists():
        os.close(os.open(path, os.O_WRONLY))
    else:
        _make_and_remove(str(path))


def write_into_shared_memory(_to: Targets) -> None:
    path = Path("/dev/shm/naesil-probe")  # noqa: S108 - the attack itself
    path.write_bytes(b"")
    path.unlink()


def _move_and_back(path: Path) -> None:
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    away.rename(path)


def _make_and_remove(name: str) -> None:
    path = Path(name)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder")
    path.write_bytes(b"")
    path.unlink()


FILES: tuple[Attempt, ...] = (
    secret("outside"),
    secret("database"),
    secret("root_key"),
    secret("log_key"),
    secret("tls_key"),
    read_password_hashes,
    list_the_machines_root,
    read_through_own_root,
    read_through_a_new_symlink,
    read_through_a_new_hard_link,
    look_around_in_the_root,
    look_around_in_the_data_folder,
    look_around_in_the_checkout,
    override_file_permissions,
    leave_a_readable_file,
    read_secrets_in_the_environment,
    write_outside,
    truncate_outside,
    remove_outside,
    change_rights_outside,
    move_outside,
    make_a_door_file,
    change_the_settings,
    exchange_the_settings,
    exchange_the_run_folder,
    exchange_the_policies,
    exchange_the_keys,
    leave_memory_in_a_core_file,
    write_into_our_own_code,
    write_into_the_libraries,
    write_into_the_timetable,
    write_into_the_services,
    write_into_the_loaders_list,
    write_into_shared_memory,
)
