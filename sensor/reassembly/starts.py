"""Where a TCP stream starts (RFC 9293, sections 3.4.1 and 3.5.1).

At the sequence number after its SYN; a SYN-ACK also tells where the other side starts. The last of them
counts, since a server may forget a connection while it is opened, or two may answer, until the stream's
own side has sent anything but a SYN, or the other side has acknowledged it: from then on a SYN is forged,
or another connection's.

Where the capture began in the middle, a stream starts at its first segment. If that one had no data, it is
a guess, since a sender acknowledges more often than it speaks, captures change the order of packets, and
what is left of an old connection comes before the SYN of the new one. The first data that lies before it,
or the first SYN, tells better; a FIN without data ends nothing there.
"""

import numpy as np

from sensor.arrays import I64, U32, Bool
from sensor.flow.state import ACK, FIN, SYN
from sensor.flow.track import ROW_BITS
from sensor.reassembly.acks import FAR
from sensor.reassembly.rows import SegmentRows
from sensor.reassembly.sequence import KEEP_ALIVE, distance

_NEVER = 1 << 62  # later than any arrival


class StreamStarts:
    """Finds the sequence number of position 0 of each stream."""

    def __init__(self, next_seq: U32) -> None:
        """Take the array to write them to, (2 * slots,)."""
        self._next = next_seq
        self._known = np.zeros(next_seq.shape[0], np.bool_)
        self._settled = np.zeros(next_seq.shape[0], np.bool_)
        """Its side has sent something else than a mere SYN, or the other side has acknowledged it."""
        self._guessed = np.zeros(next_seq.shape[0], np.bool_)
        """Started at a segment without data, and has had none since."""

    def find(self, rows: SegmentRows) -> I64:
        """Find where streams that are new, or were guessed, start.

        :returns: which of ``rows`` are FINs that end nothing, since where their stream starts is a guess.
        """
        flags, has_data = rows.flags, rows.wire_len > 0
        plain = (flags & SYN) == 0
        new = np.flatnonzero(rows.first & ~self._known[rows.stream])
        stream = rows.stream[new]
        self._next[stream] = rows.seq[new]
        self._known[stream] = True
        self._guessed[stream] = plain[new] & ~has_data[new]
        fin = np.flatnonzero(((flags & FIN) != 0) & plain & ~has_data)
        fin = fin[self._guessed[rows.stream[fin]]]
        told = at = unsettled = np.zeros(0, np.int64)
        syn = np.flatnonzero(~plain)
        acks = plain & ((flags & ACK) != 0)
        plain |= has_data | ((flags & FIN) != 0)
        if syn.shape[0]:
            told, at, unsettled = self._take_syns(rows, syn, (plain, acks, has_data), rows.stream[new])
        if fin.shape[0]:
            stream = rows.stream[fin]
            until = _first_of(rows, has_data, stream)
            if told.shape[0]:
                place = np.minimum(np.searchsorted(told, stream), told.shape[0] - 1)
                until = np.where(told[place] == stream, np.minimum(until, at[place]), until)
            fin = fin[rows.at[fin] < until]
        self._settled[rows.stream[plain]] = True
        acked = rows.stream[acks] ^ 1
        self._settled[acked[self._known[acked] & ~self._guessed[acked]]] = True
        self._settled[unsettled] = False
        return fin

    def _take_syns(
        self, rows: SegmentRows, syn: I64, masks: tuple[Bool, Bool, Bool], new: I64
    ) -> tuple[I64, I64, I64]:
        """Start streams where SYNs and SYN-ACKs tell.

        :param masks: (n,) rows that settle their stream's start, that settle the other's, that have data.
        :param new: streams that were not known before the batch.
        :returns: streams, ascending, whose starts are a guess no longer; the arrivals of what told;
            and streams that anything but the handshake has yet to settle.
        """
        plain, acks, has_data = masks
        answers = syn[(rows.flags[syn] & ACK) != 0]
        stream = np.concatenate([rows.stream[syn], rows.stream[answers] ^ 1])
        at = np.concatenate([rows.at[syn], rows.at[answers]])
        start = np.concatenate([rows.seq[syn], rows.ack[answers]])
        order = np.lexsort((at, stream))
        stream, at, start = stream[order], at[order], start[order]

        guess = self._guessed[stream]
        begins = np.append(True, stream[1:] != stream[:-1])
        unknown = np.isin(stream, new) | ~self._known[stream] | guess
        known_at = np.where(unknown, at[begins][np.cumsum(begins) - 1], -1)
        settled = np.minimum(_first_of(rows, plain, stream), _first_of(rows, acks, stream ^ 1, known_at))
        settled[self._settled[stream]] = -1
        last = np.flatnonzero(at <= settled)
        last = last[np.append(stream[last][1:] != stream[last][:-1], True)[: last.shape[0]]]
        first = np.flatnonzero(guess & (at <= _first_of(rows, has_data, stream)))
        first = first[np.unique(stream[first], return_index=True)[1]]
        told, told_at = stream[first], at[first]
        first = first[~np.isin(stream[first], stream[last])]
        chosen = np.concatenate([last, first])
        self._next[stream[chosen]] = start[chosen]
        self._known[stream[chosen]] = True
        self._guessed[stream[chosen]] = False
        return told, told_at, stream[settled == _NEVER]

    def correct(self, rows: SegmentRows, data: I64) -> None:
        """Move starts that were guessed to where the first data lies.

        :param data: which of ``rows`` have data or a FIN of their stream.
        """
        data = data[self._guessed[rows.stream[data]]]
        if data.shape[0] == 0:
            return
        stream = rows.stream[data]
        first = np.append(True, stream[1:] != stream[:-1])
        data, stream = data[first], stream[first]
        seq, wire_len = rows.seq[data], rows.wire_len[data]
        self._guessed[stream] = False
        ahead = distance(seq, self._next[stream])
        is_keep_alive = (ahead == KEEP_ALIVE[0]) & (wire_len == KEEP_ALIVE[1])
        back = (ahead < 0) & (ahead >= -FAR) & (wire_len > 0) & ~is_keep_alive
        self._next[stream[back]] = seq[back]

    def forget(self, stream: I64) -> None:
        """Streams are over."""
        self._known[stream] = False
        self._settled[stream] = False
        self._guessed[stream] = False


def _first_of(rows: SegmentRows, mask: Bool, stream: I64, after: I64 | int = -1) -> I64:
    """(k,) arrival of the first row under ``mask`` of each of k streams, later than ``after``."""
    among = np.flatnonzero(mask)
    if among.shape[0] == 0:
        return np.full(stream.shape[0], _NEVER, np.int64)
    key = (rows.stream[among] << ROW_BITS) | rows.at[among]
    place = np.searchsorted(key, (stream << ROW_BITS) + after + 1)
    found = among[np.minimum(place, among.shape[0] - 1)]
    return np.where((place < among.shape[0]) & (rows.stream[found] == stream), rows.at[found], _NEVER)
