"""Charsets that Japanese crosses a line in, decoded with the octet that each character came from.

What octets mean is what browsers take them for (WHATWG Encoding Standard): Shift_JIS is CP932 (JIS X 0208
with NEC's row 13 and NEC's and IBM's extensions, some of which have several codes), EUC-JP (RFC 1468's
character sets with half-width kana and JIS X 0212) and ISO-2022-JP (RFC 1468, RFC 2237 and half-width kana)
use the same table of rows and cells. UTF-8 is RFC 3629, UTF-16 is RFC 2781.

Nothing here raises: what is undecodable becomes U+FFFD, octet by octet; a code of two octets that is
unassigned is one U+FFFD for both if its second octet is not ASCII, so that what follows stays in step.
"""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial

REPLACEMENT = "\ufffd"


class Charset(StrEnum):
    """Charsets by the names that MIME and HTML know them by."""

    UTF_8 = "utf-8"
    SHIFT_JIS = "shift_jis"
    EUC_JP = "euc-jp"
    ISO_2022_JP = "iso-2022-jp"
    UTF_16LE = "utf-16le"
    UTF_16BE = "utf-16be"


class Mode(StrEnum):
    """What the octets of ISO-2022-JP mean after an escape sequence."""

    ASCII = "ascii"
    ROMAN = "roman"
    KANA = "kana"
    KANJI = "kanji"
    """JIS X 0208."""
    SUPPLEMENT = "supplement"
    """JIS X 0212."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters, and the octets that they came from."""

    text: str
    origin: tuple[int, ...]
    """(len(text) + 1,) index of the first octet of each character; where the octets end, last. What lies
    before a character and makes none (an escape sequence) counts to the character before."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A way to write a character in octets."""

    octets: bytes
    mode: Mode | None = None
    """That ISO-2022-JP must be in; None in other charsets."""


_ESCAPES = {
    b"\x1b(B": Mode.ASCII,
    b"\x1b(J": Mode.ROMAN,
    b"\x1b(I": Mode.KANA,
    b"\x1b$@": Mode.KANJI,
    b"\x1b$B": Mode.KANJI,
    b"\x1b&@\x1b$B": Mode.KANJI,
    b"\x1b$(D": Mode.SUPPLEMENT,
}
SWITCH = re.compile(rb"\x1b\([BJI]|\x1b\$[@B]|\x1b&@\x1b\$B|\x1b\$\(D|[\r\n]")
"""What changes the mode of ISO-2022-JP: escape sequences, and line ends (behind them is ASCII: RFC 1468)."""

_UTF_8 = re.compile(
    rb"[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}|.",
    re.DOTALL,
)
_SHIFT_JIS = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|.", re.DOTALL)
_EUC_JP = re.compile(
    rb"\x8f[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]|[\xa1-\xfe]{2}|.",
    re.DOTALL,
)
_PAIRS = re.compile(rb"[\x21-\x7e]{2}|.", re.DOTALL)
_SINGLES = re.compile(rb".", re.DOTALL)
_UNITS = {
    Charset.UTF_16LE: re.compile(rb"(?s:.)[\xd8-\xdb](?s:.)[\xdc-\xdf]|(?s:..)"),
    Charset.UTF_16BE: re.compile(rb"[\xd8-\xdb](?s:.)[\xdc-\xdf](?s:.)|(?s:..)"),
}
_PAIRED = frozenset({Mode.KANJI, Mode.SUPPLEMENT})
_LEADS = {
    Charset.SHIFT_JIS: bytes((*range(0x81, 0xA0), *range(0xE0, 0xFD))),
    Charset.EUC_JP: bytes((0x8E, 0x8F, *range(0xA1, 0xFF))),
}
"""Octets behind which a character may go on."""
_SECOND_LEVEL = {Charset.SHIFT_JIS: 0x99, Charset.EUC_JP: 0xD0}
"""First octets from here on are of kanji of the second level, and of extensions."""
_LOOK_BACK = 512
"""Octets. Only binary data and long EUC-JP text without a blank or a line end go on for so long."""
_CUT_ESCAPE = 5
"""Octets of ASCII that may be the rest of an escape, where a stream was cut anywhere: ``%u304`` of one."""
_OF_ESCAPES = b"0123456789ABCDEFabcdef%uU="
_LINE = 1024
"""Octets. A line of ISO-2022-JP is shorter: mail allows 998 (RFC 5322)."""
_LONGEST_ESCAPE = 6
_SURROGATES = re.compile("[\ud800-\udfff]")


