"""Puts decoded escapes and the plain octets around them together."""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.matching.views.arrange import Source, ramp, spread, sums
from sensor.matching.views.origin import Stretches
from sensor.matching.views.view import Escapes, Form, View


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Neighbourhoods of escapes that are decoded together."""

    start: I64
    """(r,) where each starts in the source."""
    end: I64
    run: I64
    first: I64
    """(r,) index of the first escape in each."""
    behind: I64
    """(r,) index behind the last one."""
    length: I64
    """(r,) octets that each is decoded to."""

    def octets(self) -> int:
        """Octets that all are decoded to."""
        return int(self.length.sum())

    def where(self, chosen: Bool) -> "Regions":
        """Those chosen."""
        columns = (self.start, self.end, self.run, self.first, self.behind, self.length)
        return Regions(*(column[chosen] for column in columns))


def find_regions(source: Source, escapes: Escapes, known: Bool | None = None) -> Regions:
    """Regions of the source around escapes; those that would touch are one.

    :param known: (n,) escapes that need no region; where all of one are, it is left out.
    """
    hard = np.ones(escapes.start.shape[0], np.bool_) if escapes.soft is None else ~escapes.soft
    start, end, run = _clusters(source, escapes.start[hard], escapes.end[hard], escapes.run[hard])
    if known is not None:
        new = escapes.start[hard & ~known]
        kept = np.searchsorted(new, end) > np.searchsorted(new, start)
        start, end, run = start[kept], end[kept], run[kept]
    # Every escape by region. Soft ones between regions, or on the edge of one, are left as they are.
    first = np.searchsorted(escapes.start, start)
    behind = np.searchsorted(escapes.end, end, side="right")
    replaced, stands_for = sums(escapes.end - escapes.start), sums(escapes.length)
    length = (end - start) - (replaced[behind] - replaced[first]) + (stands_for[behind] - stands_for[first])
    return Regions(start, end, run, first, behind, length)


def assemble(source: Source, form: Form, escapes: Escapes, regions: Regions, budget: int) -> tuple[View, int]:
    """The view of ``escapes``, and how many regions were dropped because ``budget`` octets were reached."""
    fitting = np.cumsum(regions.length) <= budget
    dropped = int(fitting.shape[0] - np.count_nonzero(fitting))
    # A soft break alone in its run leaves nothing.
    kept = fitting & (regions.length > 0)
    if not kept.all():
        regions = regions.where(kept)
    region_start, region_end = spread(regions.length)

    # Escapes that are decoded: all, but for soft ones between regions and what was dropped.
    count = regions.behind - regions.first
    chosen = ramp(regions.first, count)
    start, end, length = escapes.start[chosen], escapes.end[chosen], escapes.length[chosen]
    shrunk = sums(end - start - length)
    first, _ = spread(count)
    # What to add to a place in a region to have its origin, if nothing of the region had been replaced.
    shift = regions.start - region_start - shrunk[first]
    place = start - shrunk[:-1] - np.repeat(shift, count)

    # Stretches: plain octets that a region begins with; an escape with the plain octets behind it.
    begins = first + np.arange(count.shape[0])
    escaped = np.arange(chosen.shape[0]) + np.repeat(np.arange(1, count.shape[0] + 1), count)

    def both(of_regions: I64 | int, of_escapes: I64) -> I64:
        column = np.empty(begins.shape[0] + escaped.shape[0], np.int64)
        column[begins], column[escaped] = of_regions, of_escapes
        return column

    origin = Stretches.of(
        both(region_start, place), both(0, length), both(regions.start, start), both(regions.start, end)
    )
    # What is not plain is replaced, so that anything will do there.
    octets = source.octets.take(origin.if_plain(int(regions.length.sum())), mode="clip")
    if form is Form.PERCENT:
        octets[octets == ord("+")] = ord(" ")
    stands_for = sums(escapes.length)
    meant = ramp(stands_for[regions.first], stands_for[regions.behind] - stands_for[regions.first])
    octets[ramp(place, length)] = escapes.octets[meant]
    return View(form, octets, origin, region_start, region_end, regions.run), dropped


def _clusters(source: Source, start: I64, end: I64, run: I64) -> tuple[I64, I64, I64]:
    """Start, end and run of each region."""
    fresh = np.ones(start.shape[0], np.bool_)
    fresh[1:] = (start[1:] - end[:-1] > 2 * source.reach) | (run[1:] != run[:-1])
    last = np.ones_like(fresh)
    last[:-1] = fresh[1:]
    run = run[fresh]
    return (
        np.maximum(start[fresh] - source.reach, source.run_start[run]),
        np.minimum(end[last] + source.reach, source.run_end[run]),
        run,
    )
