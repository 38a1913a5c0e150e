"""The system calls that a worker may make (seccomp(2)), written as a filter by libseccomp.

Three tiers:

- What `Pipeline` on a ring that is already mapped needs is allowed: memory that can't be executed, waiting,
  clocks, and reading and writing of what is open.
- What no part of it ever does, and an intruder wants first, ends the process (SIGSYS; the parent sees it).
- Anything else fails with EPERM, which Python and libc take as a refusal. To kill there would turn a libc
  that tries a newer call first into a worker that dies at each start: a sensor that does not look.

There is no call that makes or copies a descriptor of anything but an epoll set, so "which descriptor" can be
asked by number: only a packet socket's cannot be written to, as that would put frames on the line.
"""

import errno
import os
import socket
from collections.abc import Collection, Iterator
from types import ModuleType
from typing import Any, Final

from sensor.worker.libc import prctl

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_PROT_EXEC: Final = 4
_MAP_ANONYMOUS: Final = 0x20
_FIONBIO: Final = 0x5421
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_SO_ATTACH_FILTER: Final = 26
_UNKNOWN: Final = -1
"""__NR_SCMP_ERROR: a call that is younger than libseccomp. One that only other machines have is another
number, and its rule makes nothing."""

_MEMORY: Final = ("brk", "munmap", "mremap", "madvise", "membarrier")
_OPEN: Final = ("read", "readv", "pread64", "recvfrom", "recvmsg", "lseek", "fstat", "close", "shutdown")
"""On whatever is open. Not newfstatat, which tells of any path: glibc 2.33 to 2.38 needs it for os.fstat."""
_WAITING: Final = ("poll", "ppoll", "select", "pselect6", "clock_nanosleep", "nanosleep", "restart_syscall")
_EPOLL: Final = ("epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2")
_LOCKS: Final = ("futex", "futex_time64", "sched_yield", "rseq")
_CLOCKS: Final = ("clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrusage", "getrandom")
_SIGNALS: Final = ("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack")
_SELF: Final = ("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getsockname")
_END: Final = ("exit", "exit_group")
_ALLOWED: Final = (*_MEMORY, *_OPEN, *_WAITING, *_EPOLL, *_LOCKS, *_CLOCKS, *_SIGNALS, *_SELF, *_END)
"""For any arguments."""
_WRITING: Final = ("write", "writev", "sendto", "sendmsg")
_SIGNALLING: Final = ("kill", "tgkill")

_PROGRAMS: Final = ("execve", "execveat", "personality", "unshare", "setns")
_OTHERS: Final = ("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp")
_KERNEL: Final = ("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "seccomp")
_MODULES: Final = ("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot")
_MOUNTS: Final = ("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount")
_SECRETS: Final = ("add_key", "request_key", "keyctl", "name_to_handle_at", "open_by_handle_at")
_HARDWARE: Final = ("iopl", "ioperm", "modify_ldt")
_DEADLY: Final = (*_PROGRAMS, *_OTHERS, *_KERNEL, *_MODULES, *_MOUNTS, *_SECRETS, *_HARDWARE)
"""For any arguments."""


def find_seccomp() -> ModuleType | None:
    """The module ``pyseccomp``; None where it, libseccomp.so.2 or the kernel's part is missing."""
    try:
        prctl(_PR_SET_SECCOMP, _MODE_FILTER, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:  # A kernel that has filters wants to read one, from nowhere.
            return None
    try:
        import pyseccomp  # noqa: PLC0415  # raises where libseccomp is missing, and runs ldconfig to see
    except (ImportError, RuntimeError, OSError):
        return None
    module: ModuleType = pyseccomp
    return module


def load_filter(pyseccomp: ModuleType, keep_fds: Collection[int], *, own_capture: bool) -> None:
    """Allow this thread only what a worker does. Needs no_new_privs.

    :param keep_fds: descriptors to be used; packet sockets only for reading.
    :param own_capture: whether this process opened the packet sockets itself, through libpcap.
    :raises OSError: if libseccomp or the kernel refuses.
    """
    captures = {fd for fd in keep_fds if _is_packet_socket(fd)}
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    writable = sorted({1, 2, *keep_fds} - captures)
    add_rules(pyseccomp, made, os.getpid(), writable, sorted(captures) if own_capture else ())
    made.load()


def add_rules(
    pyseccomp: ModuleType, made: Any, pid: int, writable: Collection[int], captures: Collection[int]
) -> None:
    """Fill an empty ``pyseccomp.SyscallFilter``, for the architectures that it has.

    :param pid: this process, as itself sees it.
    :param writable: descriptors that may be written to.
    :param captures: packet sockets that may be asked for their counters and be given a filter, as libpcap's
        end needs. Not the parent's: a worker could let in what the operator's filter keeps out.
    :raises OSError: if libseccomp refuses.
    """
    rules: list[tuple[Any, ...]] = [(pyseccomp.KILL_PROCESS, name) for name in _DEADLY]
    rules += [(pyseccomp.ALLOW, *rule) for rule in _allowed(pyseccomp, pid, writable, captures)]
    for action, name, *conditions in rules:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if number != _UNKNOWN:
            made.add_rule(action, number, *conditions)


def _allowed(
    pyseccomp: ModuleType, pid: int, writable: Collection[int], captures: Collection[int]
) -> Iterator[tuple[Any, ...]]:
    """Name and conditions of each call that is let through; all conditions of one must hold."""
    arg, masked = pyseccomp.Arg, pyseccomp.MASKED_EQ

    def equal(*values: int) -> list[Any]:
        """The first arguments are these."""
        return [arg(place, pyseccomp.EQ, value) for place, value in enumerate(values)]

    not_executable = arg(2, masked, _PROT_EXEC, 0)
    yield from ((name,) for name in _ALLOWED)
    yield "mmap", not_executable, arg(3, masked, _MAP_ANONYMOUS, _MAP_ANONYMOUS)
    yield "mprotect", not_executable
    yield from ((name, *equal(fd)) for name in _WRITING for fd in writable)
    yield from ((name, *equal(pid)) for name in _SIGNALLING)
    # socket.setblocking and settimeout; socket(fileno=…), and SO_ERROR, which tells of an interface's end.
    yield "ioctl", arg(1, pyseccomp.EQ, _FIONBIO)
    yield "getsockopt", arg(1, pyseccomp.EQ, socket.SOL_SOCKET)
    for fd in captures:
        yield "getsockopt", *equal(fd, _SOL_PACKET, _PACKET_STATISTICS)
        yield "setsockopt", *equal(fd, socket.SOL_SOCKET, _SO_ATTACH_FILTER)


def _is_packet_socket(fd: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            return copy.family == socket.AF_PACKET
    except OSError:  # not a socket
        return False