def decode(octets: bytes, charset: Charset, mode: Mode = Mode.ASCII, base: int = 0) -> Decoded:
    """Decode ``octets``, which start at the first octet of a character.

    :param mode: that ISO-2022-JP is in at the start.
    :param base: index to count origins from.
    """
    return _DECODERS[charset](octets, mode, base)


def decode_around(
    octets: bytes,
    start: int,
    end: int,
    charset: Charset,
    before: int,
    after: int,
    first: int,
    last: int,
    *,
    first_is_sure: bool = True,
) -> Decoded:
    """Decode what is around ``octets[start:end]``, from a sure first octet of a character.

    A boundary is sure behind an octet that can begin no code of several octets. Shift_JIS text never goes
    long without one; in EUC-JP text, they are the blanks and line ends. If there is none in the `_LOOK_BACK`
    octets before, the octets pair up as ``start`` says, unless that makes many more kanji beyond the first
    level than the other way (see `_paired`). UTF-16 is aligned as ``start`` is. ISO-2022-JP is in the mode
    that the last escape sequence in the same line set, looked for in `_LINE` octets before; ASCII if there
    is none.

    :param before: octets before ``start`` to decode, at least.
    :param after: octets behind ``end`` to decode; a character may be cut off there.
    :param first: octets before are not looked at; ``last``: nor those from there on.
    :param first_is_sure: whether a character begins at ``first``: not where a stream was cut anywhere.
    :return: origins are indices into ``octets``.
    """
    at = max(first, start - before)
    stop = min(last, end + after)
    mode = Mode.ASCII
    match charset:
        case Charset.UTF_8:
            at = _utf_8_boundary(octets, at, first)
        case Charset.UTF_16LE | Charset.UTF_16BE:
            odd = (start - at) % 2
            at = _utf_16_boundary(octets, at - odd if at - odd >= first else at + odd, charset, first)
        case Charset.ISO_2022_JP:
            at, mode = _iso_2022_jp_boundary(octets, at, first)
        case Charset.SHIFT_JIS | Charset.EUC_JP:
            if not first_is_sure:
                cut = octets[first : min(first + _CUT_ESCAPE, start)]
                first += len(cut) - len(cut.lstrip(_OF_ESCAPES))
                at = max(at, first)
            low = max(first, at - _LOOK_BACK)
            at = low + len(octets[low:at].rstrip(_LEADS[charset]))
            if at == low and not (low == first and first_is_sure):
                at = _paired(octets, low, start, charset)
    return decode(octets[at:stop], charset, mode, at)


def spellings(char: str, charset: Charset) -> tuple[Spelling, ...]:
    """Every way to write one character; empty if there is none."""
    if charset in (Charset.UTF_8, Charset.UTF_16LE, Charset.UTF_16BE):
        # No surrogate can be written, and no character in two ways.
        return () if _SURROGATES.match(char) else (Spelling(char.encode(charset)),)
    return _reverse(charset).get(char, ())


def _paired(octets: bytes, low: int, start: int, charset: Charset) -> int:
    """Where the first pair begins in a run of octets of which each may be a first or a second one.

    A pair of octets read out of step is a kanji beyond the first level half the time; few are in real text.
    """
    aligned = low + (start - low) % 2
    shifted = low + 1 - (start - low) % 2
    rare = _SECOND_LEVEL[charset]
    in_aligned, in_shifted = (
        sum(octet >= rare for octet in octets[way:start:2]) for way in (aligned, shifted)
    )
    return shifted if in_aligned - in_shifted > 2 + (start - low) // 8 else aligned


