"""The TCP segments of one batch, sorted by stream."""

from dataclasses import dataclass

from sensor.arrays import I64, U8, U32, Bool


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
