"""Keywords in joined buffers: in the octets as they came, and in views of them with escapes undone.

Theory of operation. The octets as they came are the first layer. Where they hold escapes (percent-encoding,
references, base64, …) views are made of the neighbourhoods of those. All views of a layer, one after another,
are the next layer, of which views are made again: text that was encoded twice takes two. (A layer for each
view would come to some twenty layers, most of them of a few octets, and what a layer costs is the calls.)
What is found in a layer is traced back to the octets as they came, through the places that each octet came
from. A layer is scanned by the same database as the octets as they came, and only its anchors count: contents
are looked for in what was sent.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.matching.find import find_keywords
from sensor.matching.keywords import Budget, Found, Hit, Search
from sensor.matching.plan import Literals
from sensor.matching.plausible import SOME, Extent
from sensor.matching.reading import Reading
from sensor.matching.terms import Term
from sensor.matching.views.arrange import ramp
from sensor.matching.views.base64_runs import NO_LETTER, VALUES
from sensor.matching.views.make import Wanted, make_views
from sensor.matching.views.origin import Origins
from sensor.matching.views.view import Above, Form, View

_DEPTH: Final = 4
"""Views of views: text that was percent-encoded twice, in JSON, in base64, takes four."""
_GROWTH: Final = 12
"""Octets of all views of a part, as a multiple of its own: what is encoded over and over must not cost over
and over."""
_AT_ONCE: Final = 1 << 18
"""Octets of views that are made at once: each takes 6 octets of memory in base64, 25 beside an escape, 190
where nothing but escapes stands."""
_DIVISIBLE: Final = 3
"""Seams that what is parted has: halves of it, each with a seam more, must be smaller."""
_SPARSE: Final = 4
_MOST_AT_ONCE: Final = 1 << 20
"""Or, if those are more, one for so many octets that are looked into, but no more than this: batches of a
capture that is replayed are large, and to part one means to look for escapes once more."""
_SEAM: Final = 1 << 13
"""Octets of a long run that two parts of it share: a keyword in any form."""
_LEAST_VIEWS: Final = 1 << 16

_FORMS: Final = tuple(Form)
_FORM: Final = len(_FORMS) + 1
"""What a chain of forms is multiplied by to append one, counted from 1."""
_BASE64: Final = VALUES != NO_LETTER
_ASCII: Final = 0x80

Scan = Callable[[U8, I64, I64], Iterator[tuple[int, list[Hit]]]]
"""Takes octets and runs in them; tells of each run that has any anchor which it has."""
Counts = Callable[[int, int, int, int], bool]
"""Takes clause, run, start and end of a match in the first layer; tells whether it is one to tell of."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Octets, and where they came from."""

    octets: U8
    start: I64
    """(k,) where each run starts in ``octets``."""
    end: I64
    run: I64
    """(k,) which run of the first layer each is of."""
    chain: I64
    """(k,) what was undone to get each run: forms as digits of a number, the innermost the lowest."""
    origins: Origins | None = None
    """Where in the first layer each octet came from; None in the first layer itself."""
    sure: Bool | None = None
    """(k,) whether a character certainly begins where each run does, and in base64 an octet; None: all."""
    base: int = 0
    """Where a part of the first layer begins in it."""

    def above(self) -> Above | None:
        """What it was made of; None of the first layer."""
        return None if self.origins is None else Above(self.origins, self.chain % _FORM - 1)


class KeywordMatch(NamedTuple):
    """A keyword that was found."""

    clause: int
    run: int
    start: int
    """In the first layer."""
    end: int
    found: Found
    form: tuple[str, ...]

    def reading(self) -> Reading:
        """For people."""
        return self.found.reading(self.form)


class Effort(NamedTuple):
    """What looking for keywords took."""

    anchors: int = 0
    """Anchors that were read."""
    view_octets: int = 0
    views_left_out: int = 0
    """Views, and stretches of them, that were not made, and places that were not read: a batch's views would
    have grown too large, or a run was made to cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of the runs of the first layer."""

    sure: Bool
    """(k,) whether a character certainly begins where each run does."""
    counts: Counts
    most: Callable[[int], int]
    """How many matches of a clause in a run are of use."""


