"""Ways of writing that count as the same word: text in, one form of it out.

Two texts are the same word under some folds if `fold` makes the same of both. The folds, in the order that
they are applied in, whichever order they are given in:

1. `Fold.WIDTH`: Unicode's NFKC (UAX 15), and what readers and encoders take as one beyond it: the two wave
   dashes and the tilde; minus, full-width hyphen and hyphen; the double bars; the two em dashes; yen sign and
   backslash, overline and tilde (one octet each in JIS X 0201); and the spacing sound marks, which compose
   with the kana before them as the combining and the half-width ones do.
2. `Fold.LONG_VOWEL`: a long-vowel mark behind a katakana goes unless another katakana follows (サーバー is
   サーバ, and サーバーを is サーバを), however many there are; dashes that look like one are one (サ-バ).
   Nothing else is looked at, so that what stands around a word does not change how the word folds, but for a
   word that begins with a mark. With `Fold.KANA` hiragana take it too: theirs goes
   unless any kana follows.
3. `Fold.CASE`: `str.casefold`, of full-width letters too. `Fold.KANJI`: the forms in ``kanji.txt``, and
   compatibility ideographs. `Fold.SMALL_KANA`: ャ is ヤ. `Fold.KANA`: hiragana become katakana.
4. With `Fold.WIDTH`, canonical composition (NFC) again.

Folding twice changes nothing.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from signatures.model import Fold

ORDER = (Fold.WIDTH, Fold.LONG_VOWEL, Fold.CASE, Fold.KANJI, Fold.SMALL_KANA, Fold.KANA)
"""The folds in the order that they are applied in."""

_COMPOSING = ("\u3099", "\u309a")
_TWINS = {
    0x301C: "~",  # wave dash: what JIS X 0208 calls the mark that CP932 makes U+FF5E
    0x2212: "-",  # minus: CP932 makes it U+FF0D
    0x2016: "\u2225",  # double vertical line: CP932 makes it U+2225
    0x2015: "\u2014",  # horizontal bar and em dash
    0x00A5: "\\",  # octet 5C of JIS X 0201
    0x203E: "~",  # octet 7E of JIS X 0201
    0x309B: _COMPOSING[0],
    0x309C: _COMPOSING[1],
}
"""Beyond NFKC: applied before it, which would make spaces of some, and after it, which gives others."""

_KATAKANA = "\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff6f\uff71-\uff9d"
_HIRAGANA = "\u3041-\u3096\u309d-\u309f"
_MARKS = "\u3099-\u309c\uff9e\uff9f"
LONG_VOWEL_MARKS = "\u30fc\uff70-\uff0d\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500~\u301c\uff5e"
"""The long-vowel mark, and dashes that are written for it."""

_SMALL = str.maketrans(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯ",
    "あいうえおつやゆよわかけアイウエオツヤユヨワカケクシストヌハヒフヘホムラリルレロｱｲｳｴｵﾔﾕﾖﾂ",
)
_TO_KATAKANA = {**{code: code + 0x60 for code in range(0x3041, 0x3097)}, 0x309D: 0x30FD, 0x309E: 0x30FE}

_CACHED_CODES = 0x10000
"""Only what becomes of characters below is kept (some 8 MB a set of folds if a line sends them all)."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and where its characters came from."""

    text: str
    origin: tuple[int, ...]
    """(len(text) + 1,) index in the source of the first character that each came from; its length last."""


def fold(text: str, folds: Collection[Fold]) -> str:
    """Write ``text`` in the one form that all its writings under ``folds`` have in common."""
    return _folder(tuple(fold for fold in ORDER if fold in folds)).fold(text)


def fold_mapped(text: str, folds: Collection[Fold]) -> Folded:
    """As `fold`, with origins; some ten times slower."""
    return _folder(tuple(fold for fold in ORDER if fold in folds)).fold_mapped(text)


def needed_folds(found: str, keyword: str, folds: Collection[Fold]) -> tuple[Fold, ...]:
    """The fewest of ``folds`` by which ``keyword`` is found in ``found``, in the order of `ORDER`.

    :return: empty if it is written as the keyword is; all of them if it is not found at all.
    """
    ordered = [fold for fold in ORDER if fold in folds]
    for count in range(len(ordered)):
        for some in itertools.combinations(ordered, count):
            if fold(keyword, some) in fold(found, some):
                return some
    return tuple(ordered)


