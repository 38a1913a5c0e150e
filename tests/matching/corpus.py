"""Real Japanese text: the translations that Django ships (BSD-3-Clause), and words in it."""

import gettext
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import django

_WORD = re.compile(
    r"[\u4e00-\u9fff々]{2,6}|[\u30a1-\u30fa][\u30a1-\u30ff]{1,9}|[\u3041-\u3096]{3,5}|[A-Za-z]{5,12}"
)


@lru_cache(maxsize=1)
def texts() -> tuple[str, ...]:
    """Sentences and words, as the catalogues have them."""
    return tuple(sorted(set(_texts())))


def _texts() -> Iterator[str]:
    root = Path(django.__file__).parent
    for path in sorted(root.glob("**/locale/ja/LC_MESSAGES/*.mo")):
        with path.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)
        for value in catalogue._catalog.values():  # type: ignore[attr-defined]
            if isinstance(value, str) and not value.isascii():
                yield value


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Words of two characters and more that stand in the texts: kanji, katakana, hiragana, letters."""
    return tuple(sorted({word for text in texts() for word in _WORD.findall(text)}))
