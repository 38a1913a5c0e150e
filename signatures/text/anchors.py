"""Octets by which a word is found: any writing of it in a charset contains one of them.

A keyword is looked for in two steps. A scan finds *anchors*, octet strings; around each, `decode_around`
reads the text, and `fold` says whether the keyword is there. So anchors must be complete, not exact.

Theory of operation. Nearly always, all characters of a word are written plainly (`writings`). So one anchor
is the whole word in plain writing. Any other writing has a first character that is not plain: an anchor for
each is what comes before in plain writing, and that character. Where it is the first of the word, the anchor
goes on in its style (half-width ...), since the rest of the word will, until it is `_STYLED` octets long, and
again there is an anchor for each first character that is not. Anchors shorter than `_SHORTEST` octets go on
through all writings of the next character. From `_LONG` octets and `_LONG_CHARS` characters on a plain anchor
only goes on as long as that costs no others.

ASCII letters of words that fold case are in one anchor by a mask, never a trail octet of another character.

Complete means: every text that has the keyword in writings of `writings` has an anchor in its octets; with
odd ones, if those that begin the word have one that is not odd behind them. In ISO-2022-JP, as encoders
write it: inside the word with ``ESC $ B`` to kanji, ``ESC ( I`` to half-width kana and ``ESC ( B`` to ASCII,
and nothing else between two characters. Without ``mixed``, words that change style halfway are left out.

An anchor starts where the word does, or with the character that the word begins inside of (㍿ for 会社).

How many there are, in UTF-8, Shift_JIS, EUC-JP, ISO-2022-JP, UTF-16 LE and BE, with and without ``mixed``::

    width, case:  機密, 遠隔操作, えんかく   1  1  1  1  1  1     1  1  1  1  1  1
                  リモートデスクトップ      25 22 14 19 28 28    20  8  7  7 21 21
                  ガラケー                  19 17 12 12 31 31    16  5  5  5 22 22
                  anydesk                   27 35 35 27 31 31    13  9  9  9 15 15
                  Web会議                   15 28 28 20 23 23    13 18 18 14 15 15
                  サーバー                  15 22 13 14 22 22    11  5  5  5 12 12
    all folds:    サーバー                  72 146 93 48 94 94   67 106 74 29 69 69
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from signatures.model import Fold
from signatures.text.charsets import Charset, Mode, spellings
from signatures.text.fold import ORDER, fold
from signatures.text.writings import FREE, PLAIN, Writing, writings

_SHORTEST = 4
_STYLED = 6
_LONG = 12
_LONG_CHARS = 5
"""Octets, and characters: rare enough in text of another subject."""
_MIXED = "mixed"
_ODD = "odd"
"""As mixed, behind an odd writing."""

_SWITCHES = {
    Mode.ASCII: b"\x1b(B",
    Mode.ROMAN: b"\x1b(J",
    Mode.KANA: b"\x1b(I",
    Mode.KANJI: b"\x1b$B",
    Mode.SUPPLEMENT: b"\x1b$(D",
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """Octets to look for."""

    octets: bytes
    fold_mask: tuple[bool, ...]
    """Which octets are ASCII letters that may be of either case; they are lower-case in ``octets``."""


@dataclass(frozen=True, slots=True)
class _Spelt:
    """A writing in a charset."""

    octets: bytes
    mask: tuple[bool, ...]
    first_mode: Mode | None
    last_mode: Mode | None
    style: str
    covers: int
    odd: bool


def anchors(keyword: str, folds: Collection[Fold], charset: Charset, *, mixed: bool = True) -> list[Anchor]:
    """The anchors of ``keyword``; none if it can't be written in ``charset``, or folds to nothing."""
    positions = _positions(keyword, tuple(fold for fold in ORDER if fold in folds), charset)
    if not positions or not all(positions):
        return []
    found = _Walk(positions, mixed).run()
    return [Anchor(octets, mask) for octets, mask in dict.fromkeys(found)]


def reach(keyword: str, folds: Collection[Fold], charset: Charset) -> int:
    """Octets that any writing of ``keyword`` takes at most, with what sticks out at both ends.

    Long-vowel marks in a row, and escape sequences that change nothing, are not counted.
    """
    switch = 4 if charset is Charset.ISO_2022_JP else 0
    positions = _positions(keyword, tuple(fold for fold in ORDER if fold in folds), charset)
    return sum(max((len(way.octets) for way in ways), default=0) + switch for ways in positions) + 8


