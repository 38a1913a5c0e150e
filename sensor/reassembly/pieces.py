"""What reassembly hands on: octets in stream order, and where octets are missing."""

from dataclasses import dataclass, field

import numpy as np

from sensor.arrays import I64


@dataclass(slots=True)
class Pieces:
    """Stretches of octets, in order within each stream, a stream's pieces side by side.

    All arrays are (n,) int64.
    """

    stream: I64
    """2 * slot of the flow + direction."""
    offset: I64
    """Where the piece starts in the batch's octets; -1 - i for ``stored[i]``."""
    length: I64
    """Octets."""
    gap: I64
    """Octets that are missing right before the piece."""
    number: I64
    """Packet that brought it."""
    released: I64
    """Packet at which it was handed on: ``number``, or the one that filled the hole before it or
    acknowledged past it. Never decreases within a stream."""
    ts_ns: I64
    position: I64
    """Octets of the stream before the piece, missing ones included."""
    closed: I64
    """Streams whose last octet has been delivered (FIN)."""
    closed_at: I64
    """Packets at which that was: the FIN's, or the one that filled the last hole."""
    stored: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.stream)


def no_pieces() -> Pieces:
    """Nothing."""
    none = np.zeros(0, np.int64)
    return Pieces(none, none, none, none, none, none, none, none, none, none)


@dataclass(slots=True)
class PieceList:
    """Pieces while the slow path makes them, one by one."""

    stream: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    gap: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    ts_ns: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)

    def add(
        self,
        stream: int,
        offset: int,
        length: int,
        gap: int,
        number: int,
        released: int,
        ts_ns: int,
        position: int,
    ) -> None:
        """Append one piece."""
        self.stream.append(stream)
        self.offset.append(offset)
        self.length.append(length)
        self.gap.append(gap)
        self.number.append(number)
        self.released.append(released)
        self.ts_ns.append(ts_ns)
        self.position.append(position)

    def add_stored(
        self, stream: int, data: bytes, gap: int, number: int, released: int, ts_ns: int, position: int
    ) -> None:
        """Append one piece whose octets are kept outside the batch."""
        self.stored.append(data)
        self.add(stream, -len(self.stored), len(data), gap, number, released, ts_ns, position)

    def arrays(self) -> list[I64]:
        """The eight columns, in the order of :class:`Pieces`."""
        columns = (
            self.stream,
            self.offset,
            self.length,
            self.gap,
            self.number,
            self.released,
            self.ts_ns,
            self.position,
        )
        return [np.array(column, np.int64) for column in columns]
