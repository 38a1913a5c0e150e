"""The keywords of one run: those read where their anchors stand, and those read in base64 around them."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from sensor.matching.keywords import ATTEMPT, Found, Hit, Search, Span, by_charset, in_charset
from sensor.matching.plausible import SOME, Extent
from sensor.matching.terms import PLAIN, TermAnchor, Terms

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_FIRST_KNOWN: Final = (0, 2, 3)
_LONG: Final = 1_024
"""Letters that `sensor.matching.views` takes for base64 whatever they are."""
_CONTEXT: Final = 32
"""Octets around a keyword that tell whether it stands in text."""


def find_keywords(terms: Terms, search: Search, hits: Sequence[Hit]) -> Iterator[Found]:
    """The keywords that stand in a run, at ``hits``; some more than once."""
    for (charset, _), spans in by_charset(terms, hits).items():
        yield from in_charset(terms, search, charset, spans)
    told: Counter[int] = Counter()
    long_end = 0
    for hit in sorted(hits):
        anchor = terms.anchors[hit.anchor]
        if anchor.alignment == PLAIN or all(
            told[index] >= search.most(terms.terms[index]) for index in anchor.terms
        ):
            continue
        if hit.end <= long_end:
            continue
        long_end = _end_of_long(search.octets, hit, search.extent)
        if hit.end <= long_end:
            continue
        if search.attempts.is_spent():
            return
        search.attempts.spend(ATTEMPT)
        for found in _in_base64(terms, search, hit, anchor):
            told[found.index] += 1
            yield found


def _end_of_long(octets: bytes, hit: Hit, extent: Extent) -> int:
    """Up to where so many letters stand around that they are decoded whole, as a view; 0: they are not."""
    low, high = max(extent.first, hit.start - _LONG), min(extent.last, hit.end + _LONG)
    before = hit.start - low - len(octets[low : hit.start].rstrip(_BASE64))
    after = high - hit.end - len(octets[hit.end : high].lstrip(_BASE64))
    return hit.end + after if before + after >= _LONG else 0


def _in_base64(terms: Terms, search: Search, hit: Hit, anchor: TermAnchor) -> Iterator[Found]:
    """What stands in the run of base64 around a hit."""
    octets, (first, last, _) = search.octets, search.extent
    around = (anchor.reach + _CONTEXT) * 4 // 3 + 4
    low = quantum = hit.start - _FIRST_KNOWN[anchor.alignment]
    if quantum < first or not all(each in _BASE64 for each in octets[quantum : hit.start]):
        return  # what would come before is not there
    while low - 4 >= max(first, quantum - around) and all(each in _BASE64 for each in octets[low - 4 : low]):
        low -= 4
    high = hit.end
    while high < min(last, hit.end + around) and octets[high] in _BASE64:
        high += 1
    encoded = octets[low:high].translate(_TO_STANDARD)
    whole = len(encoded) - (len(encoded) % 4 == 1)  # one character alone is no octet
    decoded = b64decode(encoded[:whole] + b"=" * (-whole % 4))
    inner = (quantum - low) // 4 * 3 + anchor.alignment
    within = Span(inner, min(inner + hit.end - hit.start + 3, len(decoded)), hit.anchor)
    sure = low == first or octets[low - 1] not in _BASE64

    def place(start: int, end: int) -> tuple[int, int]:
        return low + start * 4 // 3, min(low + (end * 4 + 2) // 3, high)

    inside = replace(
        search,
        octets=decoded,
        # Where it goes on, the last character may be cut off.
        extent=Extent(0, len(decoded) + (high < last and octets[high] in _BASE64), sure),
        # Groups of four are counted from where the run starts: elsewhere, noise holds a few of anything.
        counts=lambda term, start, end: (
            (sure or end - start >= SOME) and search.counts(term, *place(start, end))
        ),
    )
    for found in in_charset(terms, inside, anchor.charset, [within]):
        start, end = place(found.start, found.end)
        yield replace(found, start=start, end=end, form=("base64", *found.form))
