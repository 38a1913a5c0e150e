"""Live capture through libpcap: macOS and, by Npcap, Windows; Linux too, where its tests run.

The system's library is called by ctypes. Of what PyPI has, ``libpcap`` (BSD) is a beta of declarations that
brings a library of its own, and ``pcap-ct`` (BSD, beta) stands on it; ``cypcap`` (BSD, beta) has no wheels
for Linux on aarch64, ``pcapy-ng`` (Apache-2.0) none for Windows; scapy's declarations are under the GPL. All
of them make a Python object of every packet. Here no Python runs for a packet: ``pcap_dispatch`` is given C
functions of libpcap's own, which write records in the pcap format into memory (see libpcap_window.py), and
the reader of capture files turns those into batches.

Nanoseconds a packet of 60 / 1,514 octets (CPython 3.11, x86-64), libpcap's own 46 / 320 to read it from a
file included: this way 97 / 520; ``pcap_dump`` into a pipe 220 / 1,600, of two threads; a ctypes callback
that copies 1,000 / 1,660; ``pcap_next_ex`` and a copy 1,300 / 2,000. The walk that makes a batch of the
records takes 100 more. And there is no need of a thread or a pipe: reading is a call that never blocks.

Opening takes rights, reading does not: open, then give the rights up (libpcap_capture.py says what reading
takes). macOS and Windows have been type-checked only; what is theirs is every ``sys.platform`` in the files
libpcap*.py, and ``QueueSink``.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Container
from typing import Any, Final

from sensor.capture.libpcap_capture import LibpcapCapture
from sensor.capture.libpcap_devices import find_interface, list_interfaces
from sensor.capture.libpcap_library import (
    ERRBUF_SIZE,
    ERROR_IFACE_NOT_UP,
    ERROR_NO_SUCH_DEVICE,
    ERROR_PERM_DENIED,
    ERROR_PROMISC_PERM_DENIED,
    PRECISION_NANO,
    library,
    text,
)
from sensor.capture.libpcap_window import DispatchWindow, DumpSink, QueueSink
from sensor.errors import CaptureError

MAX_SNAPLEN: Final = 262_144
"""Octets. libpcap's MAXIMUM_SNAPLEN: whole packets, those too that offloads have put together."""
DEFAULT_BUFFER: Final = 32 << 20
"""Octets: a quarter of a second of a full gigabit line."""


def open_live(
    interface: str,
    *,
    bpf: str = "",
    promiscuous: bool = True,
    buffer_octets: int = DEFAULT_BUFFER,
    snaplen: int = MAX_SNAPLEN,
    timeout_ms: int = 50,
    immediate: bool = False,
    link_types: Container[int] | None = None,
) -> LibpcapCapture:
    """Start capturing.

    :param interface: a name, or part of a description (:func:`find_interface`).
    :param bpf: a filter in pcap-filter(7)'s language; empty for every packet.
    :param buffer_octets: of the kernel.
    :param snaplen: octets kept of each packet.
    :param timeout_ms: how long the kernel may keep packets to hand over many at once; 1 or more.
    :param immediate: hand each packet over as it comes, at a price.
    :param link_types: those that can be decoded (LINKTYPE_ values); None for any.
    :raises CaptureError: if libpcap or the right to capture is missing; if there is no such interface, or its
        packets can't be decoded.
    :raises ConfigError: if the filter is none.
    """
    pcap = library()
    device = find_interface(interface, list_interfaces())
    if sys.platform == "linux" and device == "any":
        raise CaptureError("any would show packets of the loopback twice; name each interface instead")
    complaint = ctypes.create_string_buffer(ERRBUF_SIZE)
    handle = pcap.pcap_create(device.encode(), complaint)
    if not handle:
        raise CaptureError(f"{device} cannot be opened: {text(complaint.value)}")
    with contextlib.ExitStack() as undo:
        undo.callback(pcap.pcap_close, handle)
        pcap.pcap_set_snaplen(handle, snaplen)
        pcap.pcap_set_promisc(handle, int(promiscuous))
        pcap.pcap_set_timeout(handle, timeout_ms)
        pcap.pcap_set_immediate_mode(handle, int(immediate))
        pcap.pcap_set_buffer_size(handle, buffer_octets)
        pcap.pcap_set_tstamp_precision(handle, PRECISION_NANO)  # or it stays at microseconds
        status = pcap.pcap_activate(handle)
        if status < 0:  # above 0 are warnings: of no promiscuous mode, for one
            raise CaptureError(_why_not(pcap, handle, device, status))
        if pcap.pcap_setnonblock(handle, 1, complaint):
            raise CaptureError(f"{device} cannot be read without waiting: {text(complaint.value)}")
        window = DispatchWindow(
            pcap, handle, device, snaplen, QueueSink if sys.platform == "win32" else DumpSink
        )
        undo.callback(window.close)
        if link_types is not None and window.link_type not in link_types:
            kind = text(pcap.pcap_datalink_val_to_name(pcap.pcap_datalink(handle))) or str(window.link_type)
            raise CaptureError(f"{device} carries {kind}, which cannot be decoded; choose another interface")
        capture = LibpcapCapture(pcap, handle, window, bpf, timeout_ms / 1000)
        undo.pop_all()
    return capture


def _why_not(pcap: Any, handle: int, device: str, status: int) -> str:
    """One line for a capture that can't be activated."""
    if status in {ERROR_PERM_DENIED, ERROR_PROMISC_PERM_DENIED}:
        return f"{device}: no right to capture; {_remedy()}"
    if status == ERROR_NO_SUCH_DEVICE:
        return f"there is no interface {device} any more; connect it again"
    if status == ERROR_IFACE_NOT_UP:
        return f"{device} is down; bring it up"
    reason = text(pcap.pcap_geterr(handle)) or text(pcap.pcap_statustostr(status))
    return f"{device} cannot be opened: {reason}"


def _remedy() -> str:
    """How to get the right to capture."""
    if sys.platform == "win32":
        return "run as administrator, or install Npcap without restricting it to administrators"
    if sys.platform == "darwin":
        return "run with sudo, or install ChmodBPF (it comes with Wireshark) for access to /dev/bpf*"
    python = os.path.realpath(sys.executable)
    return f"run as root, or give it to this Python: sudo setcap cap_net_raw,cap_net_admin=ep {python}"