def _utf_8_boundary(octets: bytes, at: int, first: int) -> int:
    """Behind three continuation octets, one more belongs to no character."""
    for boundary in range(at, max(first - 1, at - 4), -1):
        if boundary < len(octets) and octets[boundary] & 0xC0 != 0x80:
            return boundary
    return at


def _utf_16_boundary(octets: bytes, at: int, charset: Charset, first: int) -> int:
    high = at + (charset is Charset.UTF_16LE)
    follows = high < len(octets) and octets[high] & 0xFC == 0xDC  # the second half of a surrogate pair
    return at - 2 if follows and at - 2 >= first else at


def _iso_2022_jp_boundary(octets: bytes, at: int, first: int) -> tuple[int, Mode]:
    low = max(first, at - _LINE)
    switches = [*SWITCH.finditer(octets, low, at)]
    if switches:
        switch = switches[-1]
        return switch.end(), _ESCAPES.get(switch.group(), Mode.ASCII)
    return max(first, at - _LONGEST_ESCAPE), Mode.ASCII  # an escape sequence may go on at ``at``


def _decode_unicode(pattern: re.Pattern[bytes], codec: str, octets: bytes, _mode: Mode, base: int) -> Decoded:
    lengths = map(len, pattern.findall(octets))
    text = octets.decode(codec, "surrogateescape" if codec == Charset.UTF_8 else "surrogatepass")
    if not text.isascii():
        text = _SURROGATES.sub(REPLACEMENT, text)
    return Decoded(text, tuple(itertools.accumulate(lengths, initial=base)))


def _decode_utf_16(charset: Charset, octets: bytes, mode: Mode, base: int) -> Decoded:
    odd = len(octets) % 2
    decoded = _decode_unicode(_UNITS[charset], charset, octets[: len(octets) - odd], mode, base)
    if not odd:
        return decoded
    return Decoded(decoded.text + REPLACEMENT, (*decoded.origin, base + len(octets)))


def _decode_codes(
    pattern: re.Pattern[bytes], charset: Charset, octets: bytes, _mode: Mode, base: int
) -> Decoded:
    tokens = pattern.findall(octets)
    codes = _codes(charset)
    try:
        chars = [codes[token] for token in tokens]
    except KeyError:
        tokens = list(itertools.chain.from_iterable(map(partial(_split_unassigned, codes), tokens)))
        chars = [codes.get(token, REPLACEMENT) for token in tokens]
    return Decoded("".join(chars), tuple(itertools.accumulate(map(len, tokens), initial=base)))


def _split_unassigned(codes: dict[bytes, str], token: bytes) -> tuple[bytes, ...]:
    """Give the ASCII octet of an unassigned code back."""
    if len(token) == 2 and token[1] < 0x80 and token not in codes:
        return token[:1], token[1:]
    return (token,)


def _decode_iso_2022_jp(octets: bytes, mode: Mode, base: int) -> Decoded:
    parts: list[str] = []
    origin: list[int] = []
    at = 0
    for switch in itertools.chain(SWITCH.finditer(octets), (None,)):
        end = len(octets) if switch is None else switch.start()
        if end > at:
            tokens = (_PAIRS if mode in _PAIRED else _SINGLES).findall(octets[at:end])
            codes = _mode_codes(mode)
            parts.append("".join([codes.get(token, REPLACEMENT) for token in tokens]))
            origin += itertools.islice(itertools.accumulate(map(len, tokens), initial=base + at), len(tokens))
        if switch is not None:
            at = switch.end()
            mode = _ESCAPES.get(switch.group(), Mode.ASCII)
            if at - end == 1:  # a line end is a character as well
                parts.append(chr(octets[end]))
                origin.append(base + end)
    return Decoded("".join(parts), (*origin, base + len(octets)))


