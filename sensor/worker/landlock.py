"""Landlock (Linux's Documentation/userspace-api/landlock.rst): no file system, no network, no neighbours.

An empty rule set that handles every access right denies all of them. It does not reach descriptors that are
open already, nor stat(2), chdir(2) and UDP: those are seccomp's.

The three system calls are made here: PyPI's ``landlock`` has had no release but development ones. Their
numbers are the same on every architecture that has wheels of numpy and Hyperscan.
"""

import ctypes
import os
from typing import Final

from sensor.worker.libc import syscall

_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_RULESET_VERSION: Final = 1

_FS_RIGHTS: Final = ((1, 13), (2, 14), (3, 15), (5, 16), (9, 17))
"""ABI, and how many of the file system's access rights there are from it on, lowest bit first: 13 to execute,
read, write, list, remove and make; then REFER, TRUNCATE, IOCTL_DEV and RESOLVE_UNIX. A kernel refuses a bit
that it does not know."""
_NET_ABI: Final = 4
_NET_TCP: Final = 0b11
"""Bind and connect."""
_SCOPE_ABI: Final = 6
_SCOPES: Final = 0b11
"""Abstract Unix sockets, and signals to processes outside."""


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr; a kernel that knows fewer fields wants the others to be 0."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def landlock_abi() -> int:
    """Version of the kernel's Landlock; 0 where it has none, has it turned off, or a container hides it."""
    try:
        return syscall(
            _CREATE_RULESET, ctypes.c_void_p(None), ctypes.c_size_t(0), ctypes.c_uint32(_RULESET_VERSION)
        )
    except OSError:
        return 0


def restrict_by_landlock(abi: int) -> None:
    """Deny this thread, and its children, all that Landlock of version ``abi``, at least 1, can deny.

    Needs no_new_privs.

    :raises OSError: if the kernel refuses.
    """
    rights = max(count for since, count in _FS_RIGHTS if since <= abi)
    ruleset = _Ruleset(
        (1 << rights) - 1,
        _NET_TCP if abi >= _NET_ABI else 0,
        _SCOPES if abi >= _SCOPE_ABI else 0,
    )
    fd = syscall(
        _CREATE_RULESET,
        ctypes.byref(ruleset),
        ctypes.c_size_t(ctypes.sizeof(ruleset)),
        ctypes.c_uint32(0),
    )
    try:
        syscall(_RESTRICT_SELF, ctypes.c_int(fd), ctypes.c_uint32(0))
    finally:
        os.close(fd)
