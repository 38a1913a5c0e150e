"""The keywords of one buffer kind, and the anchors that Hyperscan finds of them.

Most anchors belong to one keyword, some to many: the same pair of letters stands in many words, so each is
compiled once and tells which keywords may stand where it was found.
"""

import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from signatures.model import Clause, Fold
from signatures.text.anchors import Anchor, anchors, reach, whole_writings
from signatures.text.charsets import Charset
from signatures.text.fold import fold

PLAIN: Final = -1
"""Alignment of an anchor that is not of base64."""
_SHORT: Final = 12
"""Octets below which a word alone makes a run of base64 that is too short to be decoded whole
(`sensor.matching.views`): anchors of its own find it."""
_FIRST_KNOWN: Final = (0, 2, 3)
"""Of four characters of base64, the first that octets behind 0, 1 or 2 others determine alone."""
_KNOWN: Final = 3
"""Characters of base64 that an anchor has at least: fewer are everywhere."""
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_CASE: Final = 0x20
FEW: Final = 300
"""Keywords up to which writings that change style inside a word (``ﾘモｰト``, ``㍉波``) are found too: that
takes some hundred anchors a word, and very many anchors slow all scanning down."""


class Literal(NamedTuple):
    """What is compiled of an anchor."""

    octets: bytes
    caseless: bool
    """Whether ASCII letters match in both cases. In a few anchors some should not, as they are the second
    octet of a character: what is found too much is read and dropped."""


class Term(msgspec.Struct, frozen=True, array_like=True):
    """A keyword of a clause."""

    clause: int
    """Index into ``MatchPlan.clauses``."""
    keyword: str
    folded: str
    folds: tuple[Fold, ...]
    reach: int
    """Octets that any writing of it takes at most, in any charset."""


class TermAnchor(msgspec.Struct, frozen=True, array_like=True):
    """Octets that tell where a keyword may stand."""

    charset: Charset
    alignment: int
    """Octets modulo 3 before the anchor in base64, or `PLAIN`."""
    terms: tuple[int, ...]
    """Indices of the keywords that may stand there."""
    reach: int
    """The greatest of theirs."""


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """The keywords of one buffer kind."""

    terms: list[Term]
    anchors: list[TermAnchor]
    reach: int
    """The greatest of the terms'."""
    longest: int
    """Octets of the longest keyword in UTF-8, in whichever style takes most."""
    spaced: bool
    """Whether some keyword holds a space, which a form writes as ``+``."""

    def __len__(self) -> int:
        return len(self.terms)


def make_terms(clauses: Sequence[Clause], members: Iterable[int]) -> tuple[Terms, list[Literal]]:
    """The keywords of clauses, and the literals to look for, aligned with ``Terms.anchors``."""
    terms: list[Term] = []
    found: dict[tuple[Charset, int, Literal], list[int]] = {}
    words = [(index, keyword) for index in members for keyword in clauses[index].keywords]
    for index, keyword in words:
        folds = clauses[index].folds
        longest = max(reach(keyword, folds, charset) for charset in Charset)
        terms.append(Term(index, keyword, fold(keyword, folds), folds, longest))
        for key in _literals(keyword, folds, mixed=len(words) <= FEW):
            found.setdefault(key, []).append(len(terms) - 1)
    known = [
        TermAnchor(
            charset, alignment, tuple(dict.fromkeys(owners)), max(terms[index].reach for index in owners)
        )
        for (charset, alignment, _), owners in found.items()
    ]
    made = Terms(
        terms,
        known,
        max((term.reach for term in terms), default=0),
        max((_octets_in_one_style(term.keyword) for term in terms), default=0),
        any(" " in term.folded for term in terms),
    )
    return made, [literal for *_, literal in found]


def _octets_in_one_style(keyword: str) -> int:
    """As it is stated, or in full or half width, which takes marks apart: three octets each."""
    return max(len(keyword.encode()), 3 * len(unicodedata.normalize("NFKD", keyword)))


def _literals(
    keyword: str, folds: tuple[Fold, ...], *, mixed: bool
) -> Iterator[tuple[Charset, int, Literal]]:
    done: set[tuple[int, Literal]] = set()
    # Of very many, as it is stated, and plainly written, if that differs.
    styles = None if mixed else 1 + (fold(keyword, [Fold.WIDTH]) != keyword)
    for charset in Charset:
        whole = whole_writings(keyword, folds, charset)
        chosen = anchors(keyword, folds, charset) if mixed else whole
        made = [(PLAIN, Literal(anchor.octets, any(anchor.fold_mask))) for anchor in chosen]
        for writing in whole[:styles]:
            if len(writing.octets) < _SHORT:
                made += _in_base64(writing)
        for alignment, literal in made:
            # What is ASCII in several charsets is looked for, and read, in the first of them.
            if (alignment, literal) not in done:
                yield charset, alignment, literal
        if charset is Charset.UTF_8:
            done.update(made)


def _in_base64(writing: Anchor) -> Iterator[tuple[int, Literal]]:
    """What base64 makes of a word behind 0, 1 and 2 other octets: the characters that it determines alone."""
    for octets in dict.fromkeys(_in_cases(writing)):
        for before, first in enumerate(_FIRST_KNOWN):
            known = b64encode(bytes(before) + octets)[first : (before + len(octets)) * 8 // 6]
            for alphabet in dict.fromkeys((known, known.translate(_URL_SAFE))):
                if len(alphabet) >= _KNOWN:
                    yield before, Literal(alphabet, caseless=False)


def _in_cases(writing: Anchor) -> Iterator[bytes]:
    """Small letters, capitals, and a capital first."""
    letters = [at for at, is_letter in enumerate(writing.fold_mask) if is_letter]
    for chosen in ([], letters, letters[:1]):
        octets = bytearray(writing.octets)
        for at in chosen:
            octets[at] &= ~_CASE
        yield bytes(octets)
