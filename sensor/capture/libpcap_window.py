"""Memory that libpcap itself fills with records in the pcap format: no Python runs for a packet.

``pcap_dispatch`` calls a C function for each packet, and one of libpcap's own is given to it:

- On POSIX ``pcap_dump``, which writes a record to a ``FILE`` that ``fmemopen`` has laid over our memory.
- On Windows, which has no ``fmemopen``, ``pcap_sendqueue_queue``: what it appends to a queue's memory is
  ``struct pcap_pkthdr`` and the octets, and there the structure, whose times are two 32-bit ``long``, is
  the pcap record header in the machine's byte order. The queue is a structure of ours over our memory.

Either way the memory reads like a window over a capture file (draft-ietf-opsawg-pcap), so that
:class:`sensor.capture.pcap.PcapReader` makes batches of it.
"""

import ctypes
import struct
from ctypes import c_size_t, c_uint, c_void_p
from typing import Any, Final

import numpy as np

from sensor.arrays import GUARD
from sensor.capture.libpcap_library import PRECISION_NANO, text
from sensor.capture.pcap import FILE_HEADER_LEN, LINK_TYPE_MASK, LINK_TYPE_OFFSET, RECORD_HEADER_LEN
from sensor.capture.window import DEFAULT_WINDOW, SLACK
from sensor.errors import CaptureError

ENOUGH: Final = DEFAULT_WINDOW
"""Octets after which a batch is handed on, for a window's reason: the processor's cache."""
CAPACITY: Final = 5 * ENOUGH
"""Octets of memory. libpcap is asked for so many packets at a time as certainly fit, were each as long as
the snap length: this leaves room for 60. Less room would mean more calls; what is not written to is
address space only, and a batch hardly ever goes beyond ``ENOUGH``."""

_DLT_RAW: Final = 12
_LINKTYPE_RAW: Final = 101
_MAGIC: Final = 0xA1B2C3D4
_MAGIC_NANO: Final = 0xA1B23C4D


class DumpSink:
    """POSIX: ``pcap_dump`` into a memory file, which begins with the file header."""

    def __init__(self, pcap: Any, handle: int, memory: bytearray, size: int) -> None:
        libc = ctypes.CDLL(None)
        libc.fmemopen.restype = c_void_p
        libc.fmemopen.argtypes = c_void_p, c_size_t, ctypes.c_char_p
        libc.rewind.restype = None
        libc.rewind.argtypes = (c_void_p,)
        libc.fclose.argtypes = (c_void_p,)
        self._libc = libc
        self._pcap = pcap
        self._pin = (ctypes.c_char * len(memory)).from_buffer(memory)
        self._file = libc.fmemopen(self._pin, size, b"wb")
        if not self._file:
            raise CaptureError(f"no memory for a window of {size} octets; free some")
        self.user: Any = pcap.pcap_dump_fopen(handle, self._file)
        """What ``pcap_dispatch`` hands to ``callback``, the C function that it calls for each packet."""
        if not self.user:
            libc.fclose(self._file)
            raise CaptureError(
                f"this kind of interface has no format of captures: {text(pcap.pcap_geterr(handle))}"
            )
        self.callback: Any = ctypes.cast(pcap.pcap_dump, c_void_p)

    def tell(self) -> int:
        """Octets written since the last rewind."""
        return int(self._pcap.pcap_dump_ftell(self.user))

    def flush(self) -> None:
        """Have them all in memory."""
        self._pcap.pcap_dump_flush(self.user)

    def rewind(self) -> None:
        """Write from the start again."""
        self._libc.rewind(self._file)

    def close(self) -> None:
        """Let go of the memory."""
        self._pcap.pcap_dump_close(self.user)


class _Queue(ctypes.Structure):
    """``struct pcap_send_queue``."""

    _fields_ = (("maxlen", c_uint), ("len", c_uint), ("buffer", c_void_p))


class QueueSink:
    """Windows: ``pcap_sendqueue_queue`` into a queue that is never sent. As ``DumpSink`` otherwise."""

    def __init__(self, pcap: Any, handle: int, memory: bytearray, size: int) -> None:
        self._pin = (ctypes.c_char * len(memory)).from_buffer(memory)
        nano = pcap.pcap_get_tstamp_precision(handle) == PRECISION_NANO
        link = pcap.pcap_datalink(handle)
        link = _LINKTYPE_RAW if link == _DLT_RAW else link
        struct.pack_into("=IHHiIII", memory, 0, _MAGIC_NANO if nano else _MAGIC, 2, 4, 0, 0, 0, link)
        self._queue = _Queue(size, FILE_HEADER_LEN, ctypes.addressof(self._pin))
        self.user: Any = ctypes.addressof(self._queue)
        self.callback: Any = ctypes.cast(pcap.pcap_sendqueue_queue, c_void_p)

    def tell(self) -> int:
        """Octets written since the last rewind."""
        return int(self._queue.len)

    def flush(self) -> None:
        """Nothing is held back."""

    def rewind(self) -> None:
        """Write from the start again."""
        self._queue.len = 0

    def close(self) -> None:
        """The memory goes with the object."""


class DispatchWindow:
    """The octets ``octets[:end]`` that libpcap has written; a window for ``PcapReader``.

    It holds whole records only, and first the file header: nothing is ever left over from one filling to
    the next.
    """

    damage: Final = ""

    def __init__(
        self, pcap: Any, handle: int, name: str, snaplen: int, sink: type[DumpSink | QueueSink]
    ) -> None:
        memory = bytearray(CAPACITY + SLACK + GUARD)
        self.name = name
        self.base = 0
        self.view = memoryview(memory)
        self.octets = np.frombuffer(memory, np.uint8)
        self._sink = sink(pcap, handle, memory, CAPACITY)
        self._dispatch: Any = pcap.pcap_dispatch
        self._handle = handle
        self._longest = RECORD_HEADER_LEN + snaplen
        self._sink.flush()
        self.end = self._sink.tell()
        (link,) = struct.unpack_from("=I", memory, LINK_TYPE_OFFSET)
        self.link_type: Final[int] = link & LINK_TYPE_MASK

    def fill(self) -> int:
        """Have libpcap write what it has, until there is enough for a batch (``end`` moves).

        :returns: 0, or what ``pcap_dispatch`` failed with; there may be packets all the same.
        """
        count = 1
        while count > 0 and self.end < ENOUGH:
            room = (CAPACITY - self.end) // self._longest
            count = self._dispatch(self._handle, room, self._sink.callback, self._sink.user)
            self.end = self._sink.tell()
        self._sink.flush()
        return min(count, 0)

    def rewind(self) -> None:
        """What was read of the window is done with."""
        self._sink.rewind()
        self.base += self.end
        self.end = 0

    def slide(self, _consumed: int, /) -> bool:
        """Go on at the window's start, which was filled anew meanwhile: nothing was left over."""
        return True

    def close(self) -> None:
        """Let go of libpcap's file; the memory goes with the last batch."""
        self._sink.close()
