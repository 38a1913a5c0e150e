"""Network interfaces as the kernel has them now, and a wake-up for when that changes (rtnetlink(7)).

Interfaces go down, vanish, come back under another index and are renamed. The messages that tell of it may
be lost when many come at once, so they only say that something changed; what is so is then read anew
(netdevice(7)). On other systems than Linux there is no wake-up: ask from time to time.
"""

import errno
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

ARPHRD_VOID: Final = 0xFFFF
"""Hardware type of an interface nothing is known about: so it is on systems other than Linux."""

_RTMGRP_LINK: Final = 1
_SIOCGIFFLAGS: Final = 0x8913
_SIOCGIFHWADDR: Final = 0x8927
_IFF_UP: Final = 0x1
_IFF_RUNNING: Final = 0x40
_IFREQ: Final = struct.Struct("16sH22x")
"""struct ifreq: the name, then flags or the family of a hardware address."""
_MESSAGES_LEN: Final = 65_536


@dataclass(frozen=True, slots=True)
class Link:
    """One interface at one moment."""

    name: str
    index: int
    is_up: bool
    """Set up by the administrator (IFF_UP): packets can be captured."""
    is_running: bool
    """Has a carrier (IFF_RUNNING): packets can come."""
    hardware_type: int
    """ARPHRD_ value: 1 is Ethernet."""


def read_link(name: str) -> Link | None:
    """The interface of that name, or None where there is none."""
    try:
        index = socket.if_nametoindex(name)
        if sys.platform != "linux":
            return Link(name, index, is_up=True, is_running=True, hardware_type=ARPHRD_VOID)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as any_socket:
            flags = _ask(any_socket, _SIOCGIFFLAGS, name)
            hardware_type = _ask(any_socket, _SIOCGIFHWADDR, name)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # that tells nothing of the interface
        return None  # there is none, or it vanished meanwhile
    except ValueError:  # no interface can be called so
        return None
    return Link(name, index, bool(flags & _IFF_UP), bool(flags & _IFF_RUNNING), hardware_type)


def read_links() -> list[Link]:
    """Every interface, in the order of their indices."""
    found = (read_link(name) for _, name in sorted(socket.if_nameindex()))
    return [link for link in found if link is not None]


def link_name(index: int) -> str:
    """What the interface of that index is called now; empty where there is none."""
    try:
        return socket.if_indextoname(index)
    except (OSError, OverflowError):
        return ""


def _ask(any_socket: socket.socket, request: int, name: str) -> int:
    import fcntl  # noqa: PLC0415 - Windows has none

    answer = fcntl.ioctl(any_socket, request, _IFREQ.pack(name.encode(), 0))
    value: int = _IFREQ.unpack(answer)[1]
    return value


class LinkWatch:
    """Becomes readable whenever any interface of this network namespace changes.

    Give :meth:`fileno` to a selector, and call :meth:`drain` when it is readable.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        if sys.platform == "linux":
            watch = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            watch.setblocking(False)
            watch.bind((0, _RTMGRP_LINK))
            self._socket = watch

    def fileno(self) -> int:
        """Descriptor to wait on, -1 where this system has no such thing."""
        return self._socket.fileno() if self._socket else -1

    def drain(self) -> None:
        """Forget all that was told so far, unread."""
        if self._socket is None:
            return
        while True:
            try:
                self._socket.recv(_MESSAGES_LEN)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # messages were lost, which tells as much
                    raise

    def close(self) -> None:
        """Stop watching."""
        if self._socket:
            self._socket.close()
