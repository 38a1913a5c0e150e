"""What reassembly reads of one batch: its rows, and its TCP segments sorted by stream."""

from dataclasses import dataclass

from sensor.arrays import I64, U8, U32, Bool
from sensor.decode.columns import Packets


@dataclass(frozen=True, slots=True)
class BatchRows:
    """A batch's rows, which segments point to."""

    packets: Packets
    octets: memoryview
    ts_ns: I64
    first_number: int
    """Packet number of row 0."""


@dataclass(slots=True)
class SegmentRows:
    """The batch's TCP segments (RST left out), sorted by stream, then by arrival; all of shape (n,)."""

    at: I64
    """Position in the tracked rows."""
    row: I64
    stream: I64
    """2 * slot + direction."""
    first: Bool
    """The stream's first segment in this batch."""
    flags: U8
    seq: U32
    """Of the first octet of data (after a SYN)."""
    ack: U32
    wire_len: I64
    """Octets of data, by the IP header."""
    end: U32
