"""Getting another process to do it: a new one, or a sibling by its memory, files, signals, namespaces."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys
from pathlib import Path

from appliance.egress import linux
from appliance.egress.attacks.targets import Attempt, Targets

PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 0, 16, 17, 0x4206, 0x4207
CLONE_NEWNET = 0x40000000
AT_EMPTY_PATH = 0x1000
EFAULT = 14
IPC_RMID = 0
TRUE = "/bin/true"


def execute(_to: Targets) -> None:
    os.execv(TRUE, ["true"])  # noqa: S606 - the attack itself


def execute_python(_to: Targets) -> None:
    os.execv(sys.executable, [sys.executable, "-c", ""])  # noqa: S606 - the attack itself


def execute_what_we_wrote(to: Targets) -> None:
    program = Path(to.folder, "program")
    try:
        program.write_bytes(b"#!/bin/sh\nexit 0\n")
        os.chmod(program, 0o700)  # noqa: PTH101 - the plain call
        os.waitpid(os.posix_spawn(program, ["program"], {}), 0)
    finally:
        program.unlink(missing_ok=True)


def spawn(_to: Targets) -> None:
    os.waitpid(os.posix_spawn(TRUE, ["true"], {}), 0)


def preload_into_a_child(_to: Targets) -> None:
    """A child whose loader takes in a library of ours."""
    os.waitpid(os.posix_spawn(TRUE, ["true"], {"LD_PRELOAD": "/nowhere/naesil.so"}), 0)


def fork(_to: Targets) -> None:
    _end_child(os.fork())


def fork_by_clone(_to: Targets) -> None:
    _end_child(linux.call("clone", signal.SIGCHLD, 0, 0, 0, 0))


def fork_by_clone3(_to: Targets) -> None:
    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, signal.SIGCHLD)
    _end_child(linux.call("clone3", arguments, ctypes.sizeof(arguments)))


def fork_into_a_network_of_its_own(_to: Targets) -> None:
    _end_child(linux.call("clone", signal.SIGCHLD | CLONE_NEWNET, 0, 0, 0, 0))


def execute_from_memory(_to: Targets) -> None:
    number = os.memfd_create("program")
    os.write(number, Path(TRUE).read_bytes())
    linux.call("execveat", number, b"", None, None, AT_EMPTY_PATH)


def trace_sibling(to: Targets) -> None:
    linux.call("ptrace", PTRACE_ATTACH, to.sibling, 0, 0)
    os.waitpid(to.sibling, 0)
    linux.call("ptrace", PTRACE_DETACH, to.sibling, 0, 0)


def seize_sibling(to: Targets) -> None:
    linux.call("ptrace", PTRACE_SEIZE, to.sibling, 0, 0)
    linux.call("ptrace", PTRACE_INTERRUPT, to.sibling, 0, 0)
    os.waitpid(to.sibling, 0)
    linux.call("ptrace", PTRACE_DETACH, to.sibling, 0, 0)


def be_traced(_to: Targets) -> None:
    linux.call("ptrace", PTRACE_TRACEME, 0, 0, 0)


def read_siblings_memory(to: Targets) -> None:
    _reach_memory("process_vm_readv", to)


def write_siblings_memory(to: Targets) -> None:
    _reach_memory("process_vm_writev", to)


def open_siblings_memory(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/mem", os.O_RDWR))


def read_siblings_environment(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/environ", os.O_RDONLY))


def read_siblings_command_line(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/cmdline", os.O_RDONLY))


def see_the_machines_processes(_to: Targets) -> None:
    """Who else runs here, under which name."""
    own = str(os.getpid())
    if not [name for name in os.listdir("/proc") if name.isdigit() and name != own]:  # noqa: PTH208 - plain
        raise PermissionError(errno.EPERM, "nobody but ourselves")


def borrow_siblings_file(to: Targets) -> None:
    pidfd = os.pidfd_open(to.sibling)
    os.close(linux.call("pidfd_getfd", pidfd, 0, 0))


def open_siblings_file(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/fd/0", os.O_RDONLY))


def compare_with_sibling(to: Targets) -> None:
    """kcmp(2) tells which files two processes share."""
    linux.call("kcmp", os.getpid(), to.sibling, 1, 0, 0)


def walk_through_siblings_root(to: Targets) -> None:
    os.close(os.open(f"/proc/{to.sibling}/root/etc/passwd", os.O_RDONLY))


def signal_sibling(to: Targets) -> None:
    os.kill(to.sibling, signal.SIGCONT)


def signal_siblings_thread(to: Targets) -> None:
    linux.call("tgkill", to.sibling, to.sibling, signal.SIGCONT)


def signal_sibling_by_pidfd(to: Targets) -> None:
    signal.pidfd_send_signal(os.pidfd_open(to.sibling), signal.SIGCONT)


def queue_a_signal_with_a_message(to: Targets) -> None:
    """rt_sigqueueinfo(2): eight bytes of our choice travel with the signal."""
    info = ctypes.create_string_buffer(128)
    ctypes.memmove(
        info, signal.SIGCONT.to_bytes(4, "little") + bytes(4) + (-1).to_bytes(4, "little", signed=True), 12
    )
    linux.call("rt_sigqueueinfo", to.sibling, signal.SIGCONT, info)


def let_a_file_signal_sibling(to: Targets) -> None:
    """The kernel signals whom F_SETOWN names when a file becomes ready."""
    read, write = os.pipe()
    try:
        fcntl.fcntl(read, fcntl.F_SETOWN, to.sibling)
    finally:
        os.close(read)
        os.close(write)


def ask_for_siblings_limits(to: Targets) -> None:
    old = (ctypes.c_uint64 * 2)()
    linux.call("prlimit64", to.sibling, resource.RLIMIT_NOFILE, None, old)


def enter_siblings_network(to: Targets) -> None:
    number = os.open(f"/proc/{to.sibling}/ns/net", os.O_RDONLY)
    linux.call("setns", number, 0)


def enter_siblings_network_by_pidfd(to: Targets) -> None:
    linux.call("setns", os.pidfd_open(to.sibling), CLONE_NEWNET)


def live_in_the_machines_ipc(to: Targets) -> None:
    """Memory, queues and semaphores of everybody's would be in reach."""
    to.need(to.ipc)
    if os.readlink("/proc/self/ns/ipc") != to.ipc:  # noqa: PTH115 - "ipc:[...]" is no path
        raise PermissionError(errno.EPERM, "an IPC namespace of our own")


