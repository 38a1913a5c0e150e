"""The pcapng capture file: sections of typed, length-framed blocks.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html. Sections may differ in byte order;
each names its own interfaces. Blocks of unknown type are skipped.

The walk from block to block is the only loop, a section at a time; blocks are then sorted by type and
read in columns. Custom blocks, systemd journal entries and Sysdig events are records without being
packets: tshark numbers them as frames, and so they are rows here, which decode rejects.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from sensor.arrays import I64, U8, U32, gather
from sensor.capture.batch import Batch
from sensor.capture.block_kinds import MIN_LEN, SECTION_HEADER, Use, classify
from sensor.capture.interfaces import (
    MAX_INTERFACES,
    ByteOrder,
    Interface,
    InterfaceTable,
    parse_interface,
)
from sensor.capture.packet_blocks import PacketBlocks, PacketRows, read_packet_blocks
from sensor.capture.window import Window
from sensor.errors import CaptureError

SECTION_HEADER_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
SECTION_ORDER: Final[dict[bytes, ByteOrder]] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
"""Byte-order magic, at octet 8 of a section header."""

MAX_BLOCK_LEN: Final = 16 << 20
"""Octets; libpcap's limit. Bounds the window, which holds every block whole."""

_SECTION_MIN_LEN: Final = 28


