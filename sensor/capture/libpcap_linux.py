"""What libpcap leaves to be set on its Linux socket, so that packets can be counted exactly (packet(7)).

The kernel counts every packet that passes the socket's filter; libpcap then takes some of them away itself,
unheard: those that came before a filter was set, and those of the loopback that are seen a second time.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sensor.capture.af_packet import stop_intake

_SOL_PACKET: Final = 263
_PACKET_IGNORE_OUTGOING: Final = 23


def silence(descriptor: int) -> None:
    """Let nothing more into the ring: what is there stays, and what comes is not counted."""
    with _borrowed(descriptor) as its:
        stop_intake(its)


def ignore_outgoing(descriptor: int) -> None:
    """Let packets come in only, which on the loopback is each packet once (Linux 4.20)."""
    with _borrowed(descriptor) as its:
        its.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The socket as Python's, which does not close it."""
    if sys.platform != "linux":
        raise NotImplementedError
    its = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, fileno=descriptor)
    try:
        yield its
    finally:
        its.detach()
