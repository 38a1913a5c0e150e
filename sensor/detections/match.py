"""A match with what explains it: who sent the octets, where it stood in them, and some around it."""

from dataclasses import dataclass

from sensor.config import DetectionLimits
from sensor.matching.reading import Reading

PROTO_NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "IPv6-ICMP", 132: "SCTP"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent the octets that a signature matched in, and to whom."""

    flow_id: int
    version: int
    src: tuple[int, int]
    src_port: int
    dst: tuple[int, int]
    dst_port: int
    proto: int
    to_server: bool
    app_proto: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature matched, and when."""

    buffer: str
    start: int
    end: int
    position: int
    """Octets from the start of the buffer or stream to ``start``."""
    number: int
    ts_ns: int
    tx_id: int = -1
    http_method: str = ""
    http_host: str = ""
    http_url: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One match of a clause, which needs the octets that it was found in no longer."""

    sender: Sender
    place: Place
    excerpt: bytes
    excerpt_offset: int
    reading: Reading | None

    @property
    def octets(self) -> int:
        """About what keeping it takes, as if it shared nothing with others."""
        place = self.place
        return _COST + len(self.excerpt) + 4 * (len(place.http_url) + len(place.http_host))


_COST = 1_024
"""Octets of a match, its place, its sender and its reading, apart from those of unbounded length."""


def match_at(
    limits: DetectionLimits,
    sender: Sender,
    place: Place,
    data: bytes,
    first: int,
    last: int,
    reading: Reading | None,
) -> Match:
    """The match at ``data[place.start:place.end]``; its excerpt stays in ``[first, last)``."""
    begin = max(first, place.start - limits.excerpt_before)
    match_end = min(place.end, place.start + limits.excerpt_match)
    end = min(last, match_end + limits.excerpt_after)
    shown = None if reading is None else _bounded(reading, limits)
    return Match(sender, place, data[begin:end], place.start - begin, shown)


def _bounded(reading: Reading, limits: DetectionLimits) -> Reading:
    """``reading`` with no more text than an alert may have, and nothing in it that UTF-8 can't hold."""
    begin = min(max(reading.text_start - limits.excerpt_before, 0), len(reading.text))
    text = reading.text[begin : begin + limits.reading].encode("utf-8", "replace").decode()
    start = min(reading.text_start - begin, len(text))
    end = min(max(reading.text_end - begin, start), len(text))
    return Reading(reading.keyword, reading.form, reading.folds, text, start, end)
