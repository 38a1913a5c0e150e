"""How much memory this process has in use, told by a file that was opened before all rights were given up."""

import os
import resource
import sys
from contextlib import suppress

_PAGE = resource.getpagesize()


class ResidentMemory:
    """Resident octets (proc(5), statm). Where there is no /proc the most that there ever were."""

    def __init__(self) -> None:
        self.descriptor: int | None = None
        """What must stay open."""
        with suppress(OSError):
            self.descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> int:
        """Octets."""
        if self.descriptor is None:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return most if sys.platform == "darwin" else most * 1024
        return int(os.pread(self.descriptor, 128, 0).split()[1]) * _PAGE
