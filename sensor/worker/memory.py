"""How much memory this process has in use, told by a file that was opened before all rights were given up."""

import os
import resource
import sys
from contextlib import suppress

_PAGE = resource.getpagesize()


class ResidentMemory:
    """Resident octets (proc(5), statm). Where there is no /proc the most that there ever were."""

    def __init__(self, ring_octets: int) -> None:
        """:param ring_octets: of a mapped ring: the kernel's memory, all of it resident, and left out."""
        self._ring_octets = ring_octets
        self.descriptor: int | None = None
        """What must stay open."""
        with suppress(OSError):
            self.descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> int:
        """Octets."""
        if self.descriptor is None:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return most if sys.platform == "darwin" else most * 1024
        resident = int(os.pread(self.descriptor, 128, 0).split()[1]) * _PAGE
        return max(resident - self._ring_octets, 0)
