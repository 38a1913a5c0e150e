"""The classic capture file: a 24-octet header, then records of a 16-octet header and the octets.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html; both byte orders, microseconds and
nanoseconds, and the "modified" variant (Alexey Kuznetsov's libpcap patch) whose records have eight
more header octets.

Only the walk from one record to the next is sequential, and so the only loop; every field is then
gathered for all records of the window at once.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import numpy as np

from sensor.arrays import I64, U8, gather
from sensor.capture.batch import Batch
from sensor.errors import CaptureError

FILE_HEADER_LEN: Final = 24
LINK_TYPE_OFFSET: Final = 20
LINK_TYPE_MASK: Final = 0xFFFF
"""The upper bits of the link type field say whether frames end in a frame check sequence."""

RECORD_HEADER_LEN: Final = 16
MODIFIED_HEADER_LEN: Final = 24

MAX_CAP_LEN: Final = 262_144
"""libpcap's MAXIMUM_SNAPLEN, which tcpdump, Wireshark and Suricata hold to: a longer record is a
corrupt one. (D-Bus and USB captures may hold longer ones; they carry no network packets.)"""

_MAGIC: Final = {
    0xA1B2C3D4: (1000, RECORD_HEADER_LEN),
    0xA1B23C4D: (1, RECORD_HEADER_LEN),
    0xA1B2CD34: (1000, MODIFIED_HEADER_LEN),
}
"""Magic number: nanoseconds a fraction, octets of a record header."""

PCAP_MAGICS: Final = frozenset(struct.pack(f"{order}I", magic) for magic in _MAGIC for order in "<>")
"""What the first four octets of a pcap file can be."""


class Octets(Protocol):
    """What is read: a :class:`sensor.capture.window.Window`, or memory that live capture fills."""

    name: str
    base: int
    end: int
    view: memoryview
    octets: U8

    @property
    def damage(self) -> str:
        """Why it ended early, or empty."""

    def slide(self, consumed: int, /) -> bool:
        """Drop the first ``consumed`` octets and read on; False at the end."""


class PcapReader:
    """Batches of a pcap file; one line in ``notes`` for damage found.

    :raises CaptureError: if the file header is not whole.
    """

    def __init__(self, window: Octets, notes: list[str]) -> None:
        if window.end < FILE_HEADER_LEN:
            raise CaptureError(
                f"{window.name} ends within its file header ({window.end} octets); capture it again"
            )
        self._window = window
        self._notes = notes
        magic = bytes(window.view[:4])
        order = "<" if int.from_bytes(magic, "little") in _MAGIC else ">"
        self._tick_ns, self._header_len = _MAGIC[int.from_bytes(magic, "little" if order == "<" else "big")]
        (link,) = struct.unpack_from(f"{order}I", window.view, LINK_TYPE_OFFSET)
        self._link_type = link & LINK_TYPE_MASK
        self._cap_len_at = struct.Struct(f"{order}8xI{self._header_len - 12}x").unpack_from
        self._header = np.dtype([(name, f"{order}u4") for name in ("sec", "tick", "cap_len", "wire_len")])

    def __iter__(self) -> Iterator[Batch]:
        window = self._window
        number = 1
        position = FILE_HEADER_LEN
        while True:
            start, position = self._walk(position)
            header = gather(window.octets, start, self._header)
            corrupt = np.flatnonzero(header["cap_len"] > MAX_CAP_LEN)
            whole = start.size
            if corrupt.size:
                whole = int(corrupt[0])
            elif whole and position > window.end:
                whole -= 1
                position = int(start[whole])
            if whole:
                yield self._batch(start[:whole], header[:whole], number)
                number += whole
            if corrupt.size:
                self._notes.append(
                    f"{window.name}: record {number} at octet {window.base + int(start[whole])} claims "
                    f"{header['cap_len'][whole]} octets, more than {MAX_CAP_LEN}; "
                    "nothing from there on was read"
                )
                return
            if not window.slide(position):
                break
            position = 0
        if window.end or window.damage:
            cause = window.damage or "the last record is cut short"
            self._notes.append(
                f"{window.name}: ends early after record {number - 1}: {cause}; {window.end} octets left over"
            )

    def _walk(self, position: int) -> tuple[I64, int]:
        """Where the records start whose headers are whole, and where the next one would.

        Ends, whatever the lengths say: each step goes at least a header forward.
        """
        view = self._window.view[: self._window.end]
        cap_len_at: Callable[[Any, int], tuple[int]] = self._cap_len_at
        header_len = self._header_len
        start: list[int] = []
        append = start.append
        try:
            while True:
                (cap_len,) = cap_len_at(view, position)
                append(position)
                position += cap_len + header_len
        except struct.error:  # cheaper than a comparison at each step: past the last whole header
            return np.array(start, np.int64), position

    def _batch(self, start: I64, header: np.ndarray[Any, np.dtype[Any]], number: int) -> Batch:
        cap_len = header["cap_len"].astype(np.int64)
        ts_ns = header["sec"].astype(np.int64)
        ts_ns *= 1_000_000_000
        ts_ns += header["tick"].astype(np.int64) * self._tick_ns
        return Batch(
            octets=self._window.octets,
            offset=start + self._header_len,
            cap_len=cap_len,
            wire_len=np.maximum(header["wire_len"], cap_len),
            ts_ns=ts_ns,
            link_type=np.full(cap_len.shape, self._link_type, np.uint32),
            first_number=number,
            used=self._window.end,
        )
