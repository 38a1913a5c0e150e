"""Looks terms up in the shipped tables (README.md beside this file; `make` made them).

A table lists each run of up to ``longest`` characters that stands in enough pages. So of a term that is no
longer, the answer is exact; of a longer one, or of several words, it is an upper bound: a term stands in no
more pages than the rarest run that it holds. A term with a run that is not listed is rare.
"""

import gzip
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("ja", "en")
PHRASE_LEAST: Final = 200
"""Pages of a thousand in which the rarest word of a phrase stands that is called common."""


@dataclass(frozen=True, slots=True)
class Commonness:
    """How common a term is, in the language in which it is most common."""

    language: str
    per_thousand: float
    """Pages of a thousand that hold it."""
    is_exact: bool
    """Else it stands in so many at most."""


@dataclass(frozen=True, slots=True)
class Table:
    """Runs of characters of one language."""

    language: str
    pages: int
    longest: int
    counts: Mapping[str, int]

    def look_up(self, term: str) -> Commonness | None:
        """How common the folded ``term`` is; None if it is rare."""
        words = term.split()
        sizes = [min(len(word), self.longest) for word in words]
        counts = [
            self.counts.get(word[at : at + size], 0)
            for word, size in zip(words, sizes, strict=True)
            for at in range(len(word) - size + 1)
        ]
        least = min(counts, default=0)
        share = 1000 * least / self.pages
        if not least or (len(words) > 1 and share < PHRASE_LEAST):
            return None
        return Commonness(self.language, share, len(counts) == 1)


def load_tables() -> list[Table]:
    """Every shipped table."""
    return [_load(language) for language in LANGUAGES]


@cache
def _load(language: str) -> Table:
    path = Path(__file__).with_name(f"{language}.txt.gz")
    first, *lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    about = json.loads(first)
    counts = {run: int(count) for run, _, count in (line.rpartition(" ") for line in lines)}
    return Table(language, about["pages"], about["longest"], counts)


def fold(text: str) -> str:
    """``text`` as the tables hold it, and as a keyword's default folds read it: NFKC and case."""
    return unicodedata.normalize("NFKC", text).casefold()


def look_up(tables: Sequence[Table], term: str) -> Commonness | None:
    """How common ``term`` is where it is most; None if it is rare in all ``tables``."""
    found = [common for table in tables if (common := table.look_up(fold(term)))]
    return max(found, key=lambda common: common.per_thousand, default=None)
