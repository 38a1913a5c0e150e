"""Keyword signatures for measurements: as many as asked for, always the same ones.

Half are Japanese words of kana and kanji, half ASCII words of eight letters or more; neither is likely
to occur in a capture, so that a measurement counts scanning, not matching.
"""

import random
from collections.abc import Callable
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
_KEYWORDS_EACH = 10
"""Keywords of a signature: a list for one subject."""


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


def write_signatures(path: Path, n: int, seed: int = 1) -> None:
    """Write a signature file with ``n`` keywords, looked for in payload and in the request target."""
    keywords = make_keywords(n, seed)
    tables = []
    for at in range(0, n, _KEYWORDS_EACH):
        listed = ", ".join(f'"{keyword}"' for keyword in keywords[at : at + _KEYWORDS_EACH])
        number = at // _KEYWORDS_EACH + 1
        tables.append(
            f'[[signature]]\nsid = {9_100_000 + number}\nrev = 1\nname = "words {number}"\n'
            f'category = "custom"\nseverity = "low"\nbuffers = ["payload", "http.uri"]\n'
            f"keywords = [{listed}]\n"
        )
    path.write_text("\n".join(tables), encoding="utf-8")
