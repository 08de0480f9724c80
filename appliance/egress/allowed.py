"""Which system calls each process may make: the whole list, in groups an auditor can tick off.

What is in no group meets the profile's default verdict: execve, fork, connect, bind, ptrace,
process_vm_*, pidfd_getfd, io_uring_*, bpf, unshare, setns, every mount call, keyctl,
userfaultfd, perf_event_open, memfd_create, shmget, setuid, chroot and all calls to come.
"""

from appliance.egress.bpf import Alternative, Test, is_null
from appliance.egress.notify import IOCTLS

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCKET, TCP, UDP = 1, 6, 17  # SOL_SOCKET, IPPROTO_TCP, IPPROTO_UDP
SOCK_STREAM = 1
SOCK_TYPE_MASK = 0xF
MSG_FASTOPEN = 0x20000000
CLONE_THREAD_FLAGS = 0x00010900  # CLONE_THREAD | CLONE_SIGHAND | CLONE_VM
CLONE_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEWNS, NEWTIME and NEWCGROUP to NEWNET

MEMORY = (
    """mmap mprotect munmap mremap madvise msync mincore brk membarrier mbind get_mempolicy set_mempolicy"""
)

THREADS = """futex set_robust_list set_tid_address rseq sched_yield sched_getaffinity sched_getparam
sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu getpriority exit exit_group"""

SIGNALS = """rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack
pause restart_syscall"""

TIME = """clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage"""

IDENTITY = """getpid gettid getppid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid
getgroups getrlimit uname sysinfo getrandom arch_prctl"""

READ_FILES = """read readv pread64 preadv lseek close close_range dup dup2 dup3 open openat stat fstat lstat
newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd statfs fstatfs
fadvise64 readahead umask chdir fchdir"""

WAIT = """poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
eventfd eventfd2 pipe pipe2 write writev"""

WRITE_FILES = """creat pwrite64 pwritev ftruncate truncate fallocate fsync fdatasync sync_file_range flock
rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir chmod fchmod fchmodat utimensat utimes
copy_file_range sendfile"""

USE_SOCKETS = """recvfrom getsockname getpeername getsockopt shutdown"""

SERVE = """listen accept accept4 recvmsg"""

DIAL = """connect"""

# The ways around every other wall, for those who start processes and so must be allowed much.
NEVER = """io_uring_setup io_uring_enter io_uring_register ptrace process_vm_readv process_vm_writev
pidfd_getfd kcmp bpf perf_event_open userfaultfd setns open_by_handle_at init_module finit_module kexec_load
add_key request_key keyctl sendmmsg"""

# What the web process is not allowed and the gate answers instead (notify.py).
TRAPPED = """socket connect bind sendto sendmsg"""

# A library may try these and must live when told no (EPERM), even where the default is death.
REFUSED = """socket connect bind execve execveat fork vfork sched_setaffinity sched_setscheduler setpriority
mlock mlock2 munlock fchown chown memfd_create setrlimit"""


def names(*groups: str) -> tuple[str, ...]:
    """The calls of several groups, in order."""
    return tuple(name for group in groups for name in group.split())


def one_of(index: int, *values: int) -> tuple[Alternative, ...]:
    """Argument `index` must be one of these."""
    return tuple((Test(index, value),) for value in values)


def checked(pid: int) -> dict[str, tuple[Alternative, ...]]:
    """Calls that are allowed only with these arguments, in every process. `pid` is its own."""
    return {
        # clone3's flags lie in memory, out of a filter's sight; see seccomp.py for its ENOSYS.
        "clone": ((Test(0, CLONE_THREAD_FLAGS, CLONE_THREAD_FLAGS), Test(0, 0, CLONE_NAMESPACE_FLAGS)),),
        "tgkill": one_of(0, pid),
        "kill": one_of(0, pid),
        "prlimit64": ((Test(0, 0), is_null(2)), (Test(0, pid), is_null(2))),
        "prctl": one_of(0, 3, 15, 16),  # PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME
        "ioctl": one_of(1, 0x5401, 0x5413, 0x5421, 0x541B, 0x5450, 0x5451),
        # ioctl: TCGETS, TIOCGWINSZ, FIONBIO, FIONREAD, FIONCLEX, FIOCLEX; fcntl: all but ownership of signals
        "fcntl": one_of(1, 0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030),
        "sendto": ((is_null(4), Test(3, 0, MSG_FASTOPEN)),),
        # An event loop's own wake-up pair. A datagram pair could be aimed at a path with sendto.
        "socketpair": ((Test(0, AF_UNIX), Test(1, SOCK_STREAM, SOCK_TYPE_MASK)),),
    }


