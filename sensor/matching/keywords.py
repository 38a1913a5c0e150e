"""Keywords where their anchors were found: the octets around are decoded, folded and compared.

An anchor tells that a keyword may stand there, and in which charset; whether it does, only the text tells
that the octets are in that charset, folded as the keyword is. So what is found is right by construction, and
what is missed is what has no anchor. Hits near each other are read at once: however many there are, each
octet is decoded once for each charset, and a keyword that has been found as often as it counts is not looked
for again. What does not count, or is not plausible, is paid for from a budget: octets made to cost are given
up, not waited for.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from sensor.matching.plausible import Extent, is_plausible
from sensor.matching.reading import Reading
from sensor.matching.terms import PLAIN, Term, Terms
from signatures.text.charsets import Charset, Decoded, decode_around
from signatures.text.fold import Folded, fold, fold_mapped, needed_folds

_MARGIN: Final = 16
"""Octets decoded beyond what a keyword takes: a mark that combines with its last character may follow."""
_SPAN: Final = 1 << 13
"""Octets read at once: a character of text with its place takes some 50 octets."""
_SHOWN: Final = 12
"""Characters that a reading shows on each side of a match: as an excerpt in octets does."""
_SHOWN_MATCH: Final = 256
_LEAST_BUDGET: Final = 4_096
_OCTETS_A_STEP: Final = 4
"""Octets of a run that pay for one more step."""
PLACE, DOUBT, ATTEMPT = 1, 8, 24
"""Steps of some 2 µs: a place that does not count, one that is no text, a reading of base64."""


class Hit(NamedTuple):
    """An anchor was found, or stands somewhere, in ``[start, end)``."""

    start: int
    end: int
    anchor: int
    """Index into ``Terms.anchors``."""


@dataclass(frozen=True, slots=True)
class Found:
    """A keyword, in octets."""

    index: int
    """Of the keyword in ``Terms.terms``."""
    term: Term
    start: int
    end: int
    form: tuple[str, ...]
    text: str
    """What was decoded there."""
    text_start: int
    text_end: int

    def reading(self, outer: Sequence[str] = ()) -> Reading:
        """For people.

        :param outer: what was undone before to get the octets.
        """
        end = min(self.text_end, self.text_start + _SHOWN_MATCH)
        first = max(self.text_start - _SHOWN, 0)
        written = self.text[self.text_start : self.text_end]
        return Reading(
            self.term.keyword,
            " ".join((*outer, *self.form)),
            tuple(needed_folds(written, self.term.keyword, self.term.folds)),
            self.text[first : end + _SHOWN],
            self.text_start - first,
            end - first,
        )


class Budget:
    """What may be spent on a run where nothing is found that counts, in steps."""

    def __init__(self, size: int) -> None:
        """``size``: octets of the run."""
        self._left = _LEAST_BUDGET + size // _OCTETS_A_STEP
        self.refused = 0
        """Readings that were not made."""

    def spend(self, steps: int) -> None:
        """Take ``steps``, which were made."""
        self._left -= steps

    def is_spent(self) -> bool:
        """Whether nothing is left; counts that it was asked for."""
        self.refused += self._left <= 0
        return self._left <= 0


@dataclass(frozen=True, slots=True)
class Search:
    """One run, and what is asked of it."""

    octets: bytes
    extent: Extent
    counts: Callable[[Term, int, int], bool]
    """Whether a keyword at these octets is one to tell of."""
    most: Callable[[Term], int]
    """How often a keyword that counts is told of, at least."""
    budget: Budget
    attempts: Budget
    """To read base64 around an anchor."""


class Span(NamedTuple):
    """Where some keywords may stand."""

    start: int
    end: int
    anchor: int


class _Window(NamedTuple):
    """What is decoded at once, and why."""

    start: int
    end: int
    reach: int
    """How far around it is read as well."""
    spans: list[Span]


def in_charset(terms: Terms, search: Search, charset: Charset, spans: Iterable[Span]) -> Iterator[Found]:
    """The keywords of ``spans``, which are of one charset and parity, each as often as it counts."""
    told: Counter[int] = Counter()
    first, last, first_is_sure = search.extent
    for window in _windows(sorted(spans), terms):
        if search.budget.is_spent():
            return
        start, end, reach = window.start, window.end, window.reach
        by_anchor: dict[int, list[Span]] = {}
        for span in window.spans:
            by_anchor.setdefault(span.anchor, []).append(span)
        owned: dict[int, list[int]] = {}
        for anchor in by_anchor:
            for index in terms.anchors[anchor].terms:
                owned.setdefault(index, []).append(anchor)
        decoded: Decoded | None = None
        folded: dict[tuple[str, ...], str] = {}
        mapped: dict[tuple[str, ...], Folded] = {}
        for index, anchors in owned.items():
            term = terms.terms[index]
            most = search.most(term)
            if told[index] >= most:
                continue
            if decoded is None:
                decoded = decode_around(
                    search.octets, start, end, charset, reach, reach, first, last, first_is_sure=first_is_sure
                )
            text = folded.get(term.folds)
            if text is None:
                text = folded[term.folds] = fold(decoded.text, term.folds)
            if term.folded not in text:
                continue
            if term.folds not in mapped:
                mapped[term.folds] = fold_mapped(decoded.text, term.folds)
            places = _Places(sorted(span for anchor in anchors for span in by_anchor[anchor]))
            for found in _found(index, term, search, charset, decoded, mapped[term.folds], places):
                yield found
                told[index] += 1
                if told[index] >= most:
                    break


def parity(charset: Charset, start: int) -> int:
    """What tells apart texts that overlap, and are read from other octets."""
    return 0 if charset in (Charset.UTF_8, Charset.ISO_2022_JP) else start % 2


def by_charset(terms: Terms, hits: Iterable[Hit]) -> dict[tuple[Charset, int], set[Span]]:
    """Where anchors stand that are not of base64, by charset and parity."""
    found: dict[tuple[Charset, int], set[Span]] = {}
    for start, end, index in hits:
        anchor = terms.anchors[index]
        if anchor.alignment == PLAIN:
            found.setdefault((anchor.charset, parity(anchor.charset, start)), set()).add(
                Span(start, end, index)
            )
    return found


def _windows(spans: Sequence[Span], terms: Terms) -> Iterator[_Window]:
    held: list[Span] = []
    start = end = reach = 0
    for span in spans:
        around = terms.anchors[span.anchor].reach + _MARGIN
        if held and (span.start - around > end + reach or span.end - start > _SPAN):
            yield _Window(start, end, reach, held)
            held = []
        if not held:
            start, end, reach = span.start, span.end, around
        end, reach = max(end, span.end), max(reach, around)
        held.append(span)
    if held:
        yield _Window(start, end, reach, held)


class _Places:
    """Where anchors stand, ascending by start."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._start = [span.start for span in spans]
        self._end = [*accumulate((span.end for span in spans), max)]

    def touch(self, start: int, end: int) -> bool:
        """Whether one of them overlaps."""
        before = bisect_left(self._start, end)
        return before > 0 and self._end[before - 1] > start


