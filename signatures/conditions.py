"""Conditions of a signature: what holds beside its clauses, when, and how often it may be told.

Thresholds and suppressions mean what Suricata's do
(https://docs.suricata.io/en/latest/configuration/global-thresholds.html).
"""

import re
from enum import StrEnum
from typing import Final

from signatures.endpoints import read_networks
from signatures.limits import MAX_COUNT, MAX_FLAG, MAX_FLAGS, MAX_HOURS, MAX_SECONDS, MAX_SUPPRESSIONS
from signatures.model import Schedule, Suppression, Threshold, ThresholdKind, Track
from signatures.values import Fields

SCHEDULE_KEYS: Final = ("weekdays", "hours", "utc_offset")
THRESHOLD_KEYS: Final = ("type", "track", "count", "seconds")
SUPPRESS_KEYS: Final = ("track", "networks")
_HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_OFFSET: Final = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")
_FLAG: Final = re.compile(rf"[A-Za-z0-9_.-]{{1,{MAX_FLAG}}}")
_MIDNIGHT: Final = 24 * 60


class Weekday(StrEnum):
    """Days as a schedule names them, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Protocol(StrEnum):
    """What a signature may be limited to."""

    TCP = "tcp"
    UDP = "udp"


_WEEKDAYS: Final = tuple(Weekday)


def read_protocols(fields: Fields) -> tuple[str, ...]:
    """``protocols``."""
    if fields.value("protocols") == []:
        fields.wrong("protocols", "protocols is empty; leave it out for any protocol")
    return tuple(protocol.value for protocol in fields.choices("protocols", Protocol))


def read_schedule(outer: Fields) -> Schedule | None:
    """``schedule``."""
    fields = outer.table("schedule")
    if fields is None:
        return None
    fields.only(SCHEDULE_KEYS)
    if "weekdays" not in fields and "hours" not in fields:
        fields.wrong("", "schedule has neither weekdays nor hours: leave it out for always")
    for key in ("weekdays", "hours"):
        if fields.value(key) == []:
            fields.wrong(key, f"{key} is empty, and so is the schedule: leave {key} out for all of them")
    weekdays = sorted(_WEEKDAYS.index(day) for day in fields.choices("weekdays", Weekday))
    hours = [_hours(fields, text) for text in fields.texts("hours", MAX_HOURS)]
    known = tuple(span for span in hours if span is not None)
    return Schedule(tuple(weekdays), known, _utc_offset(fields))


def _hours(fields: Fields, text: str) -> tuple[int, int] | None:
    match = _HOURS.fullmatch(text)
    if match is None:
        fields.wrong("hours", f'hours are written as "22:00-05:00", not {text[:64]!r}')
        return None
    first = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else _MIDNIGHT
    if first == end or (first, end) == (0, _MIDNIGHT):
        fields.wrong("hours", f"{text} is the whole day: leave hours out")
        return None
    return first, end


def _utc_offset(fields: Fields) -> int:
    text = fields.value("utc_offset")
    default = Schedule().utc_offset
    if text is None:
        return default
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    minutes = int(match[2]) * 60 + int(match[3]) if match else _MIDNIGHT
    if match is None or minutes > 14 * 60:
        fields.wrong("utc_offset", 'utc_offset is written as "+09:00", and at most 14 hours')
        return default
    return -minutes if match[1] == "-" else minutes


def read_threshold(outer: Fields) -> Threshold | None:
    """``threshold``."""
    fields = outer.table("threshold")
    if fields is None:
        return None
    fields.only(THRESHOLD_KEYS)
    fields.need(THRESHOLD_KEYS)
    return Threshold(
        fields.choice("type", ThresholdKind, ThresholdKind.LIMIT),
        fields.choice("track", Track, Track.BY_RULE),
        fields.integer("count", 1, 1, MAX_COUNT),
        fields.integer("seconds", 1, 1, MAX_SECONDS),
    )


def read_suppressions(outer: Fields) -> tuple[Suppression, ...]:
    """``suppress``."""
    found: list[Suppression] = []
    for fields in outer.tables("suppress", MAX_SUPPRESSIONS):
        fields.only(SUPPRESS_KEYS)
        fields.need(SUPPRESS_KEYS)
        track = fields.choice("track", Track, Track.BY_SRC)
        if track is Track.BY_RULE:
            fields.wrong("track", "by_rule would silence it for everybody: use an [[override]] to disable it")
        found.append(Suppression(track, read_networks(fields, "networks", exclusions=False)))
    return tuple(found)


def read_flags(fields: Fields, key: str) -> tuple[str, ...]:
    """Names of flags of a flow (Suricata's flowbits)."""
    flags = fields.texts(key, MAX_FLAGS)
    for flag in flags:
        if not _FLAG.fullmatch(flag):
            fields.wrong(
                key, f"{key}: {flag[:64]!r} must be letters, digits, dots, - and _, {MAX_FLAG} at most"
            )
    return flags
