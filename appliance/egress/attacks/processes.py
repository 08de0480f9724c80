"""Getting another process to do it: a new one, a sibling, or the kernel itself."""

import ctypes
import mmap
import os
import platform
import resource
import signal
from pathlib import Path

from appliance.egress import linux
from appliance.egress.attacks.targets import Attempt, Targets, Void

PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_DETACH = 0, 16, 17
CLONE_NEWUSER = 0x10000000
AT_EMPTY_PATH = 0x1000
MNT_DETACH = 2


def execute(_to: Targets) -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 - the attack itself


def spawn(_to: Targets) -> None:
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def fork(_to: Targets) -> None:
    _end_child(os.fork())


def fork_by_clone(_to: Targets) -> None:
    _end_child(linux.call("clone", signal.SIGCHLD, 0, 0, 0, 0))


def fork_by_clone3(_to: Targets) -> None:
    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, signal.SIGCHLD)
    _end_child(linux.call("clone3", arguments, ctypes.sizeof(arguments)))


def execute_from_memory(_to: Targets) -> None:
    number = os.memfd_create("program")
    os.write(number, Path("/bin/true").read_bytes())
    linux.call("execveat", number, b"", None, None, AT_EMPTY_PATH)


def trace_sibling(to: Targets) -> None:
    linux.call("ptrace", PTRACE_ATTACH, to.sibling, 0, 0)
    os.waitpid(to.sibling, 0)
    linux.call("ptrace", PTRACE_DETACH, to.sibling, 0, 0)


def be_traced(_to: Targets) -> None:
    linux.call("ptrace", PTRACE_TRACEME, 0, 0, 0)


def read_siblings_memory(to: Targets) -> None:
    """One byte at the address 0: EFAULT means that the right to read was there."""
    local, remote = (ctypes.c_uint64 * 2)(), (ctypes.c_uint64 * 2)(0, 1)
    buffer = ctypes.create_string_buffer(1)
    local[0], local[1] = ctypes.addressof(buffer), 1
    try:
        linux.call("process_vm_readv", to.sibling, local, 1, remote, 1, 0)
    except OSError as error:
        if error.errno != 14:
            raise


def open_siblings_memory(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/mem", os.O_RDWR))


def read_siblings_environment(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/environ", os.O_RDONLY))


def borrow_siblings_file(to: Targets) -> None:
    pidfd = os.pidfd_open(to.sibling)
    os.close(linux.call("pidfd_getfd", pidfd, 0, 0))


def open_siblings_file(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/fd/0", os.O_RDONLY))


def walk_through_siblings_root(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/root/etc/passwd", os.O_RDONLY))


def signal_sibling(to: Targets) -> None:
    os.kill(to.sibling, signal.SIGCONT)


def signal_sibling_by_pidfd(to: Targets) -> None:
    signal.pidfd_send_signal(os.pidfd_open(to.sibling), signal.SIGCONT)


def enter_siblings_network(to: Targets) -> None:
    number = os.open(f"/proc/{to.sibling}/ns/net", os.O_RDONLY)
    linux.call("setns", number, 0)


def new_user_namespace(_to: Targets) -> None:
    linux.call("unshare", CLONE_NEWUSER)


def mount_something(to: Targets) -> None:
    """Over our own folder and off again: where nothing stops us, the machine must not notice."""
    linux.mount("tmpfs", to.folder, "tmpfs", 0)
    linux.call("umount2", to.folder.encode(), MNT_DETACH)


def change_root(_to: Targets) -> None:
    linux.call("chroot", b"/")


def load_bpf(_to: Targets) -> None:
    """BPF_MAP_CREATE of an array of one."""
    attributes = ctypes.create_string_buffer(_words(2, 4, 4, 1), 128)
    os.close(linux.call("bpf", 0, attributes, 128))


def watch_by_perf(_to: Targets) -> None:
    """The software clock of this process."""
    attributes = ctypes.create_string_buffer(_words(1, 128), 128)
    os.close(linux.call("perf_event_open", attributes, 0, -1, -1, 0))


def handle_page_faults(_to: Targets) -> None:
    os.close(linux.call("userfaultfd", 0))


def use_the_kernels_keys(_to: Targets) -> None:
    linux.call("add_key", b"user", b"naesil-probe", b"x", 1, -1)


def share_memory(_to: Targets) -> None:
    segment = linux.call("shmget", 0, 4096, 0o1600)
    linux.call("shmctl", segment, 0, None)  # IPC_RMID


def become_traceable(_to: Targets) -> None:
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def allow_core_dumps(_to: Targets) -> None:
    """A core file holds every prompt in memory."""
    limits = (ctypes.c_uint64 * 2)(1, 1)
    linux.call("prlimit64", 0, resource.RLIMIT_CORE, limits, None)


def become_somebody_else(_to: Targets) -> None:
    os.setuid(65534)


def call_by_the_32_bit_table(_to: Targets) -> None:
    """int 0x80 with the number of getpid there: if it answers, all of that table does."""
    if platform.machine() != "x86_64":
        raise Void("no second table on this machine")
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
        start = ctypes.addressof(ctypes.c_char.from_buffer(page))
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(start)()
        os._exit(0 if answer == os.getpid() else 9)


def call_by_the_x32_table(_to: Targets) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), "x32")


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def _end_child(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


PROCESSES: tuple[Attempt, ...] = (
    execute,
    spawn,
    fork,
    fork_by_clone,
    fork_by_clone3,
    execute_from_memory,
    trace_sibling,
    be_traced,
    read_siblings_memory,
    open_siblings_memory,
    read_siblings_environment,
    borrow_siblings_file,
    open_siblings_file,
    walk_through_siblings_root,
    signal_sibling,
    signal_sibling_by_pidfd,
    enter_siblings_network,
    new_user_namespace,
    mount_something,
    change_root,
    load_bpf,
    watch_by_perf,
    handle_page_faults,
    use_the_kernels_keys,
    share_memory,
    become_traceable,
    allow_core_dumps,
    become_somebody_else,
    call_by_the_32_bit_table,
    call_by_the_x32_table,
)
