"""Readers of values: what TOML gave in, what the sensor works with out. `UnusableError` says what is wrong.

Each takes the value and the folder that relative paths are relative to.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sensor import places
from sensor.configuration.model import Address
from sensor.toml import nearest, type_name

Reader = Callable[[Any, Path], Any]

MAX_INTERFACES: Final = 64
"""More than any machine that one person looks after; each is a process."""
MAX_TEXT: Final = 4096
"""Characters of a filter or a path: Linux's PATH_MAX."""
MAX_SOCKET_PATH: Final = 107
"""Octets of ``sun_path`` (unix(7)), without the NUL behind it."""
_UNITS: Final = {
    "": 1,
    "B": 1,
    # As systemd reads them, powers of 1024.
    "K": 1 << 10,
    "M": 1 << 20,
    "G": 1 << 30,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
_SIZE: Final = re.compile(r"([0-9]{1,18})\s*([A-Za-z]*)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LISTEN: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):([0-9]{1,5})")
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
"""useradd(8), and dots, which many directories have."""


class UnusableError(ValueError):
    """What is wrong with a value, to be read behind its key's name."""


def size_text(octets: int) -> str:
    """``octets`` in the largest unit that holds it in whole numbers."""
    for unit in ("GiB", "MiB", "KiB"):
        if octets and not octets % _UNITS[unit]:
            return f"{octets // _UNITS[unit]}{unit}"
    return str(octets)


def integer(least: int, most: int) -> Reader:
    """A whole number."""

    def read(value: Any, _folder: Path) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnusableError(f"must be an integer, not {type_name(value)}")
        if not least <= value <= most:
            raise UnusableError(f"must be from {least} to {most}")
        return value

    return read


def size(least: int, most: int) -> Reader:
    """Octets: an integer, or a string with a unit."""

    def read(value: Any, _folder: Path) -> int:
        octets = -1
        if isinstance(value, str):
            match = _SIZE.fullmatch(value.strip())
            if match and match[2] in _UNITS:
                octets = int(match[1]) * _UNITS[match[2]]
            elif match:
                raise UnusableError(f"has no unit {match[2][:16]!r} ({nearest(match[2], list(_UNITS)[1:])})")
        elif isinstance(value, int) and not isinstance(value, bool):
            octets = value
        else:
            raise UnusableError(f'must be a size as "64MiB", not {type_name(value)}')
        if octets < 0:
            raise UnusableError(f'must be a size as "64MiB", not {str(value)[:32]!r}')
        if not least <= octets <= most:
            raise UnusableError(f"must be from {size_text(least)} to {size_text(most)}")
        return octets

    return read


def boolean(value: Any, _folder: Path) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise UnusableError(f"must be true or false, not {type_name(value)}")
    return value


def text(value: Any, _folder: Path) -> str:
    """A line of text, perhaps empty."""
    if not isinstance(value, str):
        raise UnusableError(f"must be a string, not {type_name(value)}")
    if len(value) > MAX_TEXT:
        raise UnusableError(f"is longer than {MAX_TEXT} characters")
    if _CONTROL.search(value):
        raise UnusableError("holds a control character")
    return value


def choice(*known: str) -> Reader:
    """One of a few words."""

    def read(value: Any, folder: Path) -> str:
        if text(value, folder) not in known:
            raise UnusableError(f"can't be {value[:32]!r} ({nearest(value, known)})")
        return str(value)

    return read


def user(value: Any, folder: Path) -> str:
    """A user's name. Whether there is one is the machine's business."""
    if not _USER.fullmatch(text(value, folder)):
        raise UnusableError(f"can't be {value[:32]!r}: name a user, as in /etc/passwd")
    return str(value)


def path(value: Any, folder: Path) -> Path | None:
    """A file's path; none if it is empty."""
    written = os.fspath(value) if isinstance(value, Path) else text(value, folder)
    # normpath, not resolve: a link is to be followed when the file is opened, not now.
    return Path(os.path.normpath(folder / written)) if written else None


def subscriber(value: Any, folder: Path) -> Path | None:
    """The file of the subscriber's words: true for the one in the usual place, false for none."""
    if isinstance(value, str | Path):
        return path(value, folder)
    return places.subscriber_signatures() if boolean(value, folder) else None


def database(value: Any, folder: Path) -> Path:
    """The database's path."""
    return path(value, folder) or places.service_database()


def socket(value: Any, folder: Path) -> Path:
    """The control socket's path."""
    named = path(value, folder)
    if named and len(os.fsencode(named)) > MAX_SOCKET_PATH:
        raise UnusableError(f"is longer than the {MAX_SOCKET_PATH} octets that a Unix socket's path may have")
    return named or places.control_socket()


def entries(read_one: Reader, most: int) -> Reader:
    """An array, or a string for an array of one; each entry once."""

    def read(value: Any, folder: Path) -> tuple[Any, ...]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple):
            raise UnusableError(f"must be an array of strings, not {type_name(value)}")
        found = [read_one(entry, folder) for entry in values]
        if len(found) > most:
            raise UnusableError(f"holds more than {most} entries")
        for at, entry in enumerate(found):
            if entry is None:
                raise UnusableError("holds an empty string")
            if entry in found[:at]:
                raise UnusableError(f"holds {str(entry)[:64]!r} twice")
        return tuple(found)

    return read


def interface(value: Any, folder: Path) -> str:
    """An interface's name, as the kernel allows them (``dev_valid_name``)."""
    name = text(value, folder)
    if not name:
        raise UnusableError("holds an interface without a name")
    if sys.platform != "linux":  # Npcap's names are \Device\NPF_{…}
        return name
    if len(os.fsencode(name)) > 15:
        raise UnusableError(f"holds {name[:32]!r}, longer than the 15 octets of an interface's name")
    if name in (".", "..") or re.search(r"[/:\s]", name):
        raise UnusableError(f"holds {name!r}, which is no interface's name: no blank, '/' or ':'")
    return name


def address(value: Any, folder: Path) -> Address:
    """``HOST:PORT``, an IPv6 address in brackets."""
    match = _LISTEN.fullmatch(text(value, folder))
    if not match or int(match[3]) > 65535:
        advice = "an IPv6 address in brackets" if str(value).count(":") > 1 else "as 127.0.0.1:9477"
        raise UnusableError(f"takes HOST:PORT, {advice}, not {value[:64]!r}")
    host = match[1] or match[2]
    if not host:
        raise UnusableError("names no host; write 0.0.0.0:PORT or [::]:PORT for every address")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        # A name of digits and dots alone is an address with a mistake.
        if match[1] or not _HOST.fullmatch(host) or re.fullmatch(r"[0-9.]+", host):
            raise UnusableError(f"holds {host[:64]!r}, which is neither an IP address nor a name") from None
        return Address(host, int(match[3]))
    if bool(match[1]) != (ip.version == 6):
        raise UnusableError(f"takes an IPv6 address in brackets and no other, not {value[:64]!r}")
    return Address(host, int(match[3]))