def _found(
    index: int,
    term: Term,
    search: Search,
    charset: Charset,
    decoded: Decoded,
    mapped: Folded,
    places: _Places,
) -> Iterator[Found]:
    """Where a keyword stands in decoded text, in order."""
    octets, budget = search.octets, search.budget
    at = mapped.text.find(term.folded)
    while at >= 0 and not budget.is_spent():
        begin, stop = mapped.origin[at], _end_of(mapped.origin, at + len(term.folded))
        start, end = decoded.origin[begin], decoded.origin[stop]
        # What stands at no anchor stands at the window's edge, where a mark of its last kana may be cut off.
        if not (places.touch(start, end) and search.counts(term, start, end)):
            budget.spend(PLACE)
        elif is_plausible(octets, charset, decoded, begin, stop, search.extent):
            form = "ascii" if charset is Charset.UTF_8 and octets[start:end].isascii() else charset.value
            yield Found(index, term, start, end, (form,), decoded.text, begin, stop)
        else:
            budget.spend(DOUBT)
        at = mapped.text.find(term.folded, at + 1)


def _end_of(origin: Sequence[int], end: int) -> int:
    """The character behind the one that the last folded character came from."""
    last = origin[end - 1]
    while origin[end] <= last:
        end += 1
    return origin[end]