class PcapngReader:
    """Batches of a pcapng file; one line in ``notes`` for damage found.

    :raises CaptureError: if the first section header cannot be used.
    """

    def __init__(self, window: Window, notes: list[str]) -> None:
        self._window = window
        self._notes = notes
        self._fault = ""
        self._number = 1
        self._last_ts_ns = 0
        self._runs: list[PacketRows] = []
        self._begin_section("<")
        self._position = self._read_section_header(0)
        while not self._position and not self._fault and window.slide(0):
            self._position = self._read_section_header(0)
        if not self._position:
            raise CaptureError(
                f"{window.name}: {self._fault or 'ends within its first section header'}; capture it again"
            )

    def __iter__(self) -> Iterator[Batch]:
        window = self._window
        position = self._position
        while True:
            position = self._read_window(position)
            if self._runs:
                yield self._batch()
            if self._fault:
                self._notes.append(f"{window.name}: {self._fault}; nothing from there on was read")
                return
            if not window.slide(position):
                break
            position = 0
        if window.end or window.damage:
            cause = window.damage or "the last block is cut short"
            self._notes.append(
                f"{window.name}: ends early after record {self._number - 1}: {cause}; "
                f"{window.end} octets left over"
            )

    def _read_window(self, position: int) -> int:
        """Read the whole blocks of the window, and tell where the first one starts that is not."""
        while True:
            position, at_section = self._read_run(position)
            if not at_section:
                return position
            after = self._read_section_header(position)
            if not after:
                return position
            position = after

    def _read_section_header(self, position: int) -> int:
        """Begin a section; returns where its next block starts, 0 if the header is not whole or faulty."""
        view = self._window.view[position : self._window.end]
        if len(view) < _SECTION_MIN_LEN:
            return 0
        order = SECTION_ORDER.get(bytes(view[8:12]))
        if order is None:
            return self._fail(position, "is a section header without byte-order magic")
        length, major = struct.unpack_from(f"{order}4xI4xH", view)
        padded = int(_pad(length))
        if not _SECTION_MIN_LEN <= length <= MAX_BLOCK_LEN:
            return self._fail(position, f"is a section header that claims {length} octets")
        if len(view) < padded:
            return 0
        if struct.unpack_from(f"{order}I", view, padded - 4) != (length,):
            return self._fail(position, "has two different lengths")
        if major != 1:
            return self._fail(position, f"begins a section of version {major}, not 1")
        self._begin_section(order)
        return position + padded

    def _begin_section(self, order: ByteOrder) -> None:
        self._order: ByteOrder = order
        self._word = np.dtype(f"{order}u4")
        self._header_at = struct.Struct(f"{order}II").unpack_from
        self._interfaces: list[Interface] = []
        self._table = InterfaceTable(self._interfaces)
        self._block_count = 0

    def _fail(self, position: int, fault: str) -> int:
        self._fault = f"block at octet {self._window.base + position} {fault}"
        return 0

    def _walk(self, position: int) -> tuple[I64, int, bool]:
        """Where blocks start whose headers are whole, where the next would, and if that is a section.

        Ends, whatever the lengths say: a block too short to be one is the last.
        """
        view = self._window.view[: self._window.end]
        header_at: Callable[[Any, int], tuple[int, int]] = self._header_at
        start: list[int] = []
        append = start.append
        at_section = False
        try:
            while True:
                kind, length = header_at(view, position)
                if kind == SECTION_HEADER:
                    at_section = True
                    break
                append(position)
                if length < MIN_LEN:
                    break
                position += length + 3 & -4
        except struct.error:  # past the last whole header
            pass
        return np.array(start, np.int64), position, at_section

    def _read_run(self, position: int) -> tuple[int, bool]:
        """Read the whole blocks up to the next section header or the end of the window."""
        octets, end = self._window.octets, self._window.end
        start, position, at_section = self._walk(position)
        if not start.size:
            return position, at_section
        kind = gather(octets, start, self._word).astype(np.uint32)
        length = gather(octets, start + 4, self._word).astype(np.int64)
        if position > end and length[-1] <= MAX_BLOCK_LEN:
            position = int(start[-1])
            start, kind, length = start[:-1], kind[:-1], length[:-1]
        # Where a corrupt length points outside, any octets of the buffer will do: the block is refused.
        trailer = gather(octets, np.clip(start + _pad(length) - 4, 0, end), self._word)
        use, min_len = classify(kind)
        bad = np.flatnonzero((length < min_len) | (length > MAX_BLOCK_LEN) | (trailer != length))
        whole = start.size
        if bad.size:
            whole = int(bad[0])
            self._fail(int(start[whole]), f"claims {length[whole]} octets, which it cannot have")
        self._read_blocks(start[:whole], kind[:whole], use[:whole], length[:whole])
        self._block_count += whole
        return position, at_section and not self._fault

    def _read_blocks(self, start: I64, kind: U32, use: U8, length: I64) -> None:
        """Take interfaces, packets and countable records from whole blocks of one section."""
        described = np.flatnonzero(use == Use.INTERFACE)
        for index, at, size in zip(
            described.tolist(), start[described].tolist(), length[described].tolist(), strict=True
        ):
            if len(self._interfaces) == MAX_INTERFACES:
                self._fail(at, f"describes more than {MAX_INTERFACES} interfaces")
                use = use[:index]
                break
            block = self._window.view[at : at + _pad(size)]
            self._interfaces.append(parse_interface(block, self._order, self._block_count + index))
        if described.size:
            self._table = InterfaceTable(self._interfaces)

        packet = np.flatnonzero(use == Use.PACKET)
        other = np.flatnonzero(use == Use.NOT_A_PACKET)
        blocks = PacketBlocks(start[packet], kind[packet], length[packet], packet + self._block_count)
        rows, fault = read_packet_blocks(
            self._window.octets, blocks, self._table, self._order, self._last_ts_ns
        )
        count = rows.offset.size
        if fault:
            self._fail(int(start[packet[count]]), fault)
            other = other[other < packet[count]]
        if count or other.size:
            self._runs.append(
                rows.with_others(np.searchsorted(packet, other), start[other], self._last_ts_ns)
            )
        if count:
            self._last_ts_ns = int(rows.ts_ns[-1])

    def _batch(self) -> Batch:
        """The rows gathered from this window, of which there is one at least."""
        runs, self._runs = self._runs, []
        batch = Batch(
            octets=self._window.octets,
            offset=np.concatenate([run.offset for run in runs]),
            cap_len=np.concatenate([run.cap_len for run in runs]),
            wire_len=np.concatenate([run.wire_len for run in runs]),
            ts_ns=np.concatenate([run.ts_ns for run in runs]),
            link_type=np.concatenate([run.link_type for run in runs]),
            first_number=self._number,
            used=self._window.end,
        )
        self._number += len(batch)
        return batch


def _pad(length: Any) -> Any:
    """To four octets: some writers leave the padding of the last field out of a block's length."""
    return length + 3 & ~3
