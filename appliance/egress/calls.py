"""System call numbers per architecture, from Linux' asm/unistd_64.h and asm-generic/unistd.h.

One line a call: name, x86_64, aarch64; `-` where that architecture never had it. Only calls
that a filter, a layer or the self-attack names are listed.
"""

from dataclasses import dataclass

X32_BIT = 0x40000000


@dataclass(frozen=True, slots=True)
class Architecture:
    """One machine's call table. `audit` is what seccomp sees (linux/audit.h)."""

    name: str
    audit: int
    numbers: dict[str, int]
    number_limit: int | None = None


_TABLE = """
accept 43 202
accept4 288 242
access 21 -
add_key 248 217
arch_prctl 158 -
bind 49 200
bpf 321 280
brk 12 214
capset 126 91
chdir 80 49
chmod 90 -
chown 92 -
chroot 161 51
clock_getres 229 114
clock_gettime 228 113
clock_nanosleep 230 115
clone 56 220
clone3 435 435
close 3 57
close_range 436 436
connect 42 203
copy_file_range 326 285
creat 85 -
dup 32 23
dup2 33 -
dup3 292 24
epoll_create 213 -
epoll_create1 291 20
epoll_ctl 233 21
epoll_pwait 281 22
epoll_pwait2 441 441
epoll_wait 232 -
eventfd 284 -
eventfd2 290 19
execve 59 221
execveat 322 281
exit 60 93
exit_group 231 94
faccessat 269 48
faccessat2 439 439
fadvise64 221 223
fallocate 285 47
fchdir 81 50
fchmod 91 52
fchmodat 268 53
fchown 93 55
fcntl 72 25
fdatasync 75 83
finit_module 313 273
flock 73 32
fork 57 -
fsopen 430 430
fstat 5 80
fstatfs 138 44
fsync 74 82
ftruncate 77 46
futex 202 98
get_mempolicy 239 236
getcpu 309 168
getcwd 79 17
getdents 78 -
getdents64 217 61
getegid 108 177
geteuid 107 175
getgid 104 176
getgroups 115 158
getpeername 52 205
getpgid 121 155
getpgrp 111 -
getpid 39 172
getppid 110 173
getpriority 140 141
getrandom 318 278
getresgid 120 150
getresuid 118 148
getrlimit 97 163
getrusage 98 165
getsid 124 156
getsockname 51 204
getsockopt 55 209
gettid 186 178
gettimeofday 96 169
getuid 102 174
init_module 175 105
io_uring_enter 426 426
io_uring_register 427 427
io_uring_setup 425 425
ioctl 16 29
ioperm 173 -
kcmp 312 272
kexec_load 246 104
keyctl 250 219
kill 62 129
landlock_add_rule 445 445
landlock_create_ruleset 444 444
landlock_restrict_self 446 446
listen 50 201
lseek 8 62
lstat 6 -
madvise 28 233
mbind 237 235
membarrier 324 283
memfd_create 319 279
mincore 27 232
mkdir 83 -
mkdirat 258 34
mlock 149 228
mlock2 325 284
mmap 9 222
mount 165 40
mount_setattr 442 442
mprotect 10 226
mq_open 240 180
mq_unlink 241 181
mremap 25 216
msgctl 71 187
msgget 68 186
msync 26 227
munlock 150 229
munmap 11 215
name_to_handle_at 303 264
nanosleep 35 101
newfstatat 262 79
open 2 -
open_by_handle_at 304 265
open_tree 428 428
openat 257 56
pause 34 -
perf_event_open 298 241
personality 135 92
pidfd_getfd 438 438
pidfd_open 434 434
pidfd_send_signal 424 424
pipe 22 -
pipe2 293 59
pivot_root 155 41
poll 7 -
ppoll 271 73
prctl 157 167
pread64 17 67
preadv 295 69
prlimit64 302 261
process_madvise 440 440
process_vm_readv 310 270
process_vm_writev 311 271
pselect6 270 72
ptrace 101 117
pwrite64 18 68
pwritev 296 70
read 0 63
readahead 187 213
readlink 89 -
readlinkat 267 78
readv 19 65
recvfrom 45 207
recvmsg 47 212
rename 82 -
renameat 264 38
renameat2 316 276
request_key 249 218
restart_syscall 219 128
rmdir 84 -
rseq 334 293
rt_sigaction 13 134
rt_sigpending 127 136
rt_sigprocmask 14 135
rt_sigqueueinfo 129 138
rt_sigreturn 15 139
rt_sigsuspend 130 133
rt_sigtimedwait 128 137
sched_get_priority_max 146 125
sched_get_priority_min 147 126
sched_getaffinity 204 123
sched_getparam 143 121
sched_getscheduler 145 120
sched_setaffinity 203 122
sched_setscheduler 144 119
sched_yield 24 124
seccomp 317 277
select 23 -
sendfile 40 71
sendmmsg 307 269
sendmsg 46 211
sendto 44 206
set_mempolicy 238 237
set_robust_list 273 99
set_tid_address 218 96
setgroups 116 159
setns 308 268
setpriority 141 140
setrlimit 160 164
setsockopt 54 208
setuid 105 146
shmctl 31 195
shmget 29 194
shutdown 48 210
sigaltstack 131 132
socket 41 198
socketpair 53 199
stat 4 -
statfs 137 43
statx 332 291
symlink 88 -
sync_file_range 277 84
sysinfo 99 179
syslog 103 116
tgkill 234 131
time 201 -
times 100 153
tkill 200 130
truncate 76 45
umask 95 166
umount2 166 39
uname 63 160
unlink 87 -
unlinkat 263 35
unshare 272 97
userfaultfd 323 282
utimensat 280 88
utimes 235 -
vfork 58 -
wait4 61 260
waitid 247 95
write 1 64
writev 20 66
"""


def _column(index: int) -> dict[str, int]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {row[0]: int(row[index]) for row in rows if row[index] != "-"}


TABLES = {
    "x86_64": Architecture("x86_64", 0xC000003E, _column(1), number_limit=X32_BIT),
    "aarch64": Architecture("aarch64", 0xC00000B7, _column(2)),
}
