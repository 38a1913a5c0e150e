"""Times and durations as people read them."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

_NS: Final = 1_000_000_000
_UNITS: Final = (86_400, 3_600, 60, 1)
_NAMES: Final = MappingProxyType({"en": (" d", " h", " min", " s"), "ja": (" 日", " 時間", " 分", " 秒")})


def duration(ns: int, language: str = "en") -> str:
    """``ns`` in its two largest units: ``2 h 20 min``, ``12 s``; under a second in tenths."""
    names = _NAMES[language]
    if ns < _NS:
        return f"{ns / _NS:.1f}{names[-1]}"
    rest, parts = ns // _NS, []
    for seconds, name in zip(_UNITS, names, strict=True):
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count:,}{name}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts)


def local_span(started_ns: int, ended_ns: int) -> str:
    """Start and end in local time, without what both share or need not say."""
    start, end = (datetime.fromtimestamp(ns // _NS, UTC).astimezone() for ns in (started_ns, ended_ns))
    clock = "%H:%M" if start.second == end.second == 0 else "%H:%M:%S"
    date = "" if start.date() == end.date() else "%m-%d " if start.year == end.year else "%Y-%m-%d "
    separator = " - " if date else "-"
    return f"{start:%Y-%m-%d} {start:{clock}}{separator}{end:{date}{clock}}"
