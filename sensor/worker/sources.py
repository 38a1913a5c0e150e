"""Where a worker's batches come from: the ring of an inherited packet socket, or libpcap."""

import socket
from dataclasses import dataclass

from sensor.capture.af_packet import RingGeometry, take_error
from sensor.capture.batch import Batch
from sensor.capture.libpcap import open_live
from sensor.capture.packet_ring import BATCH_OCTETS, PacketRing
from sensor.decode.stack import LINK_TYPES
from sensor.errors import CaptureError
from sensor.worker.messages import LivePlace, RingPlace


@dataclass(frozen=True, slots=True)
class RingTaken:
    """Blocks of the ring, as one batch."""

    batch: Batch
    packets: int
    """By the blocks' own headers."""
    last_block: int


class RingSource:
    """The ring of a packet socket. What is taken lies in it until it is given back."""

    def __init__(self, place: RingPlace, batch_octets: int) -> None:
        """:param batch_octets: what the pipeline takes at once."""
        geometry = RingGeometry(place.block_size, place.block_count, place.link_type)
        self._ring = PacketRing(place.descriptor, geometry)
        self._socket = socket.socket(fileno=place.descriptor)
        self._limit = min(BATCH_OCTETS, batch_octets)

    def fileno(self) -> int:
        """Readable while blocks wait."""
        return self._socket.fileno()

    def take(self, first_number: int) -> RingTaken | None:
        """The oldest blocks that wait."""
        ready = self._ring.ready(first_number, self._limit)
        if ready is None:
            return None
        return RingTaken(ready.batch, ready.packets, ready.last_sequence)

    def give_back(self, taken: RingTaken) -> None:
        """Let the kernel fill them again."""
        self._ring.release(taken.last_block)

    def left_behind(self, finished: int, started: int) -> tuple[int, int]:
        """Packets of blocks that a predecessor had taken and did not finish, and the last block of its."""
        lost, last = 0, finished
        for sequence, packets in self._ring.peek():
            if sequence <= started:
                last = sequence
                if sequence > finished:
                    lost += packets
        return lost, last

    def skip(self, last: int) -> None:
        """Let the kernel fill all blocks up to ``last`` again."""
        self._ring.release(last)

    @property
    def fill(self) -> float:
        """Share of the ring that waits."""
        return self._ring.fill

    def take_error(self) -> None:
        """Let polls wait again after the interface went down."""
        take_error(self._socket)

    def stop(self) -> None:
        """Nothing to do: the parent stops the kernel."""

    def statistics(self) -> tuple[int, int]:
        """The parent asks the kernel itself."""
        return 0, 0


@dataclass(frozen=True, slots=True)
class LiveTaken:
    """What libpcap had."""

    batch: Batch
    packets: int
    last_block: int = 0
    """libpcap has no blocks that a successor could find: what it held is gone with its worker."""


class LibpcapSource:
    """An interface that this process opened through libpcap."""

    def __init__(self, place: LivePlace) -> None:
        """Open it.

        :raises CaptureError: as `open_live`.
        """
        self._capture = open_live(
            place.interface,
            bpf=place.bpf,
            promiscuous=place.promiscuous,
            buffer_octets=place.buffer_octets,
            link_types=LINK_TYPES,
        )
        self._stopping = False
        self._dropped = 0
        self.fill = 0.0
        """libpcap does not tell how full its buffer is: 1 where it dropped packets since the last batch."""

    def fileno(self) -> int:
        """Readable while packets wait."""
        return self._capture.fileno()

    def take(self, first_number: int) -> LiveTaken | None:
        """What there is.

        :raises CaptureError: if the capture has ended by itself.
        """
        batch = self._capture.read_ready()
        dropped = self._capture.statistics().dropped
        self.fill, self._dropped = float(dropped > self._dropped), dropped
        if batch is None:
            if self._capture.ended and not self._stopping:
                raise CaptureError(self._capture.ended)
            return None
        batch.first_number = first_number
        return LiveTaken(batch, len(batch))

    def give_back(self, taken: LiveTaken) -> None:
        """Nothing to do: the next `take` does it."""

    def left_behind(self, finished: int, started: int) -> tuple[int, int]:
        """Nothing of a predecessor's is left."""
        del finished, started
        return 0, 0

    def skip(self, last: int) -> None:
        """Nothing to give back."""

    def take_error(self) -> None:
        """`take` finds it."""

    def stop(self) -> None:
        """Let nothing more in."""
        self._stopping = True
        self._capture.stop()

    def statistics(self) -> tuple[int, int]:
        """Packets received and dropped."""
        received, dropped, _ = self._capture.statistics()
        return received, dropped
