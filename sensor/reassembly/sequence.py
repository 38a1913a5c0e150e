"""Serial number arithmetic of TCP sequence numbers (RFC 9293, section 3.4; RFC 1982), once for all."""

from typing import overload

import numpy as np

from sensor.arrays import I64, U32

MODULUS = 1 << 32
HALF = 1 << 31
KEEP_ALIVE = (-1, 1)
"""Distance from the next octet, and length, of a keep-alive that has an octet (RFC 9293, section 3.8.4). The
octet is garbage."""


@overload
def distance(later: int, earlier: int) -> int: ...
@overload
def distance(later: U32, earlier: U32 | int) -> I64: ...
def distance(later: U32 | int, earlier: U32 | int) -> I64 | int:
    """How far ``later`` lies after ``earlier``: -2^31 … 2^31 - 1, whatever the wrap."""
    if isinstance(later, int) and isinstance(earlier, int):
        return (later - earlier + HALF) % MODULUS - HALF
    difference = np.subtract(later, np.asarray(earlier, np.uint32), dtype=np.uint32)
    return difference.view(np.int32).astype(np.int64)
