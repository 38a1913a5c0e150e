"""Payload regexes across the segments of a stream: Hyperscan's stream mode.

Used only where a signature has a payload regex: one call of Hyperscan for each chunk.

The binding's streams must be opened by ``__enter__`` exactly once (it gives back the reference that
``Database.stream`` takes too many), must be closed by hand (dropping one leaks Hyperscan's state), must
not be asked for ``size()`` (``len()`` is sound), and do not hold on to their database or callback, so
the scanner does.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import hyperscan

from sensor.config import DetectionLimits
from sensor.matching.plan import MatchPlan, Regexes

_MAX_STREAMS = DetectionLimits().regex_streams


class StreamMatch(NamedTuple):
    """A payload regex matched; each does so at most once in a stream direction."""

    clause: int
    """Index into ``MatchPlan.clauses``."""
    end: int
    """Octets from the first one scanned to the end of the match; where it starts is not known."""


class StreamScanner:
    """Scans each stream direction's chunks in order.

    One for each worker; its memory is the open streams'.
    """

    def __init__(self, plan: MatchPlan, max_streams: int = _MAX_STREAMS) -> None:
        """Open no stream yet.

        :param plan: with payload regexes (``plan.has_payload_regexes``), else nothing ever matches.
        :param max_streams: to be open at once, at least 1.
        """
        self._plan = plan
        self._regexes = plan.stream_regexes
        self.max_streams = max_streams
        self._streams: dict[int, hyperscan.Stream] = {}
        self._scanned: dict[int, int] = {}
        self._begin: dict[int, int] = {}
        """Position in the stream of the first octet scanned: not 0 after a gap."""
        self._base = 0
        self._found: list[StreamMatch] = []
        self._handler = self._collect
        self.evicted = 0
        """Streams closed to make room for others."""

    def replace_plan(self, plan: MatchPlan) -> bool:
        """Scan for another plan's regexes from now on.

        :returns: whether open streams go on: the regexes are the same ones, of the same signatures. Else
            each starts anew with its next chunk, and counts as evicted.
        """
        old, new = self._regexes, plan.stream_regexes
        same = _identity(self._plan, old) == _identity(plan, new)
        if same and old is not None and new is not None:
            new = replace(new, database=old.database)  # the open streams'
        else:
            self.evicted += len(self._streams)
            self.close_all()
        self._plan, self._regexes = plan, new
        return same

    def __len__(self) -> int:
        return len(self._streams)

    def is_open(self, key: int) -> bool:
        """Whether the stream direction ``key`` has been scanned and neither closed nor evicted."""
        return key in self._streams

    def scanned(self, key: int) -> int:
        """Octets scanned of the stream direction ``key`` since it was opened; 0 if it is not open."""
        return self._scanned.get(key, 0)

    def scan(self, key: int, octets: Any, position: int = 0) -> list[StreamMatch]:
        """Scan the next chunk of the stream direction ``key``, which is opened if it is not open.

        :param octets: any contiguous buffer of octets.
        :param position: octets of the stream direction before them, for ``Clause.depth``.
        """
        if self._regexes is None:
            return []
        stream = self._streams.pop(key, None)
        if stream is None:  # not ``or``: an open stream's truth is its len()
            stream = self._open(self._regexes)
            self._begin[key] = position
        self._streams[key] = stream
        self._base = self._begin[key]
        stream.scan(octets, match_event_handler=self._handler)
        self._scanned[key] = self._scanned.get(key, 0) + len(octets)
        return self._take()

    def close(self, key: int) -> list[StreamMatch]:
        """The stream direction has ended; what matches at its very end (``$``) is found now."""
        stream = self._streams.pop(key, None)
        if stream is None:
            return []
        del self._scanned[key]
        self._base = self._begin.pop(key)
        stream.close(match_event_handler=self._handler)
        return self._take()

    def close_all(self) -> None:
        """Free every stream's state, at the end of a run."""
        for key in list(self._streams):
            self.close(key)

    def _open(self, regexes: Regexes) -> hyperscan.Stream:
        if len(self._streams) >= self.max_streams:
            # An evicted stream has not ended, so a match of ``$`` at this point is none.
            self.close(next(iter(self._streams)))
            self.evicted += 1
        stream = regexes.database.stream(match_event_handler=self._handler)
        stream.__enter__()
        return stream

    def _collect(self, pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        assert self._regexes is not None
        clause = int(self._regexes.clause[pattern])
        depth = int(self._plan.bounds.depth[clause])
        if not depth or self._base + end <= depth:
            self._found.append(StreamMatch(clause, end))

    def _take(self) -> list[StreamMatch]:
        if not self._found:
            return []
        found, self._found = self._found, []
        return found


def _identity(plan: MatchPlan, regexes: Regexes | None) -> list[tuple[int, int, bytes, int]]:
    """What tells whether open streams mean the same under two plans: sid, rev, expression, flags of each."""
    if regexes is None:
        return []
    owners = [plan.signatures[plan.owner[clause]] for clause in regexes.clause.tolist()]
    return [
        (owner.sid, owner.rev, expression, flags)
        for owner, expression, flags in zip(owners, regexes.expressions, regexes.flags, strict=True)
    ]
