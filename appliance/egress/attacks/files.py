"""Reading what is not ours and leaving bytes where somebody else picks them up."""

import os
from pathlib import Path

from appliance.egress.attacks.targets import Attempt, Targets, Void


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
    link = Path(to.folder, "link")
    link.symlink_to(to.secret["outside"])
    link.read_bytes()


def read_through_a_new_hard_link(to: Targets) -> None:
    link = Path(to.folder, "hard")
    os.link(to.secret["outside"], link)
    link.read_bytes()


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


def write_into_our_own_code(_to: Targets) -> None:
    """Where another process of the product would execute it."""
    path = Path(__file__).with_name("planted.py")
    path.write_bytes(b"")
    path.unlink()


def write_into_shared_memory(_to: Targets) -> None:
    path = Path("/dev/shm/naesil-probe")  # noqa: S108 - the attack itself
    path.write_bytes(b"")
    path.unlink()


def open_the_machines_memory(_to: Targets) -> None:
    os.close(os.open("/dev/mem", os.O_RDONLY))


def open_the_disk(_to: Targets) -> None:
    devices = [entry for entry in Path("/dev").iterdir() if entry.is_block_device()]
    if not devices:
        raise Void("no disk in /dev")
    os.close(os.open(devices[0], os.O_RDONLY))


def change_a_kernel_setting(_to: Targets) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


FILES: tuple[Attempt, ...] = (
    secret("outside"),
    secret("database"),
    secret("root_key"),
    secret("log_key"),
    read_password_hashes,
    list_the_machines_root,
    read_through_own_root,
    read_through_a_new_symlink,
    read_through_a_new_hard_link,
    write_outside,
    truncate_outside,
    remove_outside,
    change_rights_outside,
    move_outside,
    make_a_door_file,
    write_into_our_own_code,
    write_into_shared_memory,
    open_the_machines_memory,
    open_the_disk,
    change_a_kernel_setting,
)