def share_memory(_to: Targets) -> None:
    segment = linux.call("shmget", 0, 4096, 0o1600)
    linux.call("shmctl", segment, IPC_RMID, None)


def leave_a_message_in_a_queue(_to: Targets) -> None:
    queue = linux.call("msgget", 0, 0o1600)
    linux.call("msgctl", queue, IPC_RMID, None)


def open_a_named_queue(_to: Targets) -> None:
    os.close(linux.call("mq_open", b"naesil-probe", os.O_CREAT | os.O_RDWR, 0o600, None))
    linux.call("mq_unlink", b"naesil-probe")


def _reach_memory(call: str, to: Targets) -> None:
    """One byte at the address 0: EFAULT means that the right to reach it was there."""
    local, remote = (ctypes.c_uint64 * 2)(), (ctypes.c_uint64 * 2)(0, 1)
    buffer = ctypes.create_string_buffer(1)
    local[0], local[1] = ctypes.addressof(buffer), 1
    try:
        linux.call(call, to.sibling, local, 1, remote, 1, 0)
    except OSError as error:
        if error.errno != EFAULT:
            raise


def _end_child(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


PROCESSES: tuple[Attempt, ...] = (
    execute,
    execute_python,
    execute_what_we_wrote,
    spawn,
    preload_into_a_child,
    fork,
    fork_by_clone,
    fork_by_clone3,
    fork_into_a_network_of_its_own,
    execute_from_memory,
    trace_sibling,
    seize_sibling,
    be_traced,
    read_siblings_memory,
    write_siblings_memory,
    open_siblings_memory,
    read_siblings_environment,
    read_siblings_command_line,
    see_the_machines_processes,
    borrow_siblings_file,
    open_siblings_file,
    compare_with_sibling,
    walk_through_siblings_root,
    signal_sibling,
    signal_siblings_thread,
    signal_sibling_by_pidfd,
    queue_a_signal_with_a_message,
    let_a_file_signal_sibling,
    ask_for_siblings_limits,
    enter_siblings_network,
    enter_siblings_network_by_pidfd,
    live_in_the_machines_ipc,
    share_memory,
    leave_a_message_in_a_queue,
    open_a_named_queue,
)
