"""Views as one would make them by hand: one octet after another, one run at a time."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sensor.matching.views.make import Wanted
from sensor.matching.views.view import Form


@dataclass(frozen=True)
class Escape:
    start: int
    end: int
    octets: bytes
    soft: bool = False


Region = list[tuple[int, int, int]]
"""(octet, origin, end of origin) of each octet."""

_PERCENT = re.compile(
    rb"%[uU][dD][89abAB][0-9a-fA-F]{2}%[uU][dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|%[uU][0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|(?<=[\w.~%+\x80-\xff-])\+(?=[\w.~%+\x80-\xff-])"
)


def units(octets: bytes) -> bytes | None:
    """UTF-16 as UTF-8; None if a surrogate is alone."""
    try:
        return octets.decode("utf-16-be").encode()
    except UnicodeError:
        return None


def percent(run: bytes, wanted: Wanted) -> Iterator[Escape]:
    for match in _PERCENT.finditer(run):
        text = match[0]
        if text == b"+":
            if wanted.spaces:
                yield Escape(*match.span(), b" ")
        elif text[1:2] in b"uU":
            found = units(bytes.fromhex(re.sub(rb"%[uU]", b"", text).decode()))
            if found is not None:
                yield Escape(*match.span(), found)
        else:
            yield Escape(*match.span(), bytes.fromhex(text[1:].decode()))


def regions(run: bytes, escapes: list[Escape], reach: int, plain: Callable[[int], int]) -> Iterator[Region]:
    """Clusters of escapes with what stands around them."""
    hard = [escape for escape in escapes if not escape.soft]
    while hard:
        count = 1
        while count < len(hard) and hard[count].start - hard[count - 1].end <= 2 * reach:
            count += 1
        start = max(0, hard[0].start - reach)
        end = min(len(run), hard[count - 1].end + reach)
        inside = {escape.start: escape for escape in escapes if start <= escape.start and escape.end <= end}
        region, at = [], start
        while at < end:
            escape = inside.get(at)
            if escape is None:
                region.append((plain(run[at]), at, at + 1))
                at += 1
            else:
                region.extend((octet, at, escape.end) for octet in escape.octets)
                at = escape.end
        yield region
        hard = hard[count:]


def plus(octet: int) -> int:
    return ord(" ") if octet == ord("+") else octet


def views(run: bytes, reach: int, wanted: Wanted) -> dict[Form, list[Region]]:
    """Regions of each form that has any."""
    made = {
        Form.PERCENT: list(regions(run, list(percent(run, wanted)), reach, plus)),
    }
    return {form: found for form, found in made.items() if found and form in wanted.forms}
