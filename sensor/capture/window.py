"""A sliding window over a stream of octets: how a capture larger than memory is read.

One buffer is used over and over. The reader works through the octets that are there, then slides:
what it has not finished (the incomplete last record) moves to the front and the rest is filled from
the stream. Rows of a batch point into this buffer, which is why a batch is valid only until the next
one is asked for.
"""

import io
import os
import select
import stat
import zlib
from typing import Protocol

import numpy as np

from sensor.arrays import GUARD, U8
from sensor.errors import CaptureError

DEFAULT_WINDOW = 4 << 20
"""Octets. Larger windows fall out of the processor's cache between reading and decoding; smaller ones
pay the fixed cost of numpy calls more often."""

MIN_WINDOW = 64
"""Octets; room for either format's file header."""

SLACK = 256 << 10
"""Octets behind the window for reassembled datagrams (``Batch.append``): four of the longest."""


PATIENCE = 0.2
"""Seconds that a pipe may pause before what it has brought is handed on: a person who watches
``tcpdump -w - | …`` sees packets as they come, and an interrupt loses no window full of them."""


class Stream(Protocol):
    """What a window reads from: a binary file, a pipe, a decompressor."""

    def readinto1(self, buffer: memoryview, /) -> int:
        """Fill the front of ``buffer`` with one read (so that a fault does not lose what came before it).

        :returns: octets read, 0 at the end.
        """


class Window:
    """The octets ``octets[:end]`` of a stream; ``base`` is the stream offset of ``octets[0]``.

    It grows only if the reader slides without having consumed anything, that is for a record longer
    than the window, and readers refuse records above their format's limit before they do.
    """

    __slots__ = ("_capacity", "_pipe", "_stream", "base", "damage", "end", "name", "octets", "view")

    def __init__(self, stream: Stream, name: str, size: int = DEFAULT_WINDOW) -> None:
        self._stream = stream
        self._pipe = _pipe_of(stream)
        self._capacity = max(size, MIN_WINDOW)
        self.name = name
        self.base = 0
        self.end = 0
        self.damage = ""
        """Why the stream ended early (damaged compression), or empty."""
        self._allocate()
        self._fill()

    def slide(self, consumed: int) -> bool:
        """Drop the first ``consumed`` octets and read on.

        :returns: False at the end of the stream; what was not consumed is then all that is left.
        :raises CaptureError: if the operating system cannot read on.
        """
        rest = self.end - consumed
        if rest == self._capacity:
            old = self.octets
            self._capacity *= 2
            self._allocate()
            self.octets[:rest] = old[:rest]
        elif consumed:
            self.octets[:rest] = self.octets[consumed : self.end]
        self.base += consumed
        self.end = rest
        return self._fill()

    def _allocate(self) -> None:
        backing = bytearray(self._capacity + SLACK + GUARD)
        # struct reads a bytearray's memoryview faster than an array's; both share the memory.
        self.view = memoryview(backing)
        self.octets: U8 = np.frombuffer(backing, np.uint8)

    def _fill(self) -> bool:
        start = self.end
        while self.end < self._capacity and not self.damage:
            try:
                count = self._stream.readinto1(self._room())
            except (EOFError, zlib.error) as error:
                self.damage = f"its compression is damaged ({error})"
                break
            except OSError as error:
                if error.errno is None:  # gzip.BadGzipFile
                    self.damage = f"its compression is damaged ({error})"
                    break
                raise CaptureError(
                    f"{self.name} cannot be read on after {self.base + self.end} octets "
                    f"({error.strerror}); check the disk or the connection it lies on"
                ) from error
            if not count:
                break
            self.end += count
            if self._pipe is not None and not select.select([self._pipe], [], [], PATIENCE)[0]:
                break
        return self.end > start

    def _room(self) -> memoryview:
        """Where the next octets go.

        At first of a pipe no more than the look at its format has buffered: a larger read would wait.
        """
        room = self.view[self.end : self._capacity]
        if self._pipe is None or self.base or self.end or not isinstance(self._stream, io.BufferedReader):
            return room
        return room[: len(self._stream.peek())] or room


def _pipe_of(stream: Stream) -> int | None:
    """Descriptor of a stream that may pause; None for files, and where pauses cannot be told."""
    if os.name != "posix":  # Windows selects on sockets only
        return None
    try:
        descriptor = int(stream.fileno())  # type: ignore[attr-defined]  # in memory there is none
        return None if stat.S_ISREG(os.fstat(descriptor).st_mode) else descriptor
    except (AttributeError, OSError, ValueError):
        return None
