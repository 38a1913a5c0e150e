"""Whether octets that read as a keyword in one charset are text in that charset at all.

Four octets are two kanji in a charset of two octets a character, and any four octets come up by chance: a
thousand such words, in each of the charsets, some thousand times in a gigabyte of ciphertext. And text in one
charset reads as other text in another. So what is said by few octets counts only among characters that
Japanese text is made of, and what is text in a charset that leaves less to chance is not read in another.
"""

import re
from bisect import bisect_left
from typing import Final, NamedTuple

from signatures.text.charsets import REPLACEMENT, Charset, Decoded, decode_around

STRONG: Final = 6
"""Octets that chance does not make: 281 million million others are as likely. Two kanji in UTF-8."""
SOME: Final = 4
"""Octets that noise does not hold by the thousand."""
_NEIGHBOURS: Final = 8
"""Characters on each side that must be of Japanese text: of random ones a third are, at best."""
_TEXT: Final = (
    "\t\n\r\x1b -~\u00a0-\u00ff\u0391-\u03c9\u0401-\u0451\u2010-\u2049\u2100-\u22ff\u2460-\u24ff\u2500-\u27bf"
    "\u3000-\u30ff\u3200-\u33ff\u4e00-\u9fff\uf900-\ufaff\ufe0f\ufeff\uff01-\uff9f\uffe0-\uffe6"
    "\U0001f000-\U0001faff\U00020000-\U0002ffff"
)
_ONLY_TEXT: Final = re.compile(f"[{_TEXT}]*")
_CUT_OFF: Final = re.compile(f"{REPLACEMENT}+[!-~]{{0,5}}\\Z")
"""Half a character, and half an escape behind it."""
_ASCII_TEXT: Final = re.compile(rb"[\t\n\r -~]*")
_CJK_IN_UTF_8: Final = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}|\xef[\xbc-\xbe][\x80-\xbf])")
_CJK_OCTETS: Final = 3
_KANA_IN_EUC_JP: Final = b"\xa1\xa4\xa5"
"""First octets of kana, and of what stands between them."""
_HIGH: Final = bytes(range(0xA1, 0xFF))
_NEAR: Final = 24
_AROUND: Final = 64
"""Octets in which what else they may be is looked for."""
_LINE: Final = 1_024


class Extent(NamedTuple):
    """Where a run lies in its octets."""

    first: int
    last: int
    """Behind its end: nothing outside is looked at."""
    first_is_sure: bool
    """Whether a character begins at ``first``: not where a stream was cut anywhere."""


def is_plausible(
    octets: bytes, charset: Charset, decoded: Decoded, begin: int, stop: int, extent: Extent
) -> bool:
    """Whether a keyword may be taken for one.

    :param decoded: what ``octets`` read as in ``charset``; the keyword is ``decoded.text[begin:stop]``.
    """
    first, last, _ = extent
    start, end = decoded.origin[begin], decoded.origin[stop]
    if charset is Charset.UTF_8:
        if octets[start:end].isascii():
            return not _is_half_of_a_character(octets, start, end, extent)
        if end - start >= STRONG:
            return True
        around = decoded.text[max(begin - _NEIGHBOURS, 0) : stop + _NEIGHBOURS]
        # Whatever the characters are: noise is none in UTF-8.
        return REPLACEMENT not in around or _is_among_text(octets, decoded, begin, stop, extent)
    if charset is Charset.ISO_2022_JP:
        return True  # an escape sequence says so
    if (start, end) == (first, last):
        return True  # nothing around it says what else it may be
    if _is_utf_8(octets, start, end, first, last):
        return False
    if charset in (Charset.UTF_16LE, Charset.UTF_16BE):
        low, high = max(first, start - _AROUND), min(last, end + _AROUND)
        if _ASCII_TEXT.fullmatch(octets, low, high) and not _is_kana_in_utf_16(
            octets, start, end, first, last
        ):
            return False
    elif charset is Charset.SHIFT_JIS and _is_euc_jp(octets, start, end, first, last):
        return False
    return end - start >= STRONG or _is_among_text(octets, decoded, begin, stop, extent)


def _is_kana_in_utf_16(octets: bytes, start: int, end: int, first: int, last: int) -> bool:
    """Whether every other octet is that of kana, which is a digit in ASCII."""
    low, high = max(first, start - 6), min(last, end + 6)
    return octets[low:high].count(b"0") * 2 >= high - low - 2


