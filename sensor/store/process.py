"""Tells a run that goes on from one whose process was killed.

A pid alone is reused, so Linux adds the process's start time and the boot that both belong to
(proc(5)). Elsewhere the pid must do. A wrong answer mends itself: a run that ends says so.
"""

import os
from pathlib import Path

_STATE = 0
_START_TIME = 19
"""Index in /proc/PID/stat after the command's name: field 22, in clock ticks since boot."""


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "-"


def _start_time(pid: int) -> str:
    """Start time of ``pid``; ``-`` where there is no such live process or no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return "-"
    # The name in parentheses may itself hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    return "-" if fields[_STATE] in "ZX" else fields[_START_TIME]


def process_identity() -> str:
    """``boot pid start-time`` of this process."""
    pid = os.getpid()
    return f"{_boot()} {pid} {_start_time(pid)}"


def is_gone(identity: str) -> bool:
    """Whether the process that `process_identity` described has certainly ended."""
    boot, pid, start = identity.split()
    if boot != _boot():
        return True
    if start != "-":
        return _start_time(int(pid)) != start
    if os.name != "posix":  # On Windows, signal 0 is a Ctrl-C.
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
