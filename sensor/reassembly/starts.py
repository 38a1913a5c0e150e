"""Where a TCP stream starts (RFC 9293, section 3.4.1).

At the sequence number after its SYN; a SYN-ACK also tells where the other side starts. Where the capture
began in the middle, at the stream's first segment. If that one had no data, it is a guess, since a sender
acknowledges more often than it speaks, and captures change the order of packets: where the first data
lies before it, the stream starts there.
"""

import numpy as np

from sensor.arrays import I64, U32
from sensor.flow.state import ACK, FIN, SYN
from sensor.reassembly.acks import FAR
from sensor.reassembly.rows import SegmentRows
from sensor.reassembly.sequence import distance


class StreamStarts:
    """Finds the sequence number of position 0 of each stream."""

    def __init__(self, next_seq: U32) -> None:
        """Take the array to write them to, (2 * slots,)."""
        self._next = next_seq
        self._known = np.zeros(next_seq.shape[0], np.bool_)
        self._guessed = np.zeros(next_seq.shape[0], np.bool_)
        """Started at a segment without data, and has had none since."""

    def find(self, rows: SegmentRows) -> None:
        """Find where streams that are new start."""
        new = np.flatnonzero(rows.first & ~self._known[rows.stream])
        syn_ack = np.flatnonzero((rows.flags & (SYN | ACK)) == SYN | ACK)
        if syn_ack.shape[0]:
            other = rows.stream[syn_ack] ^ 1
            told = ~self._known[other]
            syn_ack, other = syn_ack[told], other[told]
        stream = rows.stream[new]
        self._next[stream] = rows.seq[new]
        self._known[stream] = True
        self._guessed[stream] = ((rows.flags[new] & (SYN | FIN)) == 0) & (rows.wire_len[new] == 0)
        if syn_ack.shape[0]:
            # Where the SYN-ACK came before the other side's own first segment, it tells.
            place = np.searchsorted(rows.stream, other)
            place = np.minimum(place, rows.stream.shape[0] - 1)
            own = rows.stream[place] == other
            earlier = ~own | (rows.at[syn_ack] < rows.at[place])
            first = np.unique(other[earlier], return_index=True)[1]
            chosen = np.flatnonzero(earlier)[first]
            self._next[other[chosen]] = rows.ack[syn_ack[chosen]]
            self._known[other[chosen]] = True
            self._guessed[other[chosen]] = False

    def correct(self, stream: I64, seq: U32, wire_len: I64) -> None:
        """Take in the first segment with data or a FIN that each of some streams has in this batch."""
        at = np.flatnonzero(self._guessed[stream])
        if at.shape[0] == 0:
            return
        stream, seq, wire_len = stream[at], seq[at], wire_len[at]
        self._guessed[stream] = False
        ahead = distance(seq, self._next[stream])
        # A keep-alive's octet comes just before the next one (RFC 9293, section 3.8.4).
        is_keep_alive = (ahead == -1) & (wire_len == 1)
        back = (ahead < 0) & (ahead >= -FAR) & (wire_len > 0) & ~is_keep_alive
        self._next[stream[back]] = seq[back]

    def forget(self, stream: I64) -> None:
        """Streams are over."""
        self._known[stream] = False
        self._guessed[stream] = False