def _is_among_text(octets: bytes, decoded: Decoded, begin: int, stop: int, extent: Extent) -> bool:
    first, last, first_is_sure = extent
    text, start, end = decoded.text, decoded.origin[begin], decoded.origin[stop]
    before, after = text[max(begin - _NEIGHBOURS, 0) : begin], text[stop : stop + _NEIGHBOURS]
    if not first_is_sure and decoded.origin[0] == first:
        before = before.lstrip(REPLACEMENT)  # what was cut off
    if not _ONLY_TEXT.fullmatch(before) and not _ASCII_TEXT.fullmatch(
        octets, max(first, start - _NEIGHBOURS), start
    ):
        return False
    if len(after) < _NEIGHBOURS:
        # The last character may be cut off by the end of what was decoded, and by the end of the run.
        after = after[:-1] if decoded.origin[-1] < last else _CUT_OFF.sub("", after)
    return bool(
        _ONLY_TEXT.fullmatch(after) or _ASCII_TEXT.fullmatch(octets, end, min(end + _NEIGHBOURS, last))
    )


def _is_half_of_a_character(octets: bytes, start: int, end: int, extent: Extent) -> bool:
    """Whether ASCII is the second octet of a character in Shift_JIS, or not ASCII in ISO-2022-JP."""
    first, last, sure = extent
    if start > first and octets[start - 1] >= 0x81 and not _is_behind_utf_8(octets, start, end, first):
        as_shift_jis, as_euc_jp = (
            decode_around(octets, start, end, charset, 16, 0, first, last, first_is_sure=sure)
            for charset in (Charset.SHIFT_JIS, Charset.EUC_JP)
        )
        if (
            start not in as_shift_jis.origin
            and _is_text_before(as_shift_jis, start)
            and not (start in as_euc_jp.origin and _is_text_before(as_euc_jp, start))
            and not _is_utf_8(octets, start - 1, start, first, last)
        ):
            return True
    if octets.rfind(b"\x1b", max(first, start - _LINE), start) >= 0:
        read = decode_around(octets, start, end, Charset.ISO_2022_JP, 0, 0, first, last)
        # In JIS X 0201 two characters of ASCII are others.
        text = read.text[-(end - start) :].replace("\u00a5", "\\").replace("\u203e", "~")
        return text != octets[start:end].decode()
    return False


def _is_behind_utf_8(octets: bytes, start: int, end: int, first: int) -> bool:
    """Whether a character of Japanese in UTF-8 stands before the word.

    That is enough, whatever else is near: in Shift_JIS it would be a rare kanji and the half of another one,
    and most of the word would have to follow by chance.
    """
    before = start - _CJK_OCTETS
    return end - start >= SOME and before >= first and bool(_CJK_IN_UTF_8.fullmatch(octets, before, start))


def _is_text_before(decoded: Decoded, start: int) -> bool:
    """Whether the characters up to the one that ``start`` lies in, or behind, are of Japanese text."""
    stop = bisect_left(decoded.origin, start)
    return _ONLY_TEXT.fullmatch(decoded.text, max(stop - _NEIGHBOURS, 0), stop) is not None


def _is_utf_8(octets: bytes, start: int, end: int, first: int, last: int) -> bool:
    """Whether ``octets[start:end]`` and those around are text in UTF-8, with characters of Japanese."""
    low, high = max(first, start - _NEAR), min(last, end + _NEAR)
    around = octets[low:high].decode("utf-8", "replace")
    if low > first:
        around = around.lstrip("\ufffd")  # a character that was cut
    if high < last:
        around = around.rstrip("\ufffd")
    if "\ufffd" in around or "\0" in around:
        return False
    within = _CJK_IN_UTF_8.search(octets, max(first, start - 2), min(last, end + 2))
    return within is not None and within.start() < end and within.end() > start


def _is_euc_jp(octets: bytes, start: int, end: int, first: int, last: int) -> bool:
    """Whether half-width katakana are text in EUC-JP: the octets around pair up, a quarter are kana."""
    if octets[start:end].strip(_HIGH[: 0xE0 - 0xA1]):
        return False
    low, high = max(first, start - _AROUND), min(last, end + _AROUND)
    low += len(octets[low:start].rstrip(_HIGH))
    high = end + len(octets[end:high]) - len(octets[end:high].lstrip(_HIGH))
    kana = sum(octet in _KANA_IN_EUC_JP for octet in octets[low:high:2])
    return (high - low) % 2 == 0 and kana * 8 > high - low
