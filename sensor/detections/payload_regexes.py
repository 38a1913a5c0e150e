r"""Payload regexes over streams and datagrams: where they match, and which packet completed the match.

Hyperscan tells of some matches late: of ``foo\b`` or ``(?m)foo$`` when it sees the octet behind, of ``foo$``
when the stream ends, and then ``foo`` may stand before a last line feed. The octet that completed such a
match may have come in an earlier batch. So the packets of each stream's last two octets are kept from
batch to batch, and the octets before its end, which explain a match that is known only there.
"""

from itertools import starmap
from typing import NamedTuple

import numpy as np

from sensor.matching.plan import MatchPlan
from sensor.matching.reading import Reading
from sensor.matching.scan import Matches, scan_datagrams
from sensor.matching.stream import StreamScanner
from sensor.reassembly.join import Joined
from sensor.telemetry import Counters


class Hit(NamedTuple):
    """A match in the payload. Its first four fields sort hits: as the octets of each stream came."""

    run: int
    """Index of the run in ``Joined``."""
    end: int
    """Index in the octets, exclusive."""
    clause: int
    """Index into ``MatchPlan.clauses``."""
    start: int
    """Index in the octets; ``end`` where it is not known."""
    number: int
    """Packet that brought the match's last octet."""
    ts_ns: int
    reading: Reading | None = None


class EndHit(NamedTuple):
    """A regex that matched at the very end of a stream, or before a line feed there."""

    end: int
    """Index in the tail, exclusive."""
    clause: int
    position: int
    """Position of ``end`` in the stream."""
    number: int
    ts_ns: int


_Packet = tuple[int, int]
"""Number and time."""


class _Seen(NamedTuple):
    """The end of what was scanned of a stream."""

    position: int
    last: _Packet
    """Which brought the last octet."""
    before: _Packet
    """Which brought the octet before that one."""
    tail: bytes


class PayloadRegexes:
    """Scans the octets of streams and datagrams with the payload regexes."""

    def __init__(self, plan: MatchPlan, counters: Counters, tail_len: int, max_streams: int) -> None:
        """Open no stream yet.

        :param tail_len: octets to keep of each stream, at least 1.
        :param max_streams: to keep open at once.
        """
        self._plan = plan
        self._counters = counters
        self._tail_len = tail_len
        self._streams = StreamScanner(plan, max_streams)
        self._seen: dict[int, _Seen] = {}
        """Of streams that are open, and of a few that were closed to make room."""

    def replace_plan(self, plan: MatchPlan) -> None:
        """Look for another plan's regexes from now on; streams go on if they are the same ones."""
        self._plan = plan
        if not self._streams.replace_plan(plan):
            self._seen.clear()
        self._counters.regex_streams_evicted = self._streams.evicted

    def discard(self, streams: list[int]) -> None:
        """Forget what was scanned of ``streams``: their next octets do not follow it."""
        for stream in streams:
            self._streams.close(stream)
            self._seen.pop(stream, None)

    def scan(self, joined: Joined) -> list[Hit]:
        """Matches in a batch's octets, in no order."""
        n = joined.stream_runs
        view = memoryview(joined.data)
        rows = zip(
            joined.run_stream[:n].tolist(),
            joined.run_gap[:n].tolist(),
            joined.run_fresh[:n].tolist(),
            joined.run_end[:n].tolist(),
            (joined.run_position + joined.run_fresh - joined.run_start)[:n].tolist(),
            strict=True,
        )
        hits = []
        for run, (stream, gap, fresh, end, position) in enumerate(rows):
            if gap:
                self._streams.close(stream)  # what was matched so far can't go on across a gap
            first = fresh - self._streams.scanned(stream)
            for index, length in self._streams.scan(stream, view[fresh:end], position):
                at = first + length
                hits.append(Hit(run, at, index, at, *self._packet(joined, stream, fresh, at - 1)))
        self._counters.regex_streams_evicted = self._streams.evicted
        self._remember(joined)
        octets = np.frombuffer(joined.data, np.uint8)
        datagrams = scan_datagrams(self._plan, octets, joined.run_start[n:], joined.run_end[n:])
        hits += hits_of(joined, datagrams, first_run=n)
        return hits

    def close(self, stream: int) -> tuple[list[EndHit], bytes]:
        """The stream has ended: what matched there, in order, and its tail."""
        scanned = self._streams.scanned(stream)
        matches = self._streams.close(stream)
        seen = self._seen.pop(stream, None)
        if seen is None:
            return [], b""
        hits = []
        for index, length in matches:
            behind = scanned - length
            packet = seen.before if behind else seen.last
            hits.append(EndHit(max(len(seen.tail) - behind, 0), index, seen.position - behind, *packet))
        return sorted(hits), seen.tail

    def _packet(self, joined: Joined, stream: int, fresh: int, at: int) -> _Packet:
        """Who brought the octet at ``at``, which is not in the batch if it is before ``fresh``."""
        seen = self._seen.get(stream) if at < fresh else None
        if seen is not None:
            return seen.last
        piece = int(joined.piece_at(np.array([max(at, fresh)]))[0])
        return int(joined.piece_number[piece]), int(joined.piece_ns[piece])

    def _remember(self, joined: Joined) -> None:
        n = joined.stream_runs
        if not n:
            return
        stream, fresh, end = joined.run_stream[:n], joined.run_fresh[:n], joined.run_end[:n]
        last = np.flatnonzero(np.append(stream[1:] != stream[:-1], True) & (end > fresh))
        stream, fresh, end = stream[last], fresh[last], end[last]
        rows = zip(
            stream.tolist(),
            (end - fresh).tolist(),
            joined.run_gap[last].tolist(),
            np.maximum(end - self._tail_len, joined.run_start[last]).tolist(),
            end.tolist(),
            (joined.run_position[last] + end - joined.run_start[last]).tolist(),
            zip(*joined.packets_at((end - 1).tolist()), strict=True),
            zip(*joined.packets_at(np.maximum(end - 2, fresh).tolist()), strict=True),
            strict=True,
        )
        for key, length, gap, start, stop, position, packet, packet_before in rows:
            seen = self._seen.get(key) if length == 1 and not gap else None
            before = packet_before if seen is None else seen.last
            self._seen[key] = _Seen(position, packet, before, joined.data[start:stop])
        if len(self._seen) > 2 * self._streams.max_streams:
            self._seen = {key: seen for key, seen in self._seen.items() if self._streams.is_open(key)}


def hits_of(joined: Joined, matches: Matches, first_run: int = 0) -> list[Hit]:
    """``matches`` whose last octets are in the batch; their runs count from ``first_run``."""
    if not len(matches):
        return []
    columns = (matches.run + first_run, matches.end, matches.clause, matches.start)
    packets = joined.packets_at((matches.end - 1).tolist())
    readings = (matches.readings,) if matches.readings else ()
    rows = zip(*(column.tolist() for column in columns), *packets, *readings, strict=True)
    return list(starmap(Hit, rows))
