"""What an interface's driver does to packets before they are captured (linux/ethtool.h, SIOCETHTOOL)."""

import ctypes
import socket
import struct
from dataclasses import dataclass
from typing import Final

_SIOCETHTOOL: Final = 0x8946
_GET_TSO: Final = 0x1E
_GET_GRO: Final = 0x2B
_GET_FLAGS: Final = 0x25
_LRO: Final = 1 << 15
_RX_VLAN: Final = 1 << 8
_VALUE: Final = struct.Struct("II")
"""struct ethtool_value: command, data."""
_IFREQ: Final = struct.Struct("16sP16x")
"""struct ifreq: name, pointer to the command."""


@dataclass(frozen=True, slots=True)
class Offloads:
    """What is done by the driver or the kernel before a packet is seen."""

    gro: bool
    """Segments of a stream are joined on receipt, and can be parted again."""
    lro: bool
    """As GRO, but headers are lost: a gateway must not forward such."""
    tso: bool
    """Segments are made by the card when sent, so that captured ones are large."""
    rx_vlan: bool
    """VLAN tags are taken off and told beside the packet."""


def read_offloads(interface: str) -> Offloads:
    """What ``ethtool -k`` would show.

    :raises OSError: if there is no such interface, or its driver can't tell.
    """
    flags = _ask(interface, _GET_FLAGS)
    return Offloads(
        gro=bool(_ask(interface, _GET_GRO)),
        lro=bool(flags & _LRO),
        tso=bool(_ask(interface, _GET_TSO)),
        rx_vlan=bool(flags & _RX_VLAN),
    )


def _ask(interface: str, command: int) -> int:
    import fcntl  # noqa: PLC0415  # Windows has none

    value = ctypes.create_string_buffer(_VALUE.pack(command, 0), _VALUE.size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, _IFREQ.pack(interface.encode(), ctypes.addressof(value)))
    data: int = _VALUE.unpack(value.raw)[1]
    return data
