"""The ring of a packet socket, read in place (Linux, TPACKET_V3, linux/if_packet.h).

The kernel fills blocks one after the other and marks each that is full, or old enough, as the user's; the
user marks it as the kernel's again when done. In a block each packet's header tells where the next starts:
that walk is the only loop, every field is then gathered for all packets at once.

Several processes may map the ring, one after the other: nothing about the place in it is kept here, as blocks
carry sequence numbers. A worker that takes over from one that died goes on with the oldest block that the
kernel has handed out.
"""

import ctypes
import mmap
import os
from dataclasses import dataclass
from itertools import repeat
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import GUARD, I64, U8, gather
from sensor.capture.af_packet import LINKTYPE_ETHERNET, RingGeometry
from sensor.capture.batch import Batch
from sensor.errors import CaptureError

BATCH_OCTETS: Final = 4 << 20
"""Octets of blocks that make one batch: as in replay, more would fall out of the processor's cache."""
SLACK: Final = 4 << 20
"""Octets behind the ring for :meth:`Batch.append`. They take no memory until they are written."""

_TP_STATUS_USER: Final = 1 << 0
_TP_STATUS_VLAN_VALID: Final = 1 << 4
_TP_STATUS_VLAN_TPID_VALID: Final = 1 << 6
_VLAN_STATUS: Final = _TP_STATUS_VLAN_VALID | _TP_STATUS_VLAN_TPID_VALID

_BLOCK: Final = np.dtype(
    [
        ("version", "u4"),
        ("offset_to_priv", "u4"),
        ("status", "u4"),
        ("packet_count", "u4"),
        ("first_offset", "u4"),
        ("length", "u4"),
        ("sequence", "u8"),
        ("times", "V16"),
    ]
)
"""struct tpacket_block_desc, in the machine's byte order like all that follows."""
_PACKET: Final = np.dtype(
    [
        ("next_offset", "u4"),
        ("sec", "u4"),
        ("nsec", "u4"),
        ("cap_len", "u4"),
        ("wire_len", "u4"),
        ("status", "u4"),
        ("mac", "u2"),
        ("net", "u2"),
        ("rx_hash", "u4"),
        ("vlan_tci", "u4"),
        ("vlan_tpid", "u2"),
        ("padding", "V10"),
    ]
)
"""struct tpacket3_hdr. With a socket that has no link header (SOCK_DGRAM) ``mac`` equals ``net``."""
_PACKET_WORDS: Final = "I"
_ADDRESSES: Final = np.dtype("V12")
_TAGGED: Final = np.dtype([("addresses", "V12"), ("tpid", ">u2"), ("tci", ">u2")])
"""What an Ethernet frame with one VLAN tag begins with (IEEE 802.1Q)."""
_TAG_LEN: Final = 4
_ETHERTYPE_VLAN: Final = 0x8100


@dataclass(frozen=True, slots=True)
class RingBatch:
    """A batch out of the ring, and the blocks that hold it."""

    batch: Batch
    """Valid until :meth:`PacketRing.release`. Has a row at least."""
    first_sequence: int
    last_sequence: int
    """Of the blocks, both included: what to release."""
    packets: int
    """In these blocks, as the kernel counted them."""


