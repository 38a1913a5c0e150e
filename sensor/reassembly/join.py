"""Pieces joined into one run of octets a stream, for matching and parsing.

A run is a stretch of one stream without a gap, or one datagram. All runs of a batch lie in one buffer,
so that matching scans them in one call. Each starts with the last octets that were scanned of its
stream before (its tail), so that a keyword which straddles two batches is found.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64
from sensor.reassembly.pieces import Pieces

_ESCAPE = b"\x1b"
_SHIFTS = (b"\x1b$", b"\x1b(I")
"""To characters of two octets, and to half-width kana of one."""
_LINE = 1_000
"""Octets of a line of mail at most (RFC 5322, section 2.1.1): how far back a shift may be."""


@dataclass(slots=True)
class Joined:
    """The octets of one batch's streams, stream after stream."""

    data: bytes
    piece_start: I64
    """(p,) where each piece starts in ``data``."""
    piece_number: I64
    """(p,) packet that brought each piece."""
    piece_released: I64
    """(p,) packet at which reassembly handed it on."""
    piece_ns: I64
    piece_position: I64
    run_start: I64
    """(k,) where each run starts in ``data``, its tail included."""
    run_fresh: I64
    """(k,) where its new octets start."""
    run_end: I64
    run_stream: I64
    run_gap: I64
    """(k,) octets missing right before the run."""
    run_position: I64
    """(k,) position in the stream of the octet at ``run_start``."""
    stream_runs: int
    """The first so many runs are of streams, the others are datagrams."""

    def piece_at(self, index: I64) -> I64:
        """Which pieces hold the octets at ``index`` of ``data``."""
        piece: I64 = np.searchsorted(self.piece_start, index, side="right") - 1
        return piece

    def packets_at(self, index: list[int]) -> tuple[list[int], list[int]]:
        """Numbers and times of the packets that brought the octets at ``index`` of ``data``."""
        piece = self.piece_at(np.array(index, np.int64))
        return self.piece_number[piece].tolist(), self.piece_ns[piece].tolist()


class Joiner:
    """Joins pieces, and keeps the tails of streams from batch to batch."""

    def __init__(self, tail_len: int) -> None:
        self._tail_len = tail_len
        self._tails: dict[int, bytes] = {}

    def join(self, pieces: Pieces, datagrams: Pieces, octets: memoryview) -> Joined:
        """Join a batch's pieces.

        :param octets: the batch's, which the pieces point into.
        """
        streams = len(pieces)
        if len(datagrams):
            stream, length, gap, number, released, ts_ns, position, offset = (
                np.concatenate([getattr(pieces, name), getattr(datagrams, name)])
                for name in ("stream", "length", "gap", "number", "released", "ts_ns", "position", "offset")
            )
        else:
            stream, length, gap, position = pieces.stream, pieces.length, pieces.gap, pieces.position
            number, released, ts_ns = pieces.number, pieces.released, pieces.ts_ns
            offset = pieces.offset
        views: list[bytes | memoryview] = [
            octets[start:end] for start, end in zip(offset.tolist(), (offset + length).tolist(), strict=True)
        ]
        if pieces.stored:
            for at in np.flatnonzero(offset < 0).tolist():
                views[at] = pieces.stored[-1 - int(offset[at])]
        begins = np.ones(stream.shape[0], np.bool_)
        if streams:
            begins[1:streams] = (stream[1:streams] != stream[: streams - 1]) | (gap[1:streams] != 0)
        first = np.flatnonzero(begins)
        stream_runs = int(np.searchsorted(first, streams))

        tail_len, parts = self._with_tails(views, first, stream_runs, stream, gap)
        data = b"".join(parts)
        piece_start = np.cumsum(length) - length + np.cumsum(tail_len)[np.cumsum(begins) - 1]
        run_fresh = piece_start[first]
        run_start = run_fresh - tail_len
        run_end = np.append(run_start[1:], len(data)) if first.shape[0] else run_start
        joined = Joined(
            data,
            piece_start,
            number,
            released,
            ts_ns,
            position,
            run_start,
            run_fresh,
            run_end,
            stream[first],
            gap[first],
            position[first] - tail_len,
            stream_runs,
        )
        if self._tail_len:
            self._keep_tails(joined)
        return joined

    def carry(self, tail_len: int) -> None:
        """Keep tails of another length from now on; those kept so far stay as they are until then."""
        self._tail_len = tail_len
        if not tail_len:
            self._tails.clear()  # else they would go before octets that do not follow them

    def forget(self, slots: list[int]) -> None:
        """Flows ended: their slots are for others."""
        if self._tails:
            for slot in slots:
                self._tails.pop(2 * slot, None)
                self._tails.pop(2 * slot + 1, None)

    def _with_tails(
        self, views: list[bytes | memoryview], first: I64, stream_runs: int, stream: I64, gap: I64
    ) -> tuple[I64, list[bytes | memoryview]]:
        """Length of each run's tail, and the views with the tails between them."""
        tail_len = np.zeros(first.shape[0], np.int64)
        tails = self._tails
        if not tails:
            return tail_len, views
        starts = first[:stream_runs]
        parts: list[bytes | memoryview] = []
        done = 0
        runs = zip(starts.tolist(), stream[starts].tolist(), gap[starts].tolist(), strict=True)
        for run, (at, key, missing) in enumerate(runs):
            tail = tails.get(key)
            # A later run of the stream in this batch has a gap before it, and so has no tail.
            if tail is not None and not missing:
                parts += views[done:at]
                parts.append(tail)
                done = at
                tail_len[run] = len(tail)
        if not done and not parts:
            return tail_len, views
        parts += views[done:]
        return tail_len, parts

    def _keep_tails(self, joined: Joined) -> None:
        n, data, tails = joined.stream_runs, joined.data, self._tails
        if not n:
            return
        stream = joined.run_stream[:n]
        last = np.append(stream[1:] != stream[:-1], True)
        end = joined.run_end[:n][last]
        start = np.maximum(joined.run_start[:n][last], end - self._tail_len)
        rows: Iterable[tuple[int, int, int]] = zip(
            stream[last].tolist(), start.tolist(), end.tolist(), strict=True
        )
        if _ESCAPE in data:
            first = joined.run_start[:n][last].tolist()
            rows = (
                (key, _shift_in(data, low, a, b), b) for low, (key, a, b) in zip(first, rows, strict=True)
            )
        for key, a, b in rows:
            tails[key] = data[a:b]


def _shift_in(data: bytes, first: int, start: int, end: int) -> int:
    """Where a tail starts that tells what its octets mean.

    At the shift to other than ASCII, if one is in force at ``start``: until the next escape sequence, or
    the end of the line (ISO-2022-JP, RFC 1468).
    """
    at = data.rfind(_ESCAPE, max(first, end - _LINE), start)
    if at >= 0 and data.startswith(_SHIFTS, at) and data.find(b"\n", at, start) < 0:
        return at
    return start
