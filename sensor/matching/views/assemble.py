"""Puts decoded escapes and the plain octets around them together."""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.matching.views.arrange import Source, ramp, spread, sums
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
    start, end, run = regions.start, regions.end, regions.run
    first, behind, length = regions.first, regions.behind, regions.length
    fitting = np.cumsum(length) <= budget
    dropped = int(fitting.shape[0] - np.count_nonzero(fitting))
    # A soft break alone in its run leaves nothing.
    kept = fitting & (length > 0)
    if not kept.all():
        start, end, run, first, behind, length = (
            column[kept] for column in (start, end, run, first, behind, length)
        )
    region_start, region_end = spread(length)
    stands_for = sums(escapes.length)

    # Escapes that are decoded: all, but for soft ones between regions and what was dropped.
    count = behind - first
    chosen = ramp(first, count)
    esc_start, esc_end, esc_len = escapes.start[chosen], escapes.end[chosen], escapes.length[chosen]
    shrunk = sums(esc_end - esc_start - esc_len)
    first_chosen, _ = spread(count)
    # What to add to a place in a region to have its origin, if nothing of the region had been replaced.
    shift = start - region_start - shrunk[first_chosen]
    out = esc_start - shrunk[:-1] - np.repeat(shift, count)
    # Stretches: plain octets that a region begins with; an escape with the plain octets behind it.
    stretch = np.insert(out, first_chosen, region_start)
    total = int(length.sum())
    stretch_len = np.diff(stretch, append=total)
    plain_shift = np.insert(esc_end - out - esc_len, first_chosen, start - region_start)

    origin = np.arange(total) + np.repeat(plain_shift, stretch_len)
    origin_end = origin + 1
    replaced_at = ramp(out, esc_len)
    origin[replaced_at] = np.repeat(esc_start, esc_len)
    origin_end[replaced_at] = np.repeat(esc_end, esc_len)
    # In place of an escape its own octets, which are then replaced, are as good as any.
    octets = source.octets[origin]
    if form is Form.PERCENT:
        octets[octets == ord("+")] = ord(" ")
    octets[replaced_at] = escapes.octets[ramp(stands_for[first], stands_for[behind] - stands_for[first])]
    return View(form, octets, origin, origin_end, region_start, region_end, run), dropped


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
