"""The batch: what capture hands to decode.

One contiguous buffer of octets and one row per packet record. Replay fills the buffer from a file,
live capture points it at the kernel's ring; nothing after this stage knows which.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sensor.arrays import GUARD, I64, U8, U32

NOT_A_PACKET: Final = 1 << 16
"""``link_type`` of a row that stands for a record which is no packet. Link types have 16 bits."""


@dataclass(slots=True)
class Batch:
    """Consecutive records of one capture.

    Every record is a row, those too that are no packets (link type ``NOT_A_PACKET``, no octets, the time
    of the packet before them), so that row ``i`` is record ``first_number + i``.

    ``octets`` is valid until the reader is asked for its next batch. Row ``i`` has its captured
    octets at ``octets[offset[i] : offset[i] + cap_len[i]]``, and at least ``GUARD`` octets follow
    the last row's. ``used`` is where the octets in use end: what lies between there and the end,
    less ``GUARD``, is slack that :meth:`append` fills.
    """

    octets: U8
    """(m,) uint8, contiguous, writable where the buffer is ours."""
    offset: I64
    """(n,) int64, octets."""
    cap_len: I64
    """(n,) int64, octets captured."""
    wire_len: I64
    """(n,) int64, octets on the wire (at least ``cap_len``)."""
    ts_ns: I64
    """(n,) int64, nanoseconds since the Unix epoch."""
    link_type: U32
    """(n,) uint32, LINKTYPE_ value of the row's interface (https://www.tcpdump.org/linktypes.html)."""
    first_number: int
    """Number of row 0 in its capture, counted from 1 over every record (``pcap_cnt``)."""
    used: int
    """Octets of the buffer in use, slack and guard excluded."""

    def __len__(self) -> int:
        return len(self.offset)

    def append(self, data: bytes) -> int:
        """Put ``data`` behind the octets in use (a reassembled datagram), and tell where.

        Costs a copy of the batch when the slack is full; sets ``octets`` anew then.
        """
        start = self.used
        end = start + len(data)
        if end + GUARD > self.octets.shape[0]:
            grown = np.zeros(max(end + GUARD, self.octets.shape[0] + (self.octets.shape[0] >> 2)), np.uint8)
            grown[:start] = self.octets[:start]
            self.octets = grown
        self.octets[start:end] = np.frombuffer(data, np.uint8)
        self.used = end
        return start
