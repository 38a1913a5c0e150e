"""The system's libpcap, by ctypes: finding it, its prototypes and structures, its errors in one line.

https://www.tcpdump.org/manpages/pcap.3pcap.html. Only what libpcap 1.8 and later has everywhere is declared
here (Npcap carries 1.10, macOS its own of 1.10, Debian 12 has 1.10.3).

On Windows wpcap.dll lies in a folder of Npcap's own, and stands there with the Packet.dll that it needs.
"""

import ctypes
import os
import sys
from ctypes import POINTER, c_char_p, c_int, c_uint, c_void_p
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sensor.errors import CaptureError

ERRBUF_SIZE: Final = 256
"""PCAP_ERRBUF_SIZE."""
NETMASK_UNKNOWN: Final = 0xFFFFFFFF

ERROR_NO_SUCH_DEVICE: Final = -5
ERROR_PERM_DENIED: Final = -8
ERROR_IFACE_NOT_UP: Final = -9
ERROR_PROMISC_PERM_DENIED: Final = -11

PRECISION_NANO: Final = 1
"""PCAP_TSTAMP_PRECISION_NANO."""
CHAR_ENC_UTF_8: Final = 1


class Program(ctypes.Structure):
    """``struct bpf_program``: a compiled filter."""

    _fields_ = (("bf_len", c_uint), ("bf_insns", c_void_p))


class Statistics(ctypes.Structure):
    """``struct pcap_stat``; Npcap's has more behind, hence the room."""

    _fields_ = (
        ("received", c_uint),
        ("dropped", c_uint),
        ("interface_dropped", c_uint),
        ("more", c_uint * 5),
    )


class Address(ctypes.Structure):
    """``struct pcap_addr``, a list."""


Address._fields_ = (  # it names itself, and so can't be declared in one go
    ("next", POINTER(Address)),
    ("addr", c_void_p),
    ("netmask", c_void_p),
    ("broadaddr", c_void_p),
    ("dstaddr", c_void_p),
)


class Device(ctypes.Structure):
    """``struct pcap_if``, a list."""


Device._fields_ = (  # likewise
    ("next", POINTER(Device)),
    ("name", c_char_p),
    ("description", c_char_p),
    ("addresses", POINTER(Address)),
    ("flags", c_uint),
)

_PROTOTYPES: Final = MappingProxyType(
    {
        "pcap_create": (c_void_p, c_char_p, c_char_p),
        "pcap_set_snaplen": (c_int, c_void_p, c_int),
        "pcap_set_promisc": (c_int, c_void_p, c_int),
        "pcap_set_timeout": (c_int, c_void_p, c_int),
        "pcap_set_immediate_mode": (c_int, c_void_p, c_int),
        "pcap_set_buffer_size": (c_int, c_void_p, c_int),
        "pcap_set_tstamp_precision": (c_int, c_void_p, c_int),
        "pcap_get_tstamp_precision": (c_int, c_void_p),
        "pcap_activate": (c_int, c_void_p),
        "pcap_setnonblock": (c_int, c_void_p, c_int, c_char_p),
        "pcap_compile": (c_int, c_void_p, POINTER(Program), c_char_p, c_int, c_uint),
        "pcap_setfilter": (c_int, c_void_p, POINTER(Program)),
        "pcap_freecode": (None, POINTER(Program)),
        "pcap_open_dead": (c_void_p, c_int, c_int),
        "pcap_datalink": (c_int, c_void_p),
        "pcap_datalink_val_to_name": (c_char_p, c_int),
        "pcap_dispatch": (c_int, c_void_p, c_int, c_void_p, c_void_p),
        "pcap_stats": (c_int, c_void_p, POINTER(Statistics)),
        "pcap_geterr": (c_char_p, c_void_p),
        "pcap_statustostr": (c_char_p, c_int),
        "pcap_close": (None, c_void_p),
        "pcap_findalldevs": (c_int, POINTER(POINTER(Device)), c_char_p),
        "pcap_freealldevs": (None, POINTER(Device)),
    }
)
_POSIX_PROTOTYPES: Final = MappingProxyType(
    {
        "pcap_get_selectable_fd": (c_int, c_void_p),
        "pcap_dump_fopen": (c_void_p, c_void_p, c_void_p),
        "pcap_dump_ftell": (ctypes.c_long, c_void_p),
        "pcap_dump_flush": (c_int, c_void_p),
        "pcap_dump_close": (None, c_void_p),
    }
)
_WINDOWS_PROTOTYPES: Final = MappingProxyType({"pcap_getevent": (c_void_p, c_void_p)})


def text(octets: bytes | None) -> str:
    """A string of libpcap's, whatever its encoding."""
    return (octets or b"").decode("utf-8", "replace")


@cache
def library() -> Any:
    """The library, loaded once, with its prototypes set.

    :raises CaptureError: if it is not installed.
    """
    pcap = _load()
    own = _WINDOWS_PROTOTYPES if sys.platform == "win32" else _POSIX_PROTOTYPES
    for name, (result, *arguments) in (_PROTOTYPES | own).items():
        function = getattr(pcap, name)
        function.restype = result
        function.argtypes = arguments
    if hasattr(pcap, "pcap_init"):  # 1.10: strings in UTF-8, which on Windows they else are not
        pcap.pcap_init(c_uint(CHAR_ENC_UTF_8), ctypes.create_string_buffer(ERRBUF_SIZE))
    return pcap


def _load() -> ctypes.CDLL:
    names, remedy = _places()
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise CaptureError(f"libpcap is not installed; {remedy}")


def _places() -> tuple[tuple[str, ...], str]:
    """Where the library may be, and where to get it from."""
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return (str(system / "Npcap" / "wpcap.dll"),), "install Npcap from https://npcap.com"
    if sys.platform == "darwin":
        return ("/usr/lib/libpcap.A.dylib",), "it is a part of macOS: this one is damaged"
    return (
        ("libpcap.so.1", "libpcap.so.0.8"),  # upstream's name and Debian's
        "install it: apt install libpcap0.8, dnf install libpcap, or apk add libpcap",
    )
