"""Views as one would make them by hand: one octet after another, one run at a time."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

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


_JSON = re.compile(
    rb"""\\(?: u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | u[0-9a-fA-F]{4}
    | u\{[0-9a-fA-F]{1,8}\} | U[0-9a-fA-F]{8} | x[0-9a-fA-F]{2} | [/"'\\] )""",
    re.VERBOSE,
)


def unicode(run: bytes, _: Wanted) -> Iterator[Escape]:
    for match in _JSON.finditer(run):
        text = match[0].decode()
        soft, kind, digits = False, text[1], re.sub(r"\\u|[\\{}Ux]", "", text)
        if kind == "x":
            found: bytes | None = bytes.fromhex(digits)
        elif kind in "uU" and len(text) in (6, 12) and text[2] != "{":
            found = units(bytes.fromhex(digits))
        elif kind in "uU":
            found = character(int(digits, 16))
        else:
            found = kind.encode()
            follows = run[match.end() : match.end() + 1]
            soft = kind in "\"'" or (kind == "\\" and follows not in (b"u", b"U", b"x", b"/"))
        if found is not None:
            yield Escape(*match.span(), found, soft)


def character(code_point: int) -> bytes | None:
    if code_point > 0x10FFFF or 0xD800 <= code_point <= 0xDFFF:
        return None
    return chr(code_point).encode()


_REFERENCE = re.compile(rb"&(?:#([0-9]+);?|#[xX]([0-9a-fA-F]+);?|([a-zA-Z][a-zA-Z0-9]{0,31});?)")


def html(run: bytes, _: Wanted) -> Iterator[Escape]:
    for match in _REFERENCE.finditer(run):
        decimal, hexadecimal, name = match.groups()
        if name is None:
            value = int(decimal) if decimal else int(hexadecimal, 16)
            found = None if not value or len(decimal or hexadecimal) > 16 else character(value)
            if 0x80 <= value < 0xA0:
                found = (bytes([value]).decode("cp1252", "ignore") or chr(value)).encode()
            if found is not None:
                yield Escape(*match.span(), found)
            continue
        whole = match[0][1:].decode()
        for size in range(len(whole), 1, -1):
            if whole[:size] in html5:
                yield Escape(match.start(), match.start() + 1 + size, html5[whole[:size]].encode())
                break


_QUOTED = re.compile(rb"=(?:([0-9a-fA-F]{2})|[ \t]{0,8}\r?\n)")


def quoted_printable(run: bytes, _: Wanted) -> Iterator[Escape]:
    for match in _QUOTED.finditer(run):
        yield Escape(*match.span(), bytes.fromhex((match[1] or b"").decode()))


def same(octet: int) -> int:
    return octet


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


READERS: dict[Form, Callable[[bytes, Wanted], Iterator[Escape]]] = {
    Form.PERCENT: percent,
    Form.UNICODE: unicode,
    Form.HTML: html,
    Form.QUOTED_PRINTABLE: quoted_printable,
}


def views(run: bytes, reach: int, wanted: Wanted) -> dict[Form, list[Region]]:
    """Regions of each form that has any."""
    made = {
        form: list(regions(run, list(read(run, wanted)), reach, plus if form is Form.PERCENT else same))
        for form, read in READERS.items()
    }
    return {form: found for form, found in made.items() if found and form in wanted.forms}
