"""Finds where an escape may start, in one pass over all octets.

Theory of operation. Most octets belong to no escape, so what counts is the cost of finding that out. An
escape starts with one of a few lead octets; comparing against each costs 0.02 ns an octet while the stretch
stays in the processor's cache, and only a tenth of what that finds has an octet behind it that may be there.
Runs are looked up for those alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool, gather
from sensor.matching.views.arrange import ramp

DASH = ord("-")
"""Counts only behind an ``n``, as in ``xn--``."""
_PAIR = np.dtype("<u2")
STRETCH = 1 << 18
"""Octets compared at once: few enough to stay in the processor's cache with the masks, enough to make numpy's
calls cheap. A multiple of 8."""


@dataclass(frozen=True, slots=True, eq=False)
class Leads:
    """Places of octets, each inside a run."""

    octets: U8
    """(m,) the source."""
    start: I64
    """(n,) the places, ascending."""
    run: I64
    """(n,) index of the run that each lies in."""
    floor: I64
    """(n,) where that run starts."""
    limit: I64
    """(n,) where it ends."""

    def __len__(self) -> int:
        return int(self.start.shape[0])

    def at(self, ahead: int | I64) -> U8:
        """The octet so many behind each place; 0, which is part of no escape, where the run is over."""
        where = self.start + ahead
        found = self.octets.take(where, mode="clip")
        found[where >= self.limit] = 0
        return found

    def before(self) -> U8:
        """The octet before each place; 0 where the run only begins."""
        found = self.octets.take(self.start - 1, mode="clip")
        found[self.start == self.floor] = 0
        return found

    def where(self, chosen: Bool) -> "Leads":
        """Those chosen."""
        return self.take(chosen.nonzero()[0])

    def take(self, index: I64) -> "Leads":
        """Those of ``index``."""
        return Leads(self.octets, self.start[index], self.run[index], self.floor[index], self.limit[index])


class Pairs:
    """Octets that an escape may start with, and those that may stand behind each."""

    def __init__(self, followers: Mapping[int, bytes]) -> None:
        self._leads = tuple(followers)
        self._known = np.zeros(1 << 16, np.bool_)
        for lead, behind in followers.items():
            self._known[[lead | octet << 8 for octet in behind]] = True

    def find(self, octets: U8) -> I64:
        """Every place of one, ascending."""
        if octets.shape[0] < 2 or not self._leads:
            return np.zeros(0, np.int64)
        place = places_of_octet(octets[:-1], *self._leads)
        if not place.shape[0]:
            return place
        place = place[self._known.take(gather(octets, place, _PAIR))]
        if DASH in self._leads:
            # Lines of dashes are common.
            place = place[(octets[place] != DASH) | (octets[place - 1] | 0x20 == ord("n"))]
        return place


def places_of_octet(octets: U8, *wanted: int) -> I64:
    """Every place of one of ``wanted``, ascending."""
    mask, other = np.zeros((2, min(STRETCH, -(-octets.shape[0] // 8) * 8)), np.bool_)
    places = []
    for start in range(0, octets.shape[0], STRETCH):
        stretch = octets[start : start + STRETCH]
        hit, also = mask[: stretch.shape[0]], other[: stretch.shape[0]]
        mask[stretch.shape[0] :] = False
        np.equal(stretch, wanted[0], out=hit)
        for octet in wanted[1:]:
            np.logical_or(hit, np.equal(stretch, octet, out=also), out=hit)
        found = places_of(mask)
        found += start
        places.append(found)
    return places[0] if len(places) == 1 else np.concatenate(places)


def places_of(mask: Bool) -> I64:
    """As ``np.flatnonzero``, where few are set: eight are looked at at once. A multiple of eight long."""
    words = mask.view(np.uint64)
    some = (words != 0).nonzero()[0]
    at = words[some].view(np.bool_).nonzero()[0]
    places: I64 = (some[at >> 3] << 3) + (at & 7)
    return places


def in_runs(octets: U8, place: I64, run_start: I64, run_end: I64) -> Leads:
    """Those of ``place``, ascending, that lie in a run."""
    first = np.searchsorted(place, run_start)
    count = np.searchsorted(place, run_end) - first
    run = np.repeat(np.arange(run_start.shape[0]), count)
    return Leads(octets, place[ramp(first, count)], run, run_start[run], run_end[run])
