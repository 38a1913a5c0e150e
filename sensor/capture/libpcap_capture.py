"""A capture that libpcap has opened: batches of its packets, and an exact count of them.

libpcap's handle is never waited on: its descriptor is (or, on Windows, its event), so that a worker may wait
for other things too, and for :meth:`LibpcapCapture.stop` no system call must be interrupted.

What the methods ask of the kernel, for those who confine the process that reads: on Linux ``poll`` and
``pselect6``, ``getsockopt``, and once a capture is stopped ``setsockopt`` and ``getsockname``. ``pcap_stats``
also opens a file below /sys/class/net; refused, it does without, so seccomp must refuse and not kill.
"""

import ctypes
import select
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from sensor.capture import libpcap_linux
from sensor.capture.batch import Batch
from sensor.capture.bpf import compiled
from sensor.capture.libpcap_library import Statistics, text
from sensor.capture.libpcap_window import DispatchWindow
from sensor.capture.pcap import PcapReader
from sensor.errors import CaptureError

_COUNTER_SPAN: Final = 1 << 32
"""libpcap's counters are unsigned ints: at 300,000 packets a second they start again every four hours."""
_SETTLE: Final = 4
"""Time-outs to wait, when opening, for what had come before. The kernel hands it over after one."""
_PATIENCE: Final = 20
"""Time-outs to wait, when stopped, for the rest: as many more as a busy machine may need."""


class CaptureStatistics(NamedTuple):
    """Packets since the capture was opened."""

    received: int
    """By the kernel for this capture, those included that it dropped. Only Linux counts behind the filter;
    elsewhere it is what was delivered or dropped."""
    dropped: int
    """By the kernel, because the buffer was full."""
    interface_dropped: int
    """By the interface or its driver, as far as the system knows; not part of ``received``."""


class LibpcapCapture:
    """Packets of one interface as they come.

    One thread reads; :meth:`stop` may be called from any. A worker polls :meth:`fileno`, or calls
    :meth:`wait`, and then :meth:`read_ready`, at least every ``timeout_ms``, until :attr:`finished`.
    Iterating does just that.

    received = dropped + delivered + what waits in the kernel's buffer; on Linux nothing waits any more when
    the capture is finished.
    """

    def __init__(self, pcap: Any, handle: int, window: DispatchWindow, bpf: str, patience: float) -> None:
        self._pcap = pcap
        self._handle: int | None = handle
        self._window: Final = window
        self._batches = iter(PcapReader(window, []))
        self.name: Final = window.name
        self.link_type: Final = window.link_type
        """LINKTYPE_ value of every packet."""
        self.delivered = 0
        """Packets handed over in batches."""
        self.ended = ""
        """Why the capture ended by itself, one line; empty while it goes on and after :meth:`stop`."""
        self.finished = False
        """Nothing more will come."""
        self._patience: Final = patience
        self._stop = threading.Event()
        self._give_up_at: float | None = None
        self._received = 0
        self._dropped = 0
        self._interface_dropped = 0
        """As libpcap has them, but without an end."""
        self._baseline = CaptureStatistics(0, 0, 0)
        with compiled(pcap, handle, bpf) as program:
            if sys.platform == "linux":
                self._start_at_nothing()
            if pcap.pcap_setfilter(handle, ctypes.byref(program)):
                raise CaptureError(f"{self.name}: the filter cannot be set: {text(pcap.pcap_geterr(handle))}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Batch]:
        while not self.finished:
            self.wait(self._patience)
            batch = self.read_ready()
            if batch is not None:
                yield batch

    def fileno(self) -> int:
        """A descriptor that becomes readable with packets; Windows has none.

        :raises ValueError: if the capture is closed.
        """
        if self._handle is None:
            raise ValueError(f"the capture of {self.name} is closed")
        return int(self._pcap.pcap_get_selectable_fd(self._handle))

    def wait(self, seconds: float) -> None:
        """Return when there are packets, or after so long."""
        if sys.platform == "win32":
            event = ctypes.c_void_p(self._pcap.pcap_getevent(self._handle))
            ctypes.windll.kernel32.WaitForSingleObject(event, ctypes.c_ulong(int(seconds * 1000)))
        else:
            select.select([self], [], [], seconds)

    def read_ready(self) -> Batch | None:
        """The packets that are there, up to some 4 MiB of them; None where there are none. Never blocks.

        The batch is valid until the next call.
        """
        if self.finished:
            return None
        if self._stop.is_set() and self._give_up_at is None:
            self._begin_end()
        if self.delivered:
            self._window.rewind()
        before = self._window.end
        if self._window.fill() < 0 and not self._stop.is_set():
            self.ended = f"{self.name}: {text(self._pcap.pcap_geterr(self._handle))}"
            self._stop.set()
        batch = None
        if self._window.end > before:
            batch = next(self._batches)
            self.delivered += len(batch)
        self.finished = self._is_over(empty=batch is None)
        return batch

    def statistics(self) -> CaptureStatistics:
        """What the kernel counted since the capture was opened; up to 2**32 packets between two calls."""
        raw = Statistics()
        if not self.finished and not self._pcap.pcap_stats(self._handle, ctypes.byref(raw)):
            self._received += (raw.received - self._received) % _COUNTER_SPAN
            self._dropped += (raw.dropped - self._dropped) % _COUNTER_SPAN
            if raw.interface_dropped < _COUNTER_SPAN // 2:  # else below 0: its file could not be opened
                self._interface_dropped = raw.interface_dropped
        dropped = self._dropped - self._baseline.dropped
        received = self._received - self._baseline.received
        if sys.platform != "linux":
            received = self.delivered + dropped
        return CaptureStatistics(received, dropped, self._interface_dropped)

    def stop(self) -> None:
        """Let nothing more in; what the kernel holds is still to be read, until :attr:`finished`."""
        self._stop.set()

    def close(self) -> None:
        """Give the interface back; a batch at hand stays valid."""
        self.finished = True
        handle, self._handle = self._handle, None
        if handle is not None:
            self._window.close()
            self._pcap.pcap_close(handle)

    def _start_at_nothing(self) -> None:
        """Throw away what came before there was a filter, and count from there (Linux)."""
        socket = self.fileno()
        libpcap_linux.silence(socket)
        if self.name == "lo":
            libpcap_linux.ignore_outgoing(socket)
        discard = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: None)
        give_up_at = time.monotonic() + _SETTLE * self._patience
        seen = 0
        while True:
            counted = self.statistics()
            # Fewer may be seen than were counted: before there was a ring, packets came that nobody gets.
            if seen >= counted.received - counted.dropped or time.monotonic() > give_up_at:
                break
            self.wait(self._patience)
            seen += max(0, self._pcap.pcap_dispatch(self._handle, -1, discard, None))
        self._baseline = counted

    def _begin_end(self) -> None:
        self._give_up_at = time.monotonic() + _PATIENCE * self._patience
        if sys.platform == "linux":
            libpcap_linux.silence(self.fileno())

    def _is_over(self, *, empty: bool) -> bool:
        """Whether nothing will come any more; ``empty``: nothing came now."""
        if self._give_up_at is None:
            return False
        late = time.monotonic() > self._give_up_at
        if sys.platform == "linux":
            received, dropped, _ = self.statistics()
            return received == dropped + self.delivered or (empty and late)
        return late  # packets still come in there, and their buffer is emptied many times by then
