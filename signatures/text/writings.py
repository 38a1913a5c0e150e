"""How the characters of a folded word may be written: the reverse of `fold`.

Of each character of the folded word, one writing is the plain one (as the keyword has it, but for width), and
the others belong to a style:

- ``full``, ``half``: full-width forms, half-width katakana with their sound marks;
- ``hiragana``, ``katakana``: if the plain one is the other, and the fold takes them as one;
- ``upper``: capitals beyond ASCII (ASCII letters have a mask of their own, see `anchors`);
- ``marks``: a kana or a letter with its sound mark or accent as a character of its own;
- ``free``: what changes from character to character: forms of kanji, small kana, dashes, odd forms (circled,
  squared, ligatures, compatibility ideographs, radicals). One may stand for several characters.

Left out are letters and digits in the styles of Unicode that no Japanese charset has (mathematical,
superscript, circled ...: some 35 a letter), and characters for several ASCII ones that only begin or end the
word (the k of ㎏). A long-vowel mark that goes is looked for as the keyword has it and as ー or ｰ, where what
is plainly written behind it makes it go.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from signatures.model import Fold
from signatures.text.charsets import Charset, spellings
from signatures.text.fold import LONG_VOWEL_MARKS, ORDER, fold, fold_mapped, kanji_forms

PLAIN = "plain"
FREE = "free"

_SOUND_MARKS = {"\u3099": ("\u3099", "\u309b", "\uff9e"), "\u309a": ("\u309a", "\u309c", "\uff9f")}
_STYLED = ("<font>", "<super>", "<sub>", "<circle>", "<square>")
_PLANES = (*range(0x20000), *range(0x2F800, 0x2FA20))
"""Code points above change by no fold."""


@dataclass(frozen=True, slots=True)
class Writing:
    """One way to write one or more characters of a folded word."""

    text: str
    style: str
    covers: int = 1
    """How many of the folded word's characters it stands for."""
    odd: bool = False
    """Whether it is one of the many blanks and dashes."""


@dataclass(frozen=True, slots=True)
class _Sources:
    """What folds to a character: alone, or among others."""

    single: dict[str, tuple[str, ...]]
    several: dict[str, tuple[tuple[str, str, int], ...]]
    """(source, what it folds to, where in that the character is)."""


def writings(keyword: str, folds: tuple[Fold, ...]) -> list[list[Writing]]:
    """The writings of each character of the folded keyword, the plain one first."""
    plain = fold(keyword, [fold for fold in folds if fold is Fold.WIDTH])
    folded = fold_mapped(plain, folds)
    word = folded.text
    found = []
    for at, char in enumerate(word):
        origin, end = folded.origin[at], folded.origin[at + 1]
        written = plain[origin:end] if fold(plain[origin : origin + 1], folds) == char else char
        ways = [*_of_char(char, written[0], folds)]
        if char == "ー" and at and Fold.LONG_VOWEL in folds:
            known = {way.text for way in ways}
            ways += [Writing(mark, FREE, odd=True) for mark in LONG_VOWEL_MARKS if mark not in known]
        if Fold.LONG_VOWEL in folds and _may_lose_mark(written[0], plain[end : end + 1], folds):
            marks = dict.fromkeys((written[1:] or "ー", "ー", "ｰ"))
            ways += [Writing(way.text + mark, way.style) for way in ways if not way.odd for mark in marks]
            ways.sort(key=lambda way: way.text != written)  # as the keyword has it first
        found.append(ways + _of_several(word, at, folds))
    return found


def _may_lose_mark(char: str, behind: str, folds: tuple[Fold, ...]) -> bool:
    """Whether a long-vowel mark between two plainly written characters goes; at a word's end none matters."""
    if not behind or char == "ー":
        return False
    if _is_hiragana(char):
        return Fold.KANA in folds and not _is_kana(behind)
    is_sound_mark = "\u3099" <= char <= "\u309c"
    return (_is_katakana(char) or is_sound_mark) and not _is_katakana(behind)


