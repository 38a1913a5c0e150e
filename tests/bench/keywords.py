"""Signatures for measurements: as many terms as asked for, always the same ones.

They are Japanese words of kana and kanji, and ASCII words of eight letters or more; neither is likely
to occur in a capture, so that a measurement counts scanning, not matching.
"""

import random
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

_KATAKANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨ"
    "ラリルレロワンガギグゲゴザジズゼゾダデドバビブベボパピプペポー"
)
_KANJI = (
    "遠隔操作監視画面記録盗聴侵入検出端末通信接続認証情報漏洩警告防御"
    "危険確認設定管理電話写真位置追跡保護解析実行命令送受暗号鍵盤"
)
_CONSONANTS = "bdfghjklmnprstvwxz"
_VOWELS = "aeiou"
_TERMS_EACH = 10
"""Terms of a signature: a list for one subject."""


class Kind(StrEnum):
    """What the terms of a signature are."""

    LITERALS = "ASCII literals"
    """Octets as they are (``contents``)."""
    ASCII = "ASCII words"
    """Words in every form (``keywords``), as all that follow."""
    JAPANESE = "Japanese words"
    MIXED = "words, half Japanese"


def _japanese(rng: random.Random) -> str:
    katakana = "".join(rng.choices(_KATAKANA, k=rng.randint(2, 4)))
    return katakana + "".join(rng.choices(_KANJI, k=rng.randint(2, 4)))


def _ascii(rng: random.Random) -> str:
    syllables = (rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(4, 6)))
    return "".join(syllables)


def make_japanese(n: int, seed: int = 1) -> list[str]:
    """``n`` different words of kana and kanji."""
    return _different(n, _japanese, seed)


def make_ascii(n: int, seed: int = 1) -> list[str]:
    """``n`` different words of eight ASCII letters or more."""
    return _different(n, _ascii, seed)


def _different(n: int, make: Callable[[random.Random], str], seed: int) -> list[str]:
    rng = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < n:
        words[make(rng)] = None
    return list(words)


def make_keywords(n: int, seed: int = 1) -> list[str]:
    """``n`` different keywords, Japanese and ASCII in turn; the same for the same arguments."""
    rng = random.Random(seed)
    keywords: dict[str, None] = {}
    while len(keywords) < n:
        make = _ascii if len(keywords) % 2 else _japanese
        keywords[make(rng)] = None
    return list(keywords)


def write_signatures(path: Path, n: int, seed: int = 1, kind: Kind = Kind.MIXED) -> None:
    """Write a signature file with ``n`` terms, looked for in payload and in the request target."""
    make = {Kind.JAPANESE: make_japanese, Kind.MIXED: make_keywords}.get(kind, make_ascii)
    key = "contents" if kind is Kind.LITERALS else "keywords"
    terms = make(n, seed)
    tables = []
    for at in range(0, n, _TERMS_EACH):
        listed = ", ".join(f'"{term}"' for term in terms[at : at + _TERMS_EACH])
        number = at // _TERMS_EACH + 1
        tables.append(
            f'[[signature]]\nsid = {9_100_000 + number}\nrev = 1\nname = "words {number}"\n'
            f'category = "custom"\nseverity = "low"\nbuffers = ["payload", "http.uri"]\n'
            f"{key} = [{listed}]\n"
        )
    path.write_text("\n".join(tables), encoding="utf-8")