class _Walk:
    """Goes through the writings of a word from its start, and collects anchors."""

    def __init__(self, positions: list[list[_Spelt]], mixed: bool) -> None:
        self._positions = positions
        self._mixed = mixed
        self._styles = [frozenset(way.style for way in ways) for ways in positions]
        self._found: list[tuple[bytes, tuple[bool, ...]]] = []

    def run(self) -> list[tuple[bytes, tuple[bool, ...]]]:
        self._go_on(0, b"", (), None, PLAIN)
        return self._found

    def _go_on(self, at: int, octets: bytes, mask: tuple[bool, ...], mode: Mode | None, style: str) -> None:
        if at >= len(self._positions) or self._suffices(at, len(octets), style):
            self._found.append((octets, mask))
            return
        for way in self._positions[at]:
            became = self._style(at, way, style)
            if became is None:
                continue
            switch = b"" if way.first_mode is mode or not octets else _SWITCHES[way.first_mode or Mode.ASCII]
            self._go_on(
                at + way.covers,
                octets + switch + way.octets,
                mask + (False,) * len(switch) + way.mask,
                way.last_mode,
                became,
            )

    def _suffices(self, at: int, length: int, style: str) -> bool:
        if style is PLAIN:
            return length >= _LONG and at >= _LONG_CHARS and len(self._positions[at]) > 1
        return length >= (_SHORTEST if style in (_MIXED, _ODD) else _STYLED)

    def _style(self, at: int, way: _Spelt, style: str) -> str | None:
        """The style that a word goes on in with ``way``; None if that is left out."""
        if way.odd:
            return None if style is _ODD else _ODD
        if style in (_MIXED, _ODD):
            return _MIXED
        if way.style == style:
            return style
        if way.style == FREE:
            return _MIXED
        if way.style == PLAIN and style not in self._styles[at]:
            return style
        if style is PLAIN and not (at and any(way.style in styles for styles in self._styles[:at])):
            return way.style
        return _MIXED if self._mixed else None


@lru_cache(maxsize=16)  # one keyword's charsets; the rest would only take memory
def _ways(keyword: str, folds: tuple[Fold, ...]) -> list[list[Writing]]:
    return writings(keyword, folds)


def _positions(keyword: str, folds: tuple[Fold, ...], charset: Charset) -> list[list[_Spelt]]:
    caseless = Fold.CASE in folds
    found = []
    for ways in _ways(keyword, folds):
        spelt = [spelling for way in ways for spelling in _spell(way, charset, caseless)]
        if spelt and spelt[0].style != PLAIN:  # the plain one has no code: the next takes its place
            spelt[0] = _as_plain(spelt[0])
        found.append(spelt)
    return found


def _as_plain(way: _Spelt) -> _Spelt:
    return _Spelt(way.octets, way.mask, way.first_mode, way.last_mode, PLAIN, way.covers, way.odd)


@lru_cache(maxsize=65536)  # some thousand characters in six charsets
def _spell(way: Writing, charset: Charset, caseless: bool) -> tuple[_Spelt, ...]:
    found = [_Spelt(b"", (), None, None, way.style, way.covers, way.odd)]
    for index, char in enumerate(way.text):
        found = [
            _join(before, char, spelt, mode, caseless, index)
            for before in found
            for spelt, mode in _codes(char, charset)
        ]
    # Further codes of a plain character are odd ones.
    rest = (_Spelt(w.octets, w.mask, w.first_mode, w.last_mode, FREE, w.covers, w.odd) for w in found[1:])
    return (*found[:1], *rest)


def _codes(char: str, charset: Charset) -> Iterator[tuple[bytes, Mode | None]]:
    for spelling in spellings(char, charset):
        if spelling.mode in (None, Mode.ASCII) or not char.isascii():
            yield spelling.octets, spelling.mode


def _join(before: _Spelt, char: str, octets: bytes, mode: Mode | None, caseless: bool, index: int) -> _Spelt:
    letter = caseless and char.isascii() and char.isalpha()
    if letter:
        octets = octets.lower()
    switch = b"" if not index or mode is before.last_mode else _SWITCHES[mode or Mode.ASCII]
    return _Spelt(
        before.octets + switch + octets,
        before.mask + (False,) * len(switch) + tuple(letter and octet >= 0x41 for octet in octets),
        mode if not index else before.first_mode,
        mode,
        before.style,
        before.covers,
        before.odd,
    )


def whole_writings(keyword: str, folds: Collection[Fold], charset: Charset) -> list[Anchor]:
    """``keyword`` as it is stated, and written from end to end in each style that it has.

    Of letters that a style has in both cases: as the keyword has them, all of one, or a capital first.
    """
    positions = _positions(keyword, tuple(fold for fold in ORDER if fold in folds), charset)
    if not positions or not all(positions):
        return []
    count = len(positions)
    capitals = {(True,) * count, (False,) * count, (True, *(False,) * (count - 1))}
    plain = fold(keyword, [Fold.WIDTH])
    if len(plain) == count:
        capitals.add(tuple(char.isupper() for char in plain))
    styles = dict.fromkeys((PLAIN, *(way.style for ways in positions for way in ways if way.style != FREE)))
    stated = _spell(Writing(keyword, PLAIN), charset, Fold.CASE in folds)[:1]
    written = (_written(positions, style, case) for style in styles for case in sorted(capitals))
    return list(dict.fromkeys((*(Anchor(way.octets, way.mask) for way in stated), *written)))


def _written(positions: list[list[_Spelt]], style: str, capitals: tuple[bool, ...]) -> Anchor:
    at, octets, mode = 0, b"", None
    mask: tuple[bool, ...] = ()
    while at < len(positions):
        ways = [way for way in positions[at] if way.style == style]
        # Of a letter's two writings the capital stands first.
        way = ways[0 if capitals[at] else -1] if ways and style != PLAIN else positions[at][0]
        switch = b"" if way.first_mode is mode or not octets else _SWITCHES[way.first_mode or Mode.ASCII]
        octets += switch + way.octets
        mask += (False,) * len(switch) + way.mask
        mode = way.last_mode
        at += way.covers
    return Anchor(octets, mask)