def _is_katakana(char: str) -> bool:
    return "\u30a1" <= char <= "\u30ff" or "\uff66" <= char <= "\uff9f" or "\u31f0" <= char <= "\u31ff"


def _is_hiragana(char: str) -> bool:
    return "\u3041" <= char <= "\u3096" or "\u309d" <= char <= "\u309f"


def _is_kana(char: str) -> bool:
    return _is_katakana(char) or _is_hiragana(char)


@lru_cache(maxsize=16384)  # bounded by the characters in use; a word's are few
def _of_char(char: str, plain: str, folds: tuple[Fold, ...]) -> tuple[Writing, ...]:
    found = {plain: Writing(plain, PLAIN)}
    for source in (char, *_sources(folds).single.get(char, ())):
        style = _style(source, plain)
        if style is not None:
            found.setdefault(source, Writing(source, style[0], odd=style[1]))
    if Fold.WIDTH in folds:
        for source in (char, *found):
            for text in _decomposed(source, folds):
                if fold(text, folds) == char:
                    half = all("\uff61" <= part <= "\uff9f" for part in text)
                    found.setdefault(text, Writing(text, "half" if half else "marks"))
    return tuple(found.values())


def _style(char: str, plain: str) -> tuple[str, bool] | None:
    """Style, and whether it is odd; None for what is left out."""
    if "\uff01" <= char <= "\uff5e" or char == "\u3000":
        return "full", False
    if "\uff61" <= char <= "\uff9f":
        return "half", False
    if char.isascii() or _is_kana(char) or char in kanji_forms() or char in kanji_forms().values():
        if _is_hiragana(char) and not _is_hiragana(plain):
            return "hiragana", False
        if _is_katakana(char) and not _is_katakana(plain):
            return "katakana", False
        return FREE, False
    if char.lower() != char and not unicodedata.decomposition(char).startswith("<"):
        return "upper", False
    styled = plain.isascii() and unicodedata.decomposition(char).startswith(_STYLED)
    if styled and not spellings(char, Charset.SHIFT_JIS):
        return None
    return FREE, plain == " "


def _decomposed(char: str, folds: tuple[Fold, ...]) -> list[str]:
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 1:
        return []
    bases = (parts[0], *_sources(folds).single.get(fold(parts[0], folds), ()))
    kana = [base for base in bases if _is_kana(base) and not "\u31f0" <= base <= "\u31ff"] or [parts[0]]
    return [base + mark for base in kana for mark in _SOUND_MARKS.get(parts[1:], (parts[1:],))]


def _of_several(word: str, at: int, folds: tuple[Fold, ...]) -> list[Writing]:
    """Characters that stand for several, this one among them: inside the word, or across its ends."""
    found = []
    for source, becomes, inside in _sources(folds).several.get(word[at], ()):
        if inside and at:  # it would have begun before
            continue
        part = becomes[inside:]
        across = bool(inside) or len(part) > len(word) - at
        if across and becomes.isascii():
            continue
        if (word.startswith(part, at) or part.startswith(word[at:])) and not source.isascii():
            found.append(Writing(source, FREE, min(len(part), len(word) - at)))
    return found


@lru_cache(maxsize=64)  # as many as there are sets of the six folds
def _sources(folds: tuple[Fold, ...]) -> _Sources:
    single: dict[str, list[str]] = {}
    several: dict[str, list[tuple[str, str, int]]] = {}
    for char in _changing():
        becomes = fold(char, folds)
        if becomes == char:
            continue
        if len(becomes) == 1:
            single.setdefault(becomes, []).append(char)
        for inside, part in enumerate(becomes if len(becomes) > 1 else ""):
            several.setdefault(part, []).append((char, becomes, inside))
    return _Sources(
        {char: tuple(found) for char, found in single.items()},
        {char: tuple(found) for char, found in several.items()},
    )


@lru_cache
def _changing() -> tuple[str, ...]:
    """Characters that some fold changes; ASCII capitals aside."""
    return tuple(chr(code) for code in _PLANES if code >= 0x80 and fold(chr(code), ORDER) != chr(code))
