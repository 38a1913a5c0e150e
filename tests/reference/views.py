"""Views as one would make them by hand: one octet after another, one run at a time."""

import re
import string
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


ASCII_THAT_STAYS = [
    character.encode() for character in string.ascii_letters + string.digits + "%&'()*+,-./:;<>?_"
]
"""What quoted-printable never escapes: not even where EBCDIC is feared."""
_QUOTED = re.compile(rb"=(?:([0-9a-fA-F]{2})|[ \t]{0,8}\r?\n)")


def quoted_printable(run: bytes, _: Wanted) -> Iterator[Escape]:
    found = list(_QUOTED.finditer(run))
    for index, match in enumerate(found):
        digits = (match[1] or b"").decode()
        lone = all(
            match.end() != other.start() and other.end() != match.start()
            for other in found[max(index - 1, 0) : index + 2]
        )
        octets = bytes.fromhex(digits)
        plain = octets in ASCII_THAT_STAYS
        begins = match.start() == 0 or run[match.start() - 1] in b"\n\0"
        yield Escape(*match.span(), octets, lone and not begins and (plain or digits != digits.upper()))


_WORD = re.compile(rb"=\?([^?\s]{1,64})\?([bBqQ])\?([^?\r\n]{0,1024})\?=")
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


_STANDARD = bytes.maketrans(b"-_", b"+/")


def encoded_word(run: bytes, _: Wanted) -> Iterator[Escape]:
    words: list[Escape] = []
    charset = b""
    for match in _WORD.finditer(run):
        if match[2] in b"qQ":
            text = b"".join(
                bytes.fromhex(part[1:].decode()) if len(part) == 3 else part
                for part in re.findall(rb"=[0-9a-fA-F]{2}|.", match[3].replace(b"_", b" "), re.DOTALL)
            )
        else:
            text = six_bits(
                [LETTERS.index(letter) for letter in match[3].split(b"=")[0] if letter in LETTERS]
            )
        start = match.start()
        if words and re.fullmatch(rb"[ \t\r\n]*", run[words[-1].end : start]):
            last = words.pop()
            kept = last.octets
            if match[1].lower() == charset and charset.startswith(b"iso-2022-jp"):
                seam = re.fullmatch(rb"(.*)\x1b\([BJ]", kept, re.DOTALL)
                if seam and re.match(rb"\x1b\$[B@]", text):
                    kept, text = seam[1], text[3:]
            words.append(Escape(last.start, last.end, kept))
            start = last.end
        charset = match[1].lower()
        words.append(Escape(start, match.end(), text))
    yield from words


def six_bits(values: list[int]) -> bytes:
    """Octets of which ``values`` are six bits each; bits that are left over are none."""
    number = int("".join(f"{value:06b}" for value in values) or "0", 2)
    spare = len(values) * 6 % 8
    return (number >> spare).to_bytes(len(values) * 6 // 8)


def punycode(run: bytes, _: Wanted) -> Iterator[Escape]:
    end = 0
    for match in re.finditer(rb"(?i)(?=(xn--[a-z0-9-]{0,59}))", run):
        start, label = match.start(), match[1]
        if start < end:
            continue
        size = run[start - 1] if start else 0
        if 4 < size <= len(label):
            label = label[:size]
        try:
            text = label[4:].lower().decode("punycode").encode()
        except UnicodeError:
            continue
        end = start + len(label)
        yield Escape(start, end, text)


def base64(run: bytes) -> Iterator[Region]:
    """Readings of each text, from each of its first four letters."""
    letters = rb"[A-Za-z0-9+/_-]"
    lines = re.finditer(letters + rb"{16,}", run)
    texts: list[list[tuple[int, int]]] = []
    for line in lines:
        between = run[texts[-1][-1][1] : line.start()] if texts else b""
        if texts and re.fullmatch(rb"\r?\n[ \t]{0,8}", between):
            texts[-1].append(line.span())
        else:
            texts.append([line.span()])
    for text in texts:
        places = [place for start, end in text for place in range(start, end)]
        if not looks_like_base64(bytes(run[place] for place in places)):
            continue
        end = text[-1][1]
        more = re.compile(rb"\r?\n[ \t]{0,8}(" + letters + rb"{1,15})").match(run, end)
        if more:
            places.extend(range(*more.span(1)))
        values = [LETTERS.index(run[at : at + 1].translate(_STANDARD)) for at in places]
        for skip in range(4):
            octets = six_bits(values[skip:])
            first = [skip + 4 * (index // 3) + index % 3 for index in range(len(octets))]
            yield [(octet, places[at], places[at + 1] + 1) for octet, at in zip(octets, first, strict=True)]


def looks_like_base64(text: bytes) -> bool:
    if len(text) >= 1024:
        return True
    turns = len(re.findall(rb"(?=[A-Z][a-z0-9]|[a-z][A-Z0-9]|[0-9][A-Za-z])", text))
    often = turns >= max(2, min(len(text) // 8, 10))
    repeats = len(re.findall(rb"(?=([A-Za-z0-9])...\1)", text))
    return (
        often
        or 4 * repeats >= len(text)
        or bool(re.search(rb"[A-Za-z0-9]{16}|[A-Za-z0-9]\+[A-Za-z0-9]", text))
    )


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
        if region:
            yield region
        hard = hard[count:]


def plus(octet: int) -> int:
    return ord(" ") if octet == ord("+") else octet


READERS: dict[Form, Callable[[bytes, Wanted], Iterator[Escape]]] = {
    Form.PERCENT: percent,
    Form.UNICODE: unicode,
    Form.HTML: html,
    Form.QUOTED_PRINTABLE: quoted_printable,
    Form.ENCODED_WORD: encoded_word,
    Form.PUNYCODE: punycode,
}


def views(run: bytes, reach: int, wanted: Wanted) -> dict[Form, list[Region]]:
    """Regions of each form that has any."""
    made = {
        form: list(regions(run, list(read(run, wanted)), reach, plus if form is Form.PERCENT else same))
        for form, read in READERS.items()
    }
    made[Form.BASE64] = list(base64(run))
    return {form: found for form, found in made.items() if found and form in wanted.forms}
