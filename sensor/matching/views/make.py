"""Makes the views of joined octets: one pass finds what may be an escape, each form then takes its own.

A keyword that stands escaped is found by scanning the views with the database that scans the octets
themselves. Escapes inside escapes take views of views: of a view's octets, with its regions as runs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sensor.arrays import I64, U8
from sensor.matching.views import (
    encoded_words,
    html_references,
    percent,
    punycode_names,
    quoted_printable,
    unicode_escapes,
)
from sensor.matching.views.arrange import Source
from sensor.matching.views.assemble import Regions, assemble, find_regions
from sensor.matching.views.base64_runs import MIN_RUN
from sensor.matching.views.base64_view import base64_view, find_texts
from sensor.matching.views.leads import DASH, Leads, Pairs, in_runs
from sensor.matching.views.view import Above, Escapes, Form, View

_BUDGET_BASE = 1 << 16
_BUDGET_PER_OCTET = 4
"""Octets that may be decoded, beside so many for each octet of the source. Regions of one form do not overlap
and hardly grow, and base64 is read from four places: only what was made to cost goes past it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What views are for."""

    forms: frozenset[Form] = frozenset(Form)
    spaces: bool = False
    """Whether a keyword holds a space: ``+`` then is looked for by itself, not only near ``%``."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Everything that was decoded."""

    views: tuple[View, ...]
    """None of them empty, one of a form."""
    dropped: int
    """Regions, words and labels that were left out because too much would have been decoded."""
    needed: int = 0
    """Octets that the views would have had, where those were too many at once, and none was made."""


_FEW = 1 << 11
"""Octets up to which a search by a regular expression, some 10 ns an octet, is cheaper than numpy's calls."""
EVERYTHING = Wanted()
_NONE = Views((), 0)
_Reader = Callable[[Leads], Escapes]
_READERS: dict[Form, tuple[dict[int, bytes], _Reader]] = {
    Form.PERCENT: ({ord("%"): percent.FOLLOWERS}, percent.percent_escapes),
    Form.UNICODE: ({ord("\\"): unicode_escapes.FOLLOWERS}, unicode_escapes.unicode_escapes),
    Form.HTML: ({ord("&"): html_references.FOLLOWERS}, html_references.html_references),
    Form.QUOTED_PRINTABLE: (
        {ord("="): quoted_printable.FOLLOWERS},
        quoted_printable.quoted_printable_escapes,
    ),
    Form.ENCODED_WORD: ({ord("="): encoded_words.FOLLOWERS}, encoded_words.encoded_words),
    Form.PUNYCODE: ({DASH: punycode_names.FOLLOWERS}, punycode_names.punycode_labels),
}
"""By form: the octets that an escape starts with, each with those that may follow it, and who reads it."""


def make_views(
    octets: U8,
    run_start: I64,
    run_end: I64,
    reach: int,
    wanted: Wanted = EVERYTHING,
    most: int | None = None,
    at_once: int | None = None,
    above: Above | None = None,
) -> Views:
    """Decode the neighbourhoods of escapes.

    :param octets: (m,) the source, contiguous; what lies between runs is ignored.
    :param run_start: (k,) where each run starts in ``octets``, ascending, runs not overlapping.
    :param run_end: (k,) where each run ends, exclusive.
    :param reach: how many plain octets are shown on either side of an escape, within its run: as many as
        the longest keyword has, less one.
    :param most: octets that the views may have, if those are fewer than the budget of the source.
    :param at_once: octets from which on no view is made, and only told how many they would have.
    :param above: of a view of a view, what it was made of.
    """
    if not run_start.shape[0]:
        return _NONE
    search = _search(wanted)
    if octets.shape[0] <= _FEW and not search.anything.search(octets.tobytes()):
        return _NONE
    source = Source(octets, run_start, run_end, reach)
    place = search.pairs.find(octets)
    if at_once is not None and place.shape[0] > at_once:
        return Views((), 0, place.shape[0])
    found, dropped = _find_escapes(search, source, place, above)
    texts = find_texts(source, above) if Form.BASE64 in wanted.forms else None
    needed = sum(regions.octets() for _, _, regions in found) + (texts.octets() if texts else 0)
    if at_once is not None and needed > at_once:
        return Views((), 0, needed)
    budget = _BUDGET_BASE + _BUDGET_PER_OCTET * octets.shape[0]
    budget = budget if most is None else min(budget, most)
    views = []
    for form, escapes, regions in found:
        view, left_out = assemble(source, form, escapes, regions, budget)
        dropped += left_out
        budget -= len(view)
        views.append(view)
    if texts and len(texts.lines):
        view, left_out = base64_view(source, texts, budget)
        dropped += left_out
        views.append(view)
    return Views(tuple(view for view in views if len(view)), dropped)


def _find_escapes(
    search: "_Search", source: Source, place: I64, above: Above | None
) -> tuple[list[tuple[Form, Escapes, Regions]], int]:
    """Escapes and regions of each form that there is, and how many places were left out."""
    found: list[tuple[Form, Escapes, Regions]] = []
    if not place.shape[0]:
        return found, 0
    left_out = 0
    leads = in_runs(source.octets, place, source.run_start, source.run_end)
    lead_octet = leads.at(0)
    for form, leads_of, read in search.readers:
        own = lead_octet == leads_of[0]
        for another in leads_of[1:]:
            own |= lead_octet == another
        if own.any():
            escapes = read(leads if own.all() else leads.where(own))
            left_out += escapes.left_out
            if not escapes.start.shape[0]:
                continue
            known = None if above is None else above.known(source, escapes, form)
            regions = find_regions(source, escapes, known)
            if regions.start.shape[0]:
                found.append((form, escapes, regions))
    return found, left_out


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    pairs: Pairs
    readers: list[tuple[Form, list[int], _Reader]]
    """Each with the octets that it is for."""
    anything: re.Pattern[bytes]
    """Matches where anything may be: a few octets are searched by this before numpy is called."""


@cache
def _search(wanted: Wanted) -> _Search:
    readers = []
    followers: dict[int, bytes] = {}
    for form, (letters, read) in _READERS.items():
        if form in wanted.forms:
            starts = dict(letters)
            if form is Form.PERCENT and wanted.spaces:
                starts[ord("+")] = percent.QUERY
            for lead, behind in starts.items():
                followers[lead] = followers.get(lead, b"") + behind
            readers.append((form, list(starts), read))
    patterns = []
    for lead, behind in followers.items():
        before = b"(?<=[nN])" if lead == DASH else b""
        patterns.append(before + re.escape(bytes([lead])) + b"[" + re.escape(behind) + b"]")
    if Form.BASE64 in wanted.forms:
        patterns.append(b"[A-Za-z0-9+/_-]{%d}" % MIN_RUN)
    return _Search(Pairs(followers), readers, re.compile(b"|".join(patterns) or b"(?!)"))
