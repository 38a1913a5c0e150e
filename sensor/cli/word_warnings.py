"""What a subscriber may want to know of words that were just added."""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Final

from signatures.frequency.table import Table, load_tables, look_up
from signatures.lint_repeats import Repeats
from signatures.lint_terms import term_warnings
from signatures.model import Signature

_MANY: Final = 50
"""Of 1,000 pages: subscribers are told of fewer words than `signatures.lint` tells operators of."""


class WordWarning(StrEnum):
    """Why a word may not do what was meant."""

    COMMON = "common"
    """It is common, or short: it is found where nobody means it."""
    REPEATED = "repeated"
    """Another word finds the same."""


def word_warnings(words: Sequence[Signature], added: Collection[int]) -> Iterator[tuple[int, WordWarning]]:
    """Warnings of the words whose sid is in ``added``, beside the others."""
    tables = load_tables()
    repeats = Repeats()
    for signature in sorted(words, key=lambda each: (each.sid in added, each.sid)):
        repeated = repeats.note(signature)
        if signature.sid in added and _is_everywhere(signature, tables):
            yield signature.sid, WordWarning.COMMON
        if signature.sid in added and repeated:
            yield signature.sid, WordWarning.REPEATED


def _is_everywhere(word: Signature, tables: Sequence[Table]) -> bool:
    common = [look_up(tables, keyword) for clause in word.clauses for keyword in clause.keywords]
    if any(common):
        return any(each is not None and each.per_thousand >= _MANY for each in common)
    return bool(term_warnings(word, tables))  # by chance, as it is short