class PacketRing:
    """The mapped ring of the packet socket ``descriptor``.

    :raises CaptureError: if it can't be mapped.
    """

    def __init__(self, descriptor: int, geometry: RingGeometry) -> None:
        self._block_size = geometry.block_size
        self._link_type = geometry.link_type
        self._size = geometry.block_size * geometry.block_count
        # Reserved as one region and the ring put over its beginning, so that what a batch needs behind its
        # octets is there without a copy. The region's mapping is what is kept, and what frees both.
        self._region = mmap.mmap(-1, self._size + SLACK + GUARD, flags=mmap.MAP_PRIVATE)
        _map_over(self._region, descriptor, self._size)
        self._octets: U8 = np.frombuffer(self._region, np.uint8)
        self._words = memoryview(self._region)[: self._size].cast(_PACKET_WORDS)
        self._blocks: NDArray[Any] = np.ndarray(
            (geometry.block_count,), _BLOCK, self._region, strides=(geometry.block_size,)
        )
        self._fence = Lock()

    @property
    def fill(self) -> float:
        """Share of the ring's blocks that wait to be released, those of the present batch included."""
        return float(np.count_nonzero(self._blocks["status"] & _TP_STATUS_USER)) / self._blocks.size

    def peek(self) -> list[tuple[int, int]]:
        """Sequence number and packets of each block that waits, in order."""
        waiting = self._waiting()
        columns = (self._blocks[name][waiting].tolist() for name in ("sequence", "packet_count"))
        return list(zip(*columns, strict=True))

    def ready(self, first_number: int, limit: int = BATCH_OCTETS) -> RingBatch | None:
        """The oldest blocks that wait, as one batch; None where none does.

        Asked again before they are released, it gives them again.

        :param first_number: of the batch's first row.
        :param limit: octets that the blocks may hold. One block is taken in any case, half the ring at most.
        :raises CaptureError: if the ring holds what the kernel can't have written.
        """
        waiting = self._waiting()[: max(self._blocks.size // 2, 1)]
        if not waiting.size:
            return None
        blocks = self._blocks[waiting]
        taken = max(int(np.searchsorted(np.cumsum(blocks["length"]), limit, side="right")), 1)
        blocks, waiting = blocks[:taken], waiting[:taken]
        batch = self._read(waiting * self._block_size, blocks, first_number)
        first, last = int(blocks["sequence"][0]), int(blocks["sequence"][-1])
        return RingBatch(batch, first, last, int(blocks["packet_count"].sum()))

    def release(self, last_sequence: int) -> int:
        """Give the kernel back all blocks that wait, up to that sequence number.

        :returns: packets that were in them.
        """
        waiting = self._waiting()
        waiting = waiting[self._blocks["sequence"][waiting] <= last_sequence]
        packets = int(self._blocks["packet_count"][waiting].sum())
        self._order_memory()
        self._blocks["status"][waiting] = 0
        return packets

    def _waiting(self) -> I64:
        """Indices of the blocks that are the user's, oldest first."""
        waiting = np.flatnonzero(self._blocks["status"] & _TP_STATUS_USER)
        self._order_memory()
        order = np.argsort(self._blocks["sequence"][waiting])
        ordered: I64 = waiting[order]
        return ordered

    def _order_memory(self) -> None:
        """Keep loads and stores after this from being done before those above it.

        x86-64 would not reorder them this way, aarch64 may. Taking and leaving a lock are an acquire and a
        release; in a row, twice, nothing passes them in either direction.
        """
        for _ in range(2):
            with self._fence:
                pass

    def _read(self, block_at: I64, blocks: NDArray[Any], first_number: int) -> Batch:
        start = self._walk(block_at, blocks)
        header = gather(self._octets, start, _PACKET)
        offset = start + header["mac"]
        cap_len = header["cap_len"].astype(np.int64)
        end = np.repeat(block_at + self._block_size, blocks["packet_count"])
        if (offset + cap_len > end).any():
            raise CaptureError("the capture ring is corrupt: a packet reaches out of its block")
        wire_len = np.maximum(header["wire_len"].astype(np.int64), cap_len)
        if self._link_type == LINKTYPE_ETHERNET:
            stripped = (header["status"] & _TP_STATUS_VLAN_VALID != 0) & (cap_len >= _ADDRESSES.itemsize)
            rows = np.flatnonzero(stripped)
            if rows.size:
                self._put_back_tags(rows, start, header, offset)
                offset[rows] -= _TAG_LEN
                cap_len[rows] += _TAG_LEN
                wire_len[rows] += _TAG_LEN
        return Batch(
            octets=self._octets,
            offset=offset,
            cap_len=cap_len,
            wire_len=wire_len,
            ts_ns=header["sec"].astype(np.int64) * 1_000_000_000 + header["nsec"],
            link_type=np.full(start.shape, self._link_type, np.uint32),
            first_number=first_number,
            used=self._size,
        )

    def _walk(self, block_at: I64, blocks: NDArray[Any]) -> I64:
        """Where the packets' headers start, in the region."""
        words = self._words
        start: list[int] = []
        append = start.append
        try:
            for at, first, count in zip(
                block_at.tolist(),
                blocks["first_offset"].tolist(),
                blocks["packet_count"].tolist(),
                strict=True,
            ):
                position = at + first
                for _ in repeat(None, count):
                    append(position)
                    position += words[position >> 2]
        except IndexError:
            raise CaptureError("the capture ring is corrupt: a block's packets lead out of it") from None
        return np.fromiter(start, np.int64, len(start))

    def _put_back_tags(self, rows: I64, start: I64, header: NDArray[Any], offset: I64) -> None:
        """Write VLAN tags that the kernel took out where they were: four octets of headroom are reserved.

        The packets' headers are written too, so that whoever reads the block again finds a whole frame.
        """
        changed = header[rows]
        tagged = np.empty(rows.size, _TAGGED)
        tagged["addresses"] = gather(self._octets, offset[rows], _ADDRESSES)
        has_tpid = changed["status"] & _TP_STATUS_VLAN_TPID_VALID != 0
        tagged["tpid"] = np.where(has_tpid, changed["vlan_tpid"], _ETHERTYPE_VLAN)
        tagged["tci"] = changed["vlan_tci"]
        _scatter(self._octets, offset[rows] - _TAG_LEN, tagged)
        changed["mac"] -= _TAG_LEN
        changed["cap_len"] += _TAG_LEN
        changed["wire_len"] += _TAG_LEN
        changed["status"] &= ~np.uint32(_VLAN_STATUS)
        _scatter(self._octets, start[rows], changed)


def _scatter(octets: U8, offset: I64, records: NDArray[Any]) -> None:
    """Write one record at each offset: the inverse of ``gather``."""
    size = records.dtype.itemsize
    window: NDArray[Any] = np.ndarray((octets.shape[0] - size + 1,), f"V{size}", octets, strides=(1,))
    window[offset] = records.view(f"V{size}")


def _map_over(region: mmap.mmap, descriptor: int, size: int) -> None:
    """Map a socket's ring over the beginning of ``region``."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_ssize_t)
    address = ctypes.addressof(ctypes.c_char.from_buffer(region))
    map_fixed = 0x10
    got = libc.mmap(
        address, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | map_fixed, descriptor, 0
    )
    if got != address:
        raise CaptureError(f"cannot map the capture ring: {os.strerror(ctypes.get_errno())}")
