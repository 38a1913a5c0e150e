"""Capture filters: tcpdump's language (pcap-filter(7)), compiled by libpcap for a packet socket.

The kernel keeps VLAN tags beside the frame, where only its own extensions of BPF find them (SKF_AD_VLAN_TAG;
Documentation/networking/filter.rst). libpcap makes use of them when it compiles for an interface that it has
open, and so it is let open one for that moment.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sensor.capture.libpcap_library import ERRBUF_SIZE, NETMASK_UNKNOWN, Program, library, text
from sensor.errors import CaptureError, ConfigError

SNAPLEN: Final = 262_144
"""Octets that a packet which passes is cut to: libpcap's MAXIMUM_SNAPLEN, more than IP packets have."""
MAX_EXPRESSION: Final = 4_096
"""Octets. libpcap takes half a second for as much, and over ten minutes for fifteen times that."""
MAX_INSTRUCTIONS: Final = 4_096
"""The kernel's BPF_MAXINSNS. libpcap would run a longer filter itself, on packets already counted."""

_LINKTYPE_RAW: Final = 101
_DLT_RAW: Final = 12
"""What libpcap calls LINKTYPE_RAW on Linux. The other link types of packet sockets have one number."""
_INSTRUCTION_LEN: Final = 8
"""struct bpf_insn of libpcap is the kernel's struct sock_filter: code, two jumps, operand."""
_OPTIMIZE: Final = 1
_LOOPBACK: Final = b"lo"


def compile_filter(expression: str, interface: str, link_type: int) -> bytes:
    """The program that lets through what ``expression`` describes.

    Without the right to capture the expression is checked all the same; stripped VLAN tags stay unseen then.

    :param interface: where it will be used; may be missing, or down.
    :param link_type: what packets begin with there (``RingGeometry.link_type``).
    :returns: struct sock_filter[], for ``af_packet.set_filter``.
    :raises ConfigError: if libpcap is missing, or refuses the expression: then in its words.
    """
    try:
        pcap = library()
    except CaptureError as error:
        raise ConfigError(f"capture filters take libpcap to compile: {error}") from None
    dlt = _DLT_RAW if link_type == _LINKTYPE_RAW else link_type
    with _handle(pcap, interface.encode(), dlt) as handle, compiled(pcap, handle, expression) as program:
        return ctypes.string_at(program.bf_insns, program.bf_len * _INSTRUCTION_LEN)


@contextmanager
def compiled(pcap: Any, handle: int, expression: str) -> Iterator[Program]:
    """The program for what libpcap has open as ``handle``; gone afterwards.

    :raises ConfigError: if libpcap refuses the expression, in its words, or if the kernel would.
    """
    octets = expression.encode()
    if len(octets) > MAX_EXPRESSION:
        raise ConfigError(
            f"a capture filter may have {MAX_EXPRESSION} octets, not {len(octets)}: name networks, not hosts"
        )
    if b"\0" in octets:
        raise ConfigError("a capture filter holds a NUL character")
    program = Program()
    if pcap.pcap_compile(handle, ctypes.byref(program), octets, _OPTIMIZE, NETMASK_UNKNOWN):
        raise ConfigError(f"capture filter {expression!r}: {text(pcap.pcap_geterr(handle))}")
    try:
        if program.bf_len > MAX_INSTRUCTIONS:
            raise ConfigError(
                f"capture filter {expression!r} takes {program.bf_len} instructions, and the kernel no more "
                f"than {MAX_INSTRUCTIONS}: make it shorter"
            )
        yield program
    finally:
        pcap.pcap_freecode(ctypes.byref(program))


@contextmanager
def _handle(pcap: Any, interface: bytes, dlt: int) -> Iterator[int]:
    """A ``pcap_t`` of that link type: an open interface's where there is one, else that of none."""
    handle = None
    for name in (interface, _LOOPBACK):  # any interface of that link type will do
        handle = handle or _open_live(pcap, name, dlt)
    handle = handle or pcap.pcap_open_dead(dlt, SNAPLEN)
    if not handle:
        raise ConfigError(f"libpcap compiles no capture filter for {interface.decode()}")
    try:
        yield handle
    finally:
        pcap.pcap_close(handle)


def _open_live(pcap: Any, name: bytes, dlt: int) -> int | None:
    handle: int | None = pcap.pcap_create(name, ctypes.create_string_buffer(ERRBUF_SIZE))
    if not handle:
        return None
    pcap.pcap_set_snaplen(handle, SNAPLEN)
    # Below 0 are errors: no right, no such interface, down.
    if pcap.pcap_activate(handle) >= 0 and pcap.pcap_datalink(handle) == dlt:
        return handle
    pcap.pcap_close(handle)
    return None
