"""Asking the kernel itself for more: mounts, programs inside it, its keys, its other call tables."""

import ctypes
import mmap
import os
import platform
import resource
from pathlib import Path

from appliance.egress import linux
from appliance.egress.attacks.targets import Attempt, Targets, Void

CLONE_NEWUSER = 0x10000000
AT_FDCWD = -100
HANDLE_BYTES = 128
MNT_DETACH = 2
READ_IMPLIES_EXEC = 0x0400000
UNCHANGED = 0xFFFFFFFF


def new_user_namespace(_to: Targets) -> None:
    linux.call("unshare", CLONE_NEWUSER)


def mount_something(to: Targets) -> None:
    """Over our own folder and off again: where nothing stops us, the machine must not notice."""
    linux.mount("tmpfs", to.folder, "tmpfs", 0)
    linux.call("umount2", to.folder.encode(), MNT_DETACH)


def mount_by_the_new_calls(_to: Targets) -> None:
    os.close(linux.call("fsopen", b"tmpfs", 0))


def clone_a_mount(_to: Targets) -> None:
    os.close(linux.call("open_tree", AT_FDCWD, b"/", 1))  # OPEN_TREE_CLONE


def change_root(_to: Targets) -> None:
    linux.call("chroot", b"/")


def open_by_handle(_to: Targets) -> None:
    """A file by its number on the disk, whatever the root is (the way out of many a container)."""
    handle = ctypes.create_string_buffer(HANDLE_BYTES.to_bytes(4, "little"), HANDLE_BYTES + 8)
    mount = ctypes.c_int()
    linux.call("name_to_handle_at", AT_FDCWD, b"/", handle, ctypes.byref(mount), 0)
    folder = os.open("/", os.O_RDONLY)
    try:
        os.close(linux.call("open_by_handle_at", folder, handle, os.O_RDONLY))
    finally:
        os.close(folder)


def load_bpf(_to: Targets) -> None:
    """BPF_MAP_CREATE of an array of one."""
    attributes = ctypes.create_string_buffer(_words(2, 4, 4, 1), 128)
    os.close(linux.call("bpf", 0, attributes, 128))


def load_a_module(_to: Targets) -> None:
    """From no file: EBADF means that the right to load one was there."""
    _right_was_there("finit_module", 9, (-1, b"", 0))


def load_another_kernel(_to: Targets) -> None:
    """Of no segments with unknown flags: EINVAL means that the right to load one was there."""
    _right_was_there("kexec_load", 22, (0, 0, None, 0xFFFF))


def watch_by_perf(_to: Targets) -> None:
    """The software clock of this process."""
    attributes = ctypes.create_string_buffer(_words(1, 128), 128)
    os.close(linux.call("perf_event_open", attributes, 0, -1, -1, 0))


def handle_page_faults(_to: Targets) -> None:
    os.close(linux.call("userfaultfd", 0))


def use_the_kernels_keys(_to: Targets) -> None:
    linux.call("add_key", b"user", b"naesil-probe", b"x", 1, -1)


def read_the_kernels_log(_to: Targets) -> None:
    linux.call("syslog", 10, None, 0)  # SYSLOG_ACTION_SIZE_BUFFER


def reach_the_ports_of_the_machine(_to: Targets) -> None:
    linux.call("ioperm", 0x80, 1, 0)  # gives a right back, so nothing is touched


def io_uring(_to: Targets) -> None:
    os.close(linux.call("io_uring_setup", 4, ctypes.create_string_buffer(120)))


def become_traceable(_to: Targets) -> None:
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def allow_core_dumps(_to: Targets) -> None:
    """A core file holds every prompt in memory."""
    limits = (ctypes.c_uint64 * 2)(1, 1)
    linux.call("prlimit64", 0, resource.RLIMIT_CORE, limits, None)


def become_somebody_else(_to: Targets) -> None:
    """The plain call: the C library's would ask every other thread to change as well."""
    linux.call("setuid", 65534)


def make_data_executable(_to: Targets) -> None:
    """personality(2): from then on whatever is readable can be run."""
    before = linux.call("personality", UNCHANGED)
    linux.call("personality", before | READ_IMPLIES_EXEC)
    linux.call("personality", before)


def lay_a_filter_of_our_own(_to: Targets) -> None:
    """A listener of our own over our own calls (SECCOMP_GET_NOTIF_SIZES asks for its first step)."""
    linux.call("seccomp", 3, 0, ctypes.create_string_buffer(16))


def call_by_the_32_bit_table(_to: Targets) -> None:
    """int 0x80 with the number of getpid there: if it answers, all of that table does."""
    if platform.machine() != "x86_64":
        raise Void("no second table on this machine")
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
        start = ctypes.c_char.from_buffer(page)
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(start))()
        del start
    if answer != os.getpid():
        raise OSError(-answer, "int 0x80")


def call_by_the_x32_table(_to: Targets) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), "x32")


def open_the_machines_memory(_to: Targets) -> None:
    os.close(os.open("/dev/mem", os.O_RDONLY))


def open_the_disk(_to: Targets) -> None:
    devices = [entry for entry in Path("/dev").iterdir() if entry.is_block_device()]
    if not devices:
        raise Void("no disk in /dev")
    os.close(os.open(devices[0], os.O_RDONLY))


def open_a_network_device(_to: Targets) -> None:
    os.close(os.open("/dev/net/tun", os.O_RDWR))


def change_a_kernel_setting(_to: Targets) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


def reach_the_emergency_key(_to: Targets) -> None:
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


def _right_was_there(name: str, telling: int, arguments: tuple[object, ...]) -> None:
    """A call that must fail; the errno `telling` says that it failed after the right was checked."""
    try:
        linux.call(name, *arguments)
    except OSError as error:
        if error.errno != telling:
            raise


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


KERNEL: tuple[Attempt, ...] = (
    new_user_namespace,
    mount_something,
    mount_by_the_new_calls,
    clone_a_mount,
    change_root,
    open_by_handle,
    load_bpf,
    load_a_module,
    load_another_kernel,
    watch_by_perf,
    handle_page_faults,
    use_the_kernels_keys,
    read_the_kernels_log,
    reach_the_ports_of_the_machine,
    io_uring,
    become_traceable,
    allow_core_dumps,
    become_somebody_else,
    make_data_executable,
    lay_a_filter_of_our_own,
    call_by_the_32_bit_table,
    call_by_the_x32_table,
    open_the_machines_memory,
    open_the_disk,
    open_a_network_device,
    change_a_kernel_setting,
    reach_the_emergency_key,
)
