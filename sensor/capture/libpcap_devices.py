r"""The interfaces that libpcap can capture on, and which one a person means.

https://www.tcpdump.org/manpages/pcap_findalldevs.3pcap.html. On Windows a device is called
``\Device\NPF_{GUID}``, which nobody types: there the adapter's description and the connection's name (that
of the network settings: "Ethernet", 「イーサネット」) do as well, in part too.
"""

import ctypes
import ipaddress
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sensor.capture.libpcap_library import ERRBUF_SIZE, Device, library, text
from sensor.errors import CaptureError

_LOOPBACK: Final = 1
_UP: Final = 2
_RUNNING: Final = 4

_IPV4_OFFSET: Final = 4
_IPV6_OFFSET: Final = 8
"""Where a sockaddr has its address, on every platform alike."""

_CONNECTIONS: Final = r"SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}"
"""Where Windows's registry has the connections; the GUID is that of the class of network devices."""


@dataclass(frozen=True, slots=True)
class CaptureDevice:
    """One interface."""

    name: str
    """As :func:`sensor.capture.libpcap.open_live` takes it."""
    description: str
    """For people; empty where the system has none."""
    is_loopback: bool
    is_up: bool
    is_running: bool
    addresses: tuple[str, ...]
    """IPv4 and IPv6, as text."""


def list_interfaces() -> list[CaptureDevice]:
    """Every interface, in libpcap's order (those that are up and running first).

    :raises CaptureError: if libpcap is missing or the system lists none.
    """
    pcap = library()
    complaint = ctypes.create_string_buffer(ERRBUF_SIZE)
    first = ctypes.POINTER(Device)()
    if pcap.pcap_findalldevs(ctypes.byref(first), complaint):
        raise CaptureError(f"the interfaces cannot be listed ({text(complaint.value)}); run as root")
    try:
        return [_device(each) for each in _chain(first)]
    finally:
        pcap.pcap_freealldevs(first)


def find_interface(wanted: str, devices: list[CaptureDevice]) -> str:
    """Name of the interface that ``wanted`` means: a name, or a part of one description.

    :raises CaptureError: if it means none, or several.
    """
    if any(each.name == wanted for each in devices):
        return wanted
    meant = [each for each in devices if wanted and wanted.casefold() in each.description.casefold()]
    if len(meant) == 1:
        return meant[0].name
    some = meant or devices
    named = ", ".join(f"{each.name} ({each.description})" if each.description else each.name for each in some)
    if meant:
        raise CaptureError(f"{wanted} may be any of these interfaces, name one: {named}")
    raise CaptureError(f"there is no interface {wanted}; name one of: {named}")


def _device(device: Any) -> CaptureDevice:
    name = text(device.name)
    return CaptureDevice(
        name=name,
        description=" - ".join(filter(None, (_connection_name(name), text(device.description)))),
        is_loopback=bool(device.flags & _LOOPBACK),
        is_up=bool(device.flags & _UP),
        is_running=bool(device.flags & _RUNNING),
        addresses=tuple(filter(None, (_address(each.addr) for each in _chain(device.addresses)))),
    )


def _chain(link: Any) -> Iterator[Any]:
    """The members of one of libpcap's lists."""
    while link:
        yield link.contents
        link = link.contents.next


def _address(sockaddr: int | None) -> str:
    """An internet address as text; empty for what is none (link layer)."""
    if not sockaddr:
        return ""
    start = ctypes.string_at(sockaddr, 2)
    # The BSDs, and macOS with them, have put the length of the address before its family.
    family = start[1] if sys.platform == "darwin" else int.from_bytes(start, sys.byteorder)
    if family == socket.AF_INET:
        return str(ipaddress.IPv4Address(ctypes.string_at(sockaddr + _IPV4_OFFSET, 4)))
    if family == socket.AF_INET6:
        return str(ipaddress.IPv6Address(ctypes.string_at(sockaddr + _IPV6_OFFSET, 16)))
    return ""


def _connection_name(name: str) -> str:
    """On Windows the connection's name in the network settings, by the GUID in the device's; else empty."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  # only there

        guid = name.rpartition("NPF_")[2]
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_CONNECTIONS}\{guid}\Connection") as key:
                return str(winreg.QueryValueEx(key, "Name")[0])
        except OSError:  # a device without a connection: the loopback
            return ""
    return ""