def checked_for_serving() -> dict[str, tuple[Alternative, ...]]:
    """What a process that serves accepted connections needs beyond that."""
    return {
        "sendmsg": _WITHOUT_FAST_OPEN,
        "setsockopt": options((TCP, 1), (SOCKET, 9), (SOCKET, 2)),  # NODELAY, KEEPALIVE, REUSEADDR
    }


def checked_for_calling() -> dict[str, tuple[Alternative, ...]]:
    """What libraries set on a connection of their own, beyond that. None of it leads anywhere else."""
    return {
        "setsockopt": options(
            *((TCP, option) for option in (1, 4, 5, 6, 12, 18)),  # NODELAY, KEEP*, QUICKACK, USER_TIMEOUT
            # REUSEADDR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, RCVTIMEO, SNDTIMEO and those with 64-bit times
            *((SOCKET, option) for option in (2, 7, 8, 9, 13, 20, 21, 66, 67)),
        )
    }


def checked_for_the_gate() -> dict[str, tuple[Alternative, ...]]:
    """Sockets of its own empty namespace, and the ioctls that answer a trapped call."""
    return {
        "socket": _INTERNET_STREAMS,
        "sendmsg": _WITHOUT_FAST_OPEN,
        "setsockopt": options((TCP, 1)),
        "ioctl": one_of(1, 0x5421, *IOCTLS),  # FIONBIO
    }


def checked_for_dialling() -> dict[str, tuple[Alternative, ...]]:
    """TCP to the machine's network; which port is Landlock's business."""
    return {
        "socket": _INTERNET_STREAMS,
        "setsockopt": options((TCP, 1), (SOCKET, 9), (SOCKET, 13)),  # NODELAY, KEEPALIVE, LINGER
    }


def checked_for_starting(*, dials: bool) -> dict[str, tuple[Alternative, ...]]:
    """What a process that starts others, and those it starts, can be held to."""
    # who does not dial raises the loopback of an empty network, which takes a datagram socket
    raising = () if dials else ((Test(0, AF_INET), Test(1, 2, SOCK_TYPE_MASK), Test(2, 0)),)
    return {
        **dict.fromkeys(names(NEVER), ()),
        **({"sendmsg": ()} if dials else {"sendmsg": _WITHOUT_FAST_OPEN}),
        "socket": (*_INTERNET_STREAMS, *raising),
        "sendto": ((is_null(4), Test(3, 0, MSG_FASTOPEN)),),
        "socketpair": ((Test(0, AF_UNIX), Test(1, SOCK_STREAM, SOCK_TYPE_MASK)),),
    }


def checked_for_supervising() -> dict[str, tuple[Alternative, ...]]:
    """Files handed on to children, and room for answers at the door of the command line."""
    return {"sendmsg": _WITHOUT_FAST_OPEN, "setsockopt": options((SOCKET, 7))}  # SNDBUF


def checked_for_the_post() -> dict[str, tuple[Alternative, ...]]:
    """Ears of every kind, and no mouth: nothing can be connected or sent to an address."""
    kinds = tuple((Test(0, AF_UNIX), Test(1, kind, SOCK_TYPE_MASK)) for kind in (1, 2, 5))
    datagrams = tuple(
        (Test(0, family), Test(1, 2, SOCK_TYPE_MASK), Test(2, protocol))
        for family in (AF_INET, AF_INET6)
        for protocol in (0, UDP)
    )
    return {"socket": (*_INTERNET_STREAMS, *datagrams, *kinds)}


def options(*named: tuple[int, int]) -> tuple[Alternative, ...]:
    """These (level, option) pairs of setsockopt."""
    return tuple((Test(1, level), Test(2, option)) for level, option in named)


_WITHOUT_FAST_OPEN: tuple[Alternative, ...] = ((Test(2, 0, MSG_FASTOPEN),),)
_INTERNET_STREAMS: tuple[Alternative, ...] = tuple(
    (Test(0, family), Test(1, SOCK_STREAM, SOCK_TYPE_MASK), Test(2, protocol))
    for family in (AF_INET, AF_INET6)
    for protocol in (0, TCP)
)