_DECODERS: dict[Charset, Callable[[bytes, Mode, int], Decoded]] = {
    Charset.UTF_8: partial(_decode_unicode, _UTF_8, Charset.UTF_8),
    Charset.SHIFT_JIS: partial(_decode_codes, _SHIFT_JIS, Charset.SHIFT_JIS),
    Charset.EUC_JP: partial(_decode_codes, _EUC_JP, Charset.EUC_JP),
    Charset.ISO_2022_JP: _decode_iso_2022_jp,
    Charset.UTF_16LE: partial(_decode_utf_16, Charset.UTF_16LE),
    Charset.UTF_16BE: partial(_decode_utf_16, Charset.UTF_16BE),
}


@lru_cache
def _codes(charset: Charset) -> dict[bytes, str]:
    """Character of each code of Shift_JIS or EUC-JP."""
    ascii_codes = {bytes((code,)): chr(code) for code in range(0x80)}
    if charset is Charset.SHIFT_JIS:
        singles = (bytes((code,)) for code in range(0x80, 0x100))
        leads = (*range(0x81, 0xA0), *range(0xE0, 0xFD))
        trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
        pairs = (bytes(pair) for pair in itertools.product(leads, trails))
        return ascii_codes | _assigned("cp932", itertools.chain(singles, pairs))
    kana = {bytes((0x8E, code)): chr(0xFF61 + code - 0xA1) for code in range(0xA1, 0xE0)}
    high = {bytes(octet | 0x80 for octet in code): char for code, char in _jis_x_0208().items()}
    supplement = {b"\x8f" + bytes(o | 0x80 for o in code): char for code, char in _jis_x_0212().items()}
    return ascii_codes | kana | high | supplement


@lru_cache
def _mode_codes(mode: Mode) -> dict[bytes, str]:
    """Character of each code of ISO-2022-JP in a mode; blanks and controls are the same in all."""
    controls = {bytes((code,)): chr(code) for code in (*range(0x21), 0x7F)}
    ascii_codes = {bytes((code,)): chr(code) for code in range(0x80)}
    match mode:
        case Mode.ASCII:
            return ascii_codes
        case Mode.ROMAN:
            return {**ascii_codes, b"\\": "\u00a5", b"~": "\u203e"}
        case Mode.KANA:
            return controls | {bytes((code,)): chr(0xFF61 + code - 0x21) for code in range(0x21, 0x60)}
        case Mode.KANJI:
            return controls | _jis_x_0208()
        case Mode.SUPPLEMENT:
            return controls | _jis_x_0212()


@lru_cache
def _jis_x_0208() -> dict[bytes, str]:
    """Character of each row and cell, from CP932, which has two rows a lead octet."""
    codes = _codes(Charset.SHIFT_JIS)
    found = {}
    for row, cell in itertools.product(range(94), range(94)):
        lead = row // 2 + (0x81 if row < 62 else 0xC1)
        trail = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= 0x3F)
        char = codes.get(bytes((lead, trail)))
        if char is not None:
            found[bytes((row + 0x21, cell + 0x21))] = char
    return found


@lru_cache
def _jis_x_0212() -> dict[bytes, str]:
    pairs = (bytes(pair) for pair in itertools.product(range(0xA1, 0xFF), repeat=2))
    assigned = _assigned("euc_jp", (b"\x8f" + pair for pair in pairs))
    return {bytes(octet & 0x7F for octet in code[1:]): char for code, char in assigned.items()}


def _assigned(codec: str, codes: Iterable[bytes]) -> dict[bytes, str]:
    found = ((code, code.decode(codec, "replace")) for code in codes)
    return {code: char for code, char in found if REPLACEMENT not in char}


@lru_cache
def _reverse(charset: Charset) -> dict[str, tuple[Spelling, ...]]:
    found: dict[str, list[Spelling]] = {}
    if charset is Charset.ISO_2022_JP:
        for mode in Mode:
            for code, char in _mode_codes(mode).items():
                found.setdefault(char, []).append(Spelling(code, mode))
    else:
        for code, char in _codes(charset).items():
            found.setdefault(char, []).append(Spelling(code))
    return {char: tuple(ways) for char, ways in found.items()}