def match_keywords(
    literals: Literals, octets: U8, start: I64, end: I64, asked: Asked, scan: Scan
) -> tuple[list[KeywordMatch], Effort]:
    """Keywords in runs of octets."""
    matches: list[KeywordMatch] = []
    anchors = view_octets = left_out = 0
    wanted = Wanted(spaces=literals.terms.spaced)
    budgets: dict[int, tuple[Budget, Budget]] = {}
    whole = Layer(octets, start, end, np.arange(start.shape[0]), np.zeros_like(start), sure=asked.sure)

    def look_into(layer: Layer) -> Iterator[KeywordMatch]:
        nonlocal anchors
        data: bytes | None = None
        for index, hits in scan(layer.octets, layer.start, layer.end):
            data = layer.octets.tobytes() if data is None else data
            anchors += len(hits)
            run = int(layer.run[index])
            if run not in budgets:
                size = int(end[run] - start[run])
                budgets[run] = Budget(size), Budget(size)
            yield from _in_run(literals, layer, data, index, hits, asked, budgets[run])

    matches += look_into(whole)
    waiting = [whole]
    while waiting:
        layer = waiting.pop()
        bound = _GROWTH * layer.octets.shape[0] + _LEAST_VIEWS
        at_once: int | None = None
        if layer.octets.shape[0] >= _DIVISIBLE * _SEAM:
            at_once = min(max(_AT_ONCE, layer.octets.shape[0] // _SPARSE), _MOST_AT_ONCE)
        for _ in range(_DEPTH):
            reach = 2 * literals.terms.reach
            made = make_views(
                layer.octets, layer.start, layer.end, reach, wanted, bound, at_once, layer.above()
            )
            if at_once and made.needed:
                size = -(-layer.octets.shape[0] // (1 + made.needed // at_once))
                waiting += reversed(list(_parts(layer, size)))
                break
            left_out += made.dropped
            if not made.views:
                break
            layer, at_once = _below(layer, made.views), None
            bound -= layer.octets.shape[0]
            view_octets += int((layer.end - layer.start).sum())
            matches += look_into(layer)
    left_out += sum(budget.refused for both in budgets.values() for budget in both)
    return matches, Effort(anchors, view_octets, left_out)


def _parts(layer: Layer, size: int) -> Iterator[Layer]:
    """The first layer, or a part of it, in parts of about ``size`` octets."""
    size = max(size, _SEAM)
    pieces = np.maximum(-(-(layer.end - layer.start - _SEAM) // size), 1)
    row = np.repeat(np.arange(pieces.shape[0]), pieces)
    number = ramp(np.zeros_like(pieces), pieces)
    start = layer.start[row] + size * number
    end = np.minimum(start + size + _SEAM, layer.end[row])
    sure = number == 0 if layer.sure is None else layer.sure[row] & (number == 0)
    first = 0
    while first < row.shape[0]:
        low = int(start[first])
        behind = max(int(np.searchsorted(end, low + size, side="right")), first + 1)
        rows = slice(first, behind)
        yield Layer(
            layer.octets[low : int(end[behind - 1])],
            start[rows] - low,
            end[rows] - low,
            layer.run[row[rows]],
            layer.chain[row[rows]],
            sure=sure[rows],
            base=layer.base + low,
        )
        first = behind


def _below(layer: Layer, views: Sequence[View]) -> Layer:
    region_run = np.concatenate([view.region_run for view in views])
    regions = [view.region_run.shape[0] for view in views]
    first = [0, *accumulate(map(len, views))]
    before = np.repeat(first[:-1], regions)
    forms = np.repeat([1 + _FORMS.index(view.form) for view in views], regions)
    origins = [view.origin for view in views]
    return Layer(
        np.concatenate([view.octets for view in views]),
        before + np.concatenate([view.region_start for view in views]),
        before + np.concatenate([view.region_end for view in views]),
        layer.run[region_run],
        layer.chain[region_run] * _FORM + forms,
        Origins.of(list(zip(first, origins, strict=False)), layer.origins, layer.base),
        np.concatenate([_begins(layer, view) for view in views]),
    )


def _begins(layer: Layer, view: View) -> Bool:
    """Which regions begin where a character does, or a text of base64."""
    start = view.origin.starts(view.region_start)
    before = layer.octets[start - 1]
    run_begins = True if layer.sure is None else layer.sure[view.region_run]
    # What is shown before an escape is plain, so an octet of ASCII before that is no half of an escape.
    begins: Bool = np.where(
        start == layer.start[view.region_run],
        run_begins,
        ~_BASE64[before] if view.form is Form.BASE64 else before < _ASCII,
    )
    return begins


def _in_run(
    literals: Literals,
    layer: Layer,
    data: bytes,
    index: int,
    hits: list[Hit],
    asked: Asked,
    budgets: tuple[Budget, Budget],
) -> Iterator[KeywordMatch]:
    run = int(layer.run[index])
    sure = layer.sure is None or bool(layer.sure[index])
    # In base64 read from the wrong letter, noise holds a few octets of anything.
    forms = _forms(int(layer.chain[index]))
    least = SOME if forms[-1:] == (Form.BASE64,) and not sure else 0

    trace = _tracer(layer, index)

    def counts(term: Term, start: int, end: int) -> bool:
        return end - start >= least and asked.counts(term.clause, run, *trace(start, end))

    def most(term: Term) -> int:
        return asked.most(term.clause)

    extent = Extent(int(layer.start[index]), int(layer.end[index]), sure)
    search = Search(data, extent, counts, most, *budgets)
    for found in find_keywords(literals.terms, search, hits):
        start, end = trace(found.start, found.end)
        yield KeywordMatch(found.term.clause, run, start, end, found, forms)


def _forms(chain: int) -> tuple[str, ...]:
    """Outermost first."""
    if not chain:
        return ()
    outer, last = divmod(chain, _FORM)
    return (*_forms(outer), _FORMS[last - 1])


def _tracer(layer: Layer, index: int) -> Callable[[int, int], tuple[int, int]]:
    """Tells where in the first layer a stretch of a run came from."""
    origins = layer.origins
    if origins is None:
        return lambda start, end: (start, end)
    first, behind = int(layer.start[index]), int(layer.end[index])

    @cache
    def places() -> tuple[list[int], list[int]]:
        whole = np.arange(first, behind)
        return origins.starts(whole).tolist(), origins.ends(whole).tolist()

    def trace(start: int, end: int) -> tuple[int, int]:
        starts, ends = places()
        return starts[start - first], ends[end - 1 - first]

    return trace
