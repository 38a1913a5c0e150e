"""How a worker gives up every right before it looks at the first packet.

What it has mapped and inherited is all that it keeps: the ring, the counters page and the socket to its
parent. Each layer holds where another is missing or has a hole:

- the user and the empty capability sets take away what root may do (``privileges``);
- Landlock takes away the file system, TCP, and the sockets and signals of other programs (``landlock``);
- seccomp takes away the system calls that would reach for any of it, and the packet socket's power to send
  (``seccomp``);
- resource limits bound what is left.

Called in one thread, after everything is imported (``preload``), mapped and opened.
"""

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Final

from sensor.errors import SensorError
from sensor.worker.landlock import landlock_abi, restrict_by_landlock
from sensor.worker.privileges import (
    become,
    drop_capabilities,
    find_account,
    forbid_new_privileges,
    limit_resources,
    verify_dropped,
)
from sensor.worker.seccomp import find_seccomp, load_filter

_FDS: Final = Path("/proc/self/fd")


def confine(
    user: str | None,
    keep_fds: Collection[int],
    *,
    own_capture: bool = False,
    address_space: int | None = None,
    probe_landlock: Callable[[], int] = landlock_abi,
    probe_seccomp: Callable[[], ModuleType | None] = find_seccomp,
) -> list[str]:
    """Give up everything but ``keep_fds``; there is no way back.

    Map what they are of before: afterwards only anonymous memory can be mapped. Standard input and output
    become /dev/null, standard error stays. No signal handler and no Python object is touched.

    :param user: whom to become where this process is root; None to stay what it is.
    :param keep_fds: descriptors to keep. All but packet sockets may be written to.
    :param own_capture: whether a packet socket among them is this process's own, opened through libpcap,
        which asks it for its counters and ends by a filter; one of the parent's is only read.
    :param address_space: octets of memory that may be mapped at most (RLIMIT_AS); None for any.
    :param probe_landlock: tells the kernel's Landlock ABI, 0 for none.
    :param probe_seccomp: gives the module ``pyseccomp``, or None where kernel or library lack it.
    :returns: what holds from now on: ``user`` (not root), ``no_new_privs``, ``capabilities``, ``rlimits``,
        ``landlock``, ``seccomp``. The last two are missing where the system has none; all are elsewhere than
        on Linux.
    :raises SensorError: if a right that this system lets one give up could not be given up, or if there are
        other threads, which would keep theirs.
    """
    if sys.platform != "linux":
        return []
    try:
        # All three may open files and start programs (NSS, ldconfig): while that is still possible.
        account = find_account(user) if user is not None and os.geteuid() == 0 else None
        abi = probe_landlock()
        pyseccomp = probe_seccomp()
        _close_others(keep_fds)
        drop_capabilities(account)
        if account is not None:
            become(account)
        forbid_new_privileges()
        verify_dropped(account)
        limit_resources(max(keep_fds, default=2), address_space)
        held = ["no_new_privs", "capabilities", "rlimits"]
        if os.geteuid() != 0:
            held.insert(0, "user")
        if abi:
            restrict_by_landlock(abi)
            held.append("landlock")
        if pyseccomp is not None:
            load_filter(pyseccomp, keep_fds, own_capture=own_capture)
            held.append("seccomp")
    except OSError as error:
        raise SensorError(f"the worker cannot give up its rights: {error}") from error
    return held


def _close_others(keep_fds: Collection[int]) -> None:
    """Close what is not to be kept, and point standard input and output at nothing.

    What is open is read from /proc: limits tell nothing of descriptors that were opened before they were set.
    """
    kept = {0, 1, 2, *keep_fds}
    for fd in [int(entry.name) for entry in _FDS.iterdir()]:
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:  # The one that the folder itself was read by.
                continue
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in {0, 1} - set(keep_fds):
        os.dup2(nothing, fd)
    if nothing not in kept:
        os.close(nothing)
