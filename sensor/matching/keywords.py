"""Keywords where their anchors were found: the octets around are decoded, folded and compared.

An anchor tells that a keyword may stand there, and in which charset; whether it does, only the text tells
that the octets are in that charset, folded as the keyword is. So what is found is right by construction, and
what is missed is what has no anchor. Hits near each other are read at once: however many there are, each
octet is decoded once for each charset.
"""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sensor.matching.plausible import SOME, is_plausible
from sensor.matching.reading import Reading
from sensor.matching.terms import PLAIN, Term, TermAnchor, Terms
from signatures.text.charsets import Charset, Decoded, decode_around
from signatures.text.fold import fold, fold_mapped, needed_folds

_MARGIN: Final = 16
"""Octets decoded beyond what a keyword takes: a mark that combines with its last character may follow."""
_SPAN: Final = 1 << 15
"""Octets read at once: a character of text with its place takes some 50 octets."""
_EVERY: Final = 64
"""Times that a keyword is looked for in base64 in one run, once it was found there."""
_SHOWN: Final = 12
"""Characters that a reading shows on each side of a match: as an excerpt in octets does."""
_SHOWN_MATCH: Final = 256
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_FIRST_KNOWN: Final = (0, 2, 3)


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


class _Span(NamedTuple):
    """Where some keywords may stand."""

    start: int
    end: int
    terms: tuple[int, ...]


class _Window(NamedTuple):
    """What is decoded at once, and why."""

    start: int
    end: int
    reach: int
    """How far around it is read as well."""
    spans: list[_Span]


def find_keywords(terms: Terms, octets: bytes, first: int, last: int, hits: Iterable[Hit]) -> Iterator[Found]:
    """The keywords that stand in a run, at ``hits``; some more than once.

    :param first: where the run starts in ``octets``, ``last`` where it ends: nothing outside is read.
    """
    plain: dict[tuple[Charset, int], list[_Span]] = {}
    in_base64: Counter[int] = Counter()
    for hit in hits:
        anchor = terms.anchors[hit.anchor]
        span = _Span(hit.start, hit.end, anchor.terms)
        if anchor.alignment == PLAIN:
            plain.setdefault((anchor.charset, _parity(anchor.charset, hit.start)), []).append(span)
        elif any(in_base64[index] < _EVERY for index in span.terms):
            for found in _in_base64(terms, octets, first, last, span, anchor):
                in_base64[found.index] += 1
                yield found
    for (charset, _), spans in plain.items():
        yield from _in_charset(terms, octets, first, last, charset, spans)


def _parity(charset: Charset, start: int) -> int:
    """What tells apart texts that overlap, and are read from other octets."""
    return start % 2 if charset in (Charset.UTF_16LE, Charset.UTF_16BE) else 0


def _in_charset(
    terms: Terms, octets: bytes, first: int, last: int, charset: Charset, spans: list[_Span]
) -> Iterator[Found]:
    for window in _windows(sorted(spans), terms):
        start, end, reach = window.start, window.end, window.reach
        decoded = decode_around(octets, start, end, charset, reach, reach, first, last)
        owned: dict[int, list[_Span]] = {}
        for span in window.spans:
            for index in span.terms:
                owned.setdefault(index, []).append(span)
        folded: dict[tuple[str, ...], str] = {}
        for index, its_spans in owned.items():
            term = terms.terms[index]
            text = folded.get(term.folds)
            if text is None:
                text = folded[term.folds] = fold(decoded.text, term.folds)
            if term.folded in text:
                yield from _places(index, term, octets, charset, decoded, its_spans, first, last)


def _windows(spans: Sequence[_Span], terms: Terms) -> Iterator[_Window]:
    held: list[_Span] = []
    start = end = reach = 0
    for span in spans:
        around = max(terms.terms[index].reach for index in span.terms) + _MARGIN
        if held and (span.start - around > end + reach or span.end - start > _SPAN):
            yield _Window(start, end, reach, held)
            held = []
        if not held:
            start, end, reach = span.start, span.end, around
        end, reach = max(end, span.end), max(reach, around)
        held.append(span)
    if held:
        yield _Window(start, end, reach, held)


def _places(
    index: int,
    term: Term,
    octets: bytes,
    charset: Charset,
    decoded: Decoded,
    spans: Sequence[_Span],
    first: int,
    last: int,
) -> Iterator[Found]:
    """Where a keyword stands in decoded text, each once."""
    mapped = fold_mapped(decoded.text, term.folds)
    at = mapped.text.find(term.folded)
    while at >= 0:
        begin, stop = mapped.origin[at], _end_of(mapped.origin, at + len(term.folded))
        start, end = decoded.origin[begin], decoded.origin[stop]
        # What stands at no anchor stands at the window's edge, where a mark of its last kana may be cut off.
        if any(span.start < end and start < span.end for span in spans) and is_plausible(
            octets, charset, decoded, begin, stop, first, last
        ):
            form = "ascii" if charset is Charset.UTF_8 and octets[start:end].isascii() else charset.value
            yield Found(index, term, start, end, (form,), decoded.text, begin, stop)
        at = mapped.text.find(term.folded, at + 1)


def _end_of(origin: Sequence[int], end: int) -> int:
    """The character behind the one that the last folded character came from."""
    last = origin[end - 1]
    while origin[end] <= last:
        end += 1
    return origin[end]


def _in_base64(
    terms: Terms, octets: bytes, first: int, last: int, span: _Span, anchor: TermAnchor
) -> Iterator[Found]:
    """What stands in the run of base64 around a hit."""
    around = max(terms.terms[index].reach for index in span.terms) * 4 // 3 + 4
    low = quantum = span.start - _FIRST_KNOWN[anchor.alignment]
    if quantum < first or not all(each in _BASE64 for each in octets[quantum : span.start]):
        return  # what would come before is not there
    while low - 4 >= max(first, quantum - around) and all(each in _BASE64 for each in octets[low - 4 : low]):
        low -= 4
    high = span.end
    while high < min(last, span.end + around) and octets[high] in _BASE64:
        high += 1
    encoded = octets[low:high].translate(_TO_STANDARD)
    whole = len(encoded) - (len(encoded) % 4 == 1)  # one character alone is no octet
    decoded = b64decode(encoded[:whole] + b"=" * (-whole % 4))
    inner = (quantum - low) // 4 * 3 + anchor.alignment
    within = _Span(inner, min(inner + span.end - span.start + 3, len(decoded)), span.terms)
    sure = low == first or octets[low - 1] not in _BASE64
    for found in _in_charset(terms, decoded, 0, len(decoded), anchor.charset, [within]):
        if not sure and found.end - found.start < SOME:
            continue  # groups of four are counted from where the run starts
        start, end = low + found.start * 4 // 3, min(low + (found.end * 4 + 2) // 3, high)
        form = ("base64", *found.form)
        yield Found(found.index, found.term, start, end, form, found.text, found.text_start, found.text_end)


_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