@lru_cache
def kanji_forms() -> dict[str, str]:
    """The new form of each old form of a kanji; compatibility ideographs included."""
    forms = {}
    text = resources.files(__package__).joinpath("kanji.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            forms.update({old: group[0] for group in line.split() for old in group[1:]})
    for code in itertools.chain(range(0xF900, 0xFB00), range(0x2F800, 0x2FA20)):
        plain = unicodedata.normalize("NFC", chr(code))
        if plain != chr(code):
            forms[chr(code)] = forms.get(plain, plain)
    return forms


class _Table(dict[int, int | str]):
    """What each character becomes, found when first asked for."""

    def __init__(self, become: Callable[[str], str]) -> None:
        self._become = become

    def __missing__(self, code: int) -> int | str:
        became = self._become(chr(code))
        value = ord(became) if len(became) == 1 else became
        if code < _CACHED_CODES:
            self[code] = value
        return value


class _Folder:
    """One set of folds."""

    def __init__(self, folds: tuple[Fold, ...]) -> None:
        self._normalises = Fold.WIDTH in folds
        others = tuple(fold for fold in folds if fold is not Fold.LONG_VOWEL)
        self._tables = [_Table(lambda char: _fold_char(char, others))]
        self._long_vowels: re.Pattern[str] | None = None
        if Fold.LONG_VOWEL in folds:
            self._tables.insert(0, _Table(lambda char: _fold_char(char, others[: self._normalises])))
            self._long_vowels = _long_vowel_pattern(hiragana_too=Fold.KANA in folds)

    def fold(self, text: str) -> str:
        for index, table in enumerate(self._tables):
            if index and self._long_vowels is not None:
                text = self._long_vowels.sub(_write_long_vowel, text)
            text = text.translate(table)
            if self._normalises:
                text = unicodedata.normalize("NFC", text)
        return text

    def fold_mapped(self, text: str) -> Folded:
        folded = Folded(text, tuple(range(len(text) + 1)))
        for index, table in enumerate(self._tables):
            if index and self._long_vowels is not None:
                folded = _replace(folded, _long_vowel_pieces(self._long_vowels, folded.text))
            pieces = ((at, char.translate(table)) for at, char in enumerate(folded.text))
            folded = _replace(folded, pieces)
            if self._normalises and not unicodedata.is_normalized("NFC", folded.text):
                folded = _replace(folded, _composed_pieces(folded.text))
        return folded


@lru_cache(maxsize=64)  # as many as there are sets of the six folds
def _folder(folds: tuple[Fold, ...]) -> _Folder:
    return _Folder(folds)


def _fold_char(char: str, folds: tuple[Fold, ...]) -> str:
    """What one character becomes; again and again, until it stays."""
    while True:
        became = char
        if Fold.WIDTH in folds:
            became = unicodedata.normalize("NFKC", became.translate(_TWINS)).translate(_TWINS)
        if Fold.CASE in folds:
            became = became.casefold()
        if Fold.KANJI in folds:
            became = "".join(kanji_forms().get(part, part) for part in became)
        if Fold.SMALL_KANA in folds:
            became = became.translate(_SMALL)
        if Fold.KANA in folds:
            became = became.translate(_TO_KATAKANA)
        if Fold.WIDTH in folds:
            became = unicodedata.normalize("NFC", became)
        if became == char:
            return became
        char = became


def _long_vowel_pattern(*, hiragana_too: bool) -> re.Pattern[str]:
    """Three groups for katakana, three for hiragana: the kana, the marks behind it, one set if they stay."""

    def run(kana: str, more: str) -> str:
        return f"([{kana}][{_MARKS}]?)([{re.escape(LONG_VOWEL_MARKS)}]+)((?=[{more}]))?"

    katakana = run(_KATAKANA, _KATAKANA)
    return re.compile(f"{katakana}|{run(_HIRAGANA, _KATAKANA + _HIRAGANA)}" if hiragana_too else katakana)


def _write_long_vowel(match: re.Match[str]) -> str:
    kana, marks, stays = match.groups()[:3] if match.group(1) else match.groups()[3:]
    return kana + "\u30fc" * len(marks) if stays is not None else kana


def _long_vowel_pieces(pattern: re.Pattern[str], text: str) -> Iterable[tuple[int, str]]:
    at = 0
    for match in pattern.finditer(text):
        start, end = match.span(2 if match.group(1) else 5)
        yield from ((index, text[index]) for index in range(at, start))
        if len(_write_long_vowel(match)) == end - match.start():
            yield from ((index, "\u30fc") for index in range(start, end))
        at = end
    yield from ((index, text[index]) for index in range(at, len(text)))


def _composed_pieces(text: str) -> Iterable[tuple[int, str]]:
    """Each stretch that composes by itself; a stretch that stays as it is goes character by character."""
    seconds = _second_parts()
    starts = [at for at, char in enumerate(text) if not (unicodedata.combining(char) or char in seconds)]
    for start, end in itertools.pairwise([*dict.fromkeys([0, *starts]), len(text)]):
        composed = unicodedata.normalize("NFC", text[start:end])
        if composed == text[start:end]:
            yield from enumerate(composed, start)
        else:
            yield start, composed


def _replace(folded: Folded, pieces: Iterable[tuple[int, str]]) -> Folded:
    """Put together what pieces (index in ``folded``, text) became, with origins in its source."""
    parts: list[str] = []
    origin: list[int] = []
    for at, part in pieces:
        parts.append(part)
        origin += [folded.origin[at]] * len(part)
    return Folded("".join(parts), (*origin, folded.origin[-1]))


@lru_cache
def _second_parts() -> frozenset[str]:
    """Characters, not marks, that may compose with the one before; there are none above plane 1."""
    jamo = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    pairs = (unicodedata.decomposition(chr(code)) for code in range(0x20000))
    return frozenset(
        jamo | {chr(int(pair.split()[1], 16)) for pair in pairs if " " in pair and pair[0] != "<"}
    )
