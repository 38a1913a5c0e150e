"""Which octets of TCP streams are ciphertext: TLS records (RFC 8446, section 5.1; RFC 5246, section 6.2.1).

Theory of operation. A direction whose first record is a handshake's is walked from record header to record
header. Its first ``application_data`` record ends the handshake: what follows that record's header is
ciphertext, as long as every header after it is well-formed. At the first octet of a header that is not, or
when a gap hides where the next header is, the walk is over for good and everything from there on is looked
into. So what is ciphertext depends on the octets alone, never on how they are split. A direction that is not
walked from its first octet is never ciphertext here.

It takes five well-formed octets to make plain text look like a record. Whoever controls both ends can hide
keywords so, and a sensor that is to be trusted in an inquiry must not help them: hence the walk is off
unless the operator asks for it (``Settings.bypass_encrypted``). Where keywords in the payload matter less
than speed, it saves joining and scanning what is mostly ciphertext.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.reassembly.leave_out import split
from sensor.reassembly.pieces import Pieces

_HANDSHAKE, _APPLICATION_DATA = 22, 23
_FIRST_TYPE, _LAST_TYPE = 20, 24  # change_cipher_spec to heartbeat
_MAJOR, _MAX_MINOR = 3, 4
_HEADER = 5
_MAX_LENGTH = (1 << 14) + 2048
"""TLS 1.2's; TLS 1.3 allows 256 octets beside the 16 KiB."""
_SHORTEST_START = 3
_UNKNOWN, _WALKED, _PLAIN = 0, 1, 2


@dataclass(slots=True)
class RecordWalk:
    """Where one direction of a TLS connection stands."""

    rest: int = 0
    """Octets of the record to come."""
    head: bytes = b""
    """Octets of a header so far."""
    begun: bool = False
    """The first header has been read."""
    is_cipher: bool = False
    is_over: bool = False
    """The octets are no chain of records, or it can't be followed."""

    def skip(self, length: int) -> None:
        """Account for missing octets."""
        self.rest -= length
        if self.rest < 0:
            self.is_over = True

    def take(self, data: bytes | memoryview) -> tuple[int, int]:
        """Read the next octets.

        :returns: where in them ciphertext begins and ends; equal where there is none.
        """
        begin, pos, end = 0 if self.is_cipher else -1, 0, len(data)
        while not self.is_over:
            if self.rest >= end - pos:
                self.rest -= end - pos
                pos = end
                break
            pos += self.rest
            self.rest = 0
            start = pos - len(self.head)
            self.head += bytes(data[pos : start + _HEADER])
            good = self._well_formed()
            if good < len(self.head):
                self.is_over = True
                pos = start + good
                break
            pos = start + len(self.head)
            if len(self.head) < _HEADER:
                break
            self.rest = self.head[3] << 8 | self.head[4]
            if begin < 0 and self.head[0] == _APPLICATION_DATA:
                self.is_cipher, begin = True, pos
            self.begun, self.head = True, b""
        return (pos if begin < 0 else begin), pos

    def _well_formed(self) -> int:
        """How many octets of the header are as they may be."""
        head = self.head
        first, last = (_FIRST_TYPE, _LAST_TYPE) if self.begun else (_HANDSHAKE, _HANDSHAKE)
        if not first <= head[0] <= last:
            return 0
        if len(head) > 1 and head[1] != _MAJOR:
            return 1
        if len(head) > 2 and head[2] > _MAX_MINOR:
            return 2
        if len(head) > 3 and head[3] > _MAX_LENGTH >> 8:
            return 3
        if len(head) == _HEADER and (head[3] << 8 | head[4]) > _MAX_LENGTH:
            return 4
        return len(head)


class EncryptedStreams:
    """Walks of all streams (2 * slot + direction)."""

    def __init__(self, streams: int) -> None:
        """Know nothing of so many streams."""
        self._kind = np.zeros(streams, np.uint8)
        self._walks: dict[int, RecordWalk] = {}

    def find(self, pieces: Pieces, octets: memoryview) -> tuple[Pieces, Bool | None]:
        """Walk on through a batch's pieces.

        :param octets: the batch's, which the pieces point into.
        :returns: the pieces, cut where ciphertext begins or ends, and which of them are ciphertext: (n,), or
            None if none is.
        """
        rows = np.flatnonzero(self._kind[pieces.stream] != _PLAIN)
        columns = (pieces.stream, pieces.offset, pieces.length, pieces.gap, pieces.position)
        cut_at: list[int] = []
        cut_where: list[int] = []
        out: list[int] = []
        for row, stream, offset, length, gap, position in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            data = octets[offset : offset + length] if offset >= 0 else pieces.stored[-1 - offset]
            begin, end = self._walk(stream, data, gap, position)
            if begin == end:
                continue
            if begin:
                cut_at.append(row)
                cut_where.append(begin)
            out.append(row + len(cut_at))
            if end < length:
                cut_at.append(row)
                cut_where.append(end)
        if not out:
            return pieces, None
        pieces = split(pieces, np.array(cut_at, np.int64), np.array(cut_where, np.int64))
        ciphertext = np.zeros(len(pieces), np.bool_)
        ciphertext[out] = True
        return pieces, ciphertext

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for streams in (2 * slots, 2 * slots + 1):
            for stream in streams[self._kind[streams] == _WALKED].tolist():
                del self._walks[stream]
            self._kind[streams] = _UNKNOWN

    def _walk(self, stream: int, data: bytes | memoryview, gap: int, position: int) -> tuple[int, int]:
        walk = self._walks.get(stream)
        if walk is None:
            if self._kind[stream] == _PLAIN:  # since an earlier piece of this batch
                return 0, 0
            walk = self._walks[stream] = RecordWalk(is_over=position > 0)
            self._kind[stream] = _WALKED
        elif gap:
            walk.skip(gap)
        begin, end = walk.take(data)
        if walk.is_over:
            del self._walks[stream]
            self._kind[stream] = _PLAIN
        return begin, end


class EncryptedStarts:
    """Directions that began as TLS's or SSH's do: that may tell what to shed, not what is ciphertext."""

    def __init__(self, streams: int) -> None:
        self.began = np.zeros(streams, np.bool_)
        """By stream."""

    def note(self, pieces: Pieces, octets: memoryview) -> None:
        """Look at the first octets of streams."""
        first = np.flatnonzero(
            (pieces.position == 0) & (pieces.offset >= 0) & (pieces.length > _SHORTEST_START)
        )
        if first.shape[0]:
            data, at = np.frombuffer(octets, np.uint8), pieces.offset[first]
            one, two, three = data[at], data[at + 1], data[at + 2]
            is_tls = (one == _HANDSHAKE) & (two == _MAJOR) & (three <= _MAX_MINOR)
            is_ssh = (one == ord("S")) & (two == ord("S")) & (three == ord("H"))
            self.began[pieces.stream[first]] = is_tls | is_ssh

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        self.began[2 * slots] = False
        self.began[2 * slots + 1] = False
