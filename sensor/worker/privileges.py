"""User, capabilities and resource limits (credentials(7), capabilities(7), prctl(2), setrlimit(2))."""

import ctypes
import errno
import os
import pwd
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sensor.errors import SensorError
from sensor.worker.libc import capset, prctl

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITIES: Final = 64
"""Bits of a capability set; kernels use some 41."""
_STATUS: Final = Path("/proc/self/status")
_SPARE_FDS: Final = 4
"""Descriptors that may be opened still: a selector has one."""


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct; pid 0 is the caller."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """struct __user_cap_data_struct: half of each of the three sets."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def find_account(user: str) -> pwd.struct_passwd:
    """The account of that name.

    :raises SensorError: if there is none, or it is root's.
    """
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise SensorError(
            f"there is no user {user} for the workers: make one with"
            f" useradd --system --no-create-home {user}, or name another in the configuration"
        ) from None
    if account.pw_uid == 0:
        raise SensorError(f"{user} is root: name an account without rights for the workers")
    return account


def drop_capabilities(account: pwd.struct_passwd | None) -> None:
    """Empty the bounding and ambient sets, and the others too unless ``become`` is still to need them.

    Only one who has CAP_SETPCAP may shrink the bounding set. For others no_new_privs does its work: it is a
    bound on what execve(2) can give. Securebits would add nothing to it, and need the same capability.

    :raises OSError: if the kernel refuses.
    """
    for capability in range(_CAPABILITIES):
        try:
            if prctl(_PR_CAPBSET_READ, capability):
                prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EINVAL):  # no right to; past the last capability
                break
            raise
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if account is None:
        _clear_sets()


def become(account: pwd.struct_passwd) -> None:
    """Be ``account``, in no other group, with no capability: real, effective and saved ids.

    :raises OSError: if the kernel refuses.
    """
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    _clear_sets()


def forbid_new_privileges() -> None:
    """Let nothing be gained by execve, let nobody of the same user look inside, die with the parent.

    A worker learns of its parent's death by the end of their socket, and ends in order. The signal is for one
    that no longer reads it, as hostile packets keep it busy: it would hold its ring and its share of the
    fan-out against the next service. It is set here, since a change of user clears it.

    :raises OSError: if the kernel refuses.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def verify_dropped(account: pwd.struct_passwd | None) -> None:
    """Read from the kernel whether all that is gone.

    :raises SensorError: if not, or if there are other threads: capabilities, no_new_privs, Landlock and
        seccomp are each thread's own.
    """
    status = _read_status()
    if status["Threads"] != "1":
        raise SensorError(
            f"the worker has {status['Threads']} threads, and only one can give up its rights:"
            " start it with OPENBLAS_NUM_THREADS=1"
        )
    kept = [name for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") if int(status[name], 16)]
    if account is not None:
        kept += [name for name in ("Uid", "Gid") if set(status[name].split()) != {str(_id(account, name))}]
        kept += ["Groups"] if status["Groups"] else []
    if status["NoNewPrivs"] != "1":
        kept.append("NoNewPrivs")
    if kept:
        raise SensorError(f"the worker cannot give up its rights: {', '.join(kept)} of {_STATUS} remain")


def limit_resources(highest_fd: int, address_space: int | None) -> None:
    """Bound what is left: no core dump (it would hold packets), no growing file, no process, few descriptors.

    :param highest_fd: poll(2) takes no more descriptors than the limit, so this one must be below it.
    :param address_space: octets; None for any.
    """
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: highest_fd + 1 + _SPARE_FDS,
    }
    if address_space is not None:
        limits[resource.RLIMIT_AS] = address_space
    for limit, wanted in limits.items():
        allowed = resource.getrlimit(limit)[1]
        value = wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)
        resource.setrlimit(limit, (value, value))


def _clear_sets() -> None:
    capset(_Header(_CAPABILITY_VERSION_3, 0), (_Sets * 2)())


def _id(account: pwd.struct_passwd, name: str) -> int:
    return account.pw_uid if name == "Uid" else account.pw_gid


def _read_status() -> Mapping[str, str]:
    """Fields of /proc/self/status (proc_pid_status(5)) by name."""
    lines = (line.partition(":") for line in _STATUS.read_text("utf-8", "replace").splitlines())
    return {name: value.strip() for name, _, value in lines}
