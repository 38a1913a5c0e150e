"""Where the octets of views came from, told of those that somebody asks about.

Theory of operation. Most octets of a view are looked at once, by the scan, so that to write down where each
came from would cost more than to make it. That follows from the escape before it, or in base64 from its
number: few are asked about, and those are looked up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.matching.views.arrange import sums

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Of octets in stretches: what an escape stands for, and the plain ones behind it."""

    begin: I64
    """(n,) where each stretch starts in the view, ascending."""
    undone: I64
    """(n,) how many of its octets an escape stands for; 0 too where a region begins."""
    start: I64
    """(n,) where that escape starts in the source."""
    end: I64
    """(n,) where it ends, and the plain octets start."""
    changes: I64
    """(n + 1,) how many of the stretches before each begin with other octets than the source has: all escapes
    but those of one octet for one."""

    @staticmethod
    def of(begin: I64, undone: I64, start: I64, end: I64) -> "Stretches":
        """With ``changes``."""
        return Stretches(begin, undone, start, end, sums((end - start != undone) | (undone > 1)))

    @staticmethod
    def joined(views: Sequence[tuple[int, "Stretches"]]) -> "Stretches":
        """Of views one after another, each from such an octet on."""
        if len(views) == 1 and not views[0][0]:
            return views[0][1]
        each = [origin for _, origin in views]
        begin, undone, start, end = (
            np.concatenate([_NONE, *columns])
            for columns in (
                [origin.begin + first for first, origin in views],
                [origin.undone for origin in each],
                [origin.start for origin in each],
                [origin.end for origin in each],
            )
        )
        return Stretches.of(begin, undone, start, end)

    def if_plain(self, size: int) -> I64:
        """(size,) where each octet of the view came from if no escape stands for it."""
        length = np.empty_like(self.begin)
        np.subtract(self.begin[1:], self.begin[:-1], out=length[:-1])
        length[-1:] = size - self.begin[-1:]
        places: I64 = np.arange(size) + np.repeat(self.end - self.begin - self.undone, length)
        return places

    def starts(self, places: I64) -> I64:
        """Where the first octet stands that each of ``places`` came from."""
        at, ahead = self._at(places)
        return np.where(ahead < 0, self.start[at], self.end[at] + ahead)

    def ends(self, places: I64) -> I64:
        """Behind the last octet that each came from."""
        at, ahead = self._at(places)
        return self.end[at] + np.maximum(ahead + 1, 0)

    def changed(self, start: I64, end: I64) -> Bool:
        """Whether anything was undone between each ``start`` and the ``end`` behind it, of one region."""
        at, ahead = self._at(start)
        last, _ = self._at(end - 1)
        before = at + (ahead >= 0)  # the escape that it begins behind
        found: Bool = self.changes[last + 1] > self.changes[before]
        return found

    def _at(self, places: I64) -> tuple[I64, I64]:
        """The stretch of each, and how far it is into its plain octets; below 0 of what was undone."""
        at = np.searchsorted(self.begin, places, side="right") - 1
        return at, places - self.begin[at] - self.undone[at]


@dataclass(frozen=True, slots=True, eq=False)
class Letters:
    """Of octets in base64, in blocks: every text as read from its first letter, its second one, and so on."""

    first: I64
    """(n,) number of the first letter of each line; that of a text is a multiple of four."""
    start: I64
    """(n,) where each line starts in the source."""
    block: int
    """Octets of a block."""

    def starts(self, places: I64) -> I64:
        """As of `Stretches`: where an octet's first letter stands."""
        return self._place(self._letter(places))

    def ends(self, places: I64) -> I64:
        """As of `Stretches`: behind its second letter."""
        return self._place(self._letter(places) + 1) + 1

    def _letter(self, places: I64) -> I64:
        skipped, octet = np.divmod(places, self.block)
        four, letter = np.divmod(octet, 3)
        number: I64 = skipped + 4 * four + letter
        return number

    def _place(self, letter: I64) -> I64:
        line = np.searchsorted(self.first, letter, side="right") - 1
        place: I64 = self.start[line] + letter - self.first[line]
        return place


Origin = Stretches | Letters


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Of the octets of views one after another, back to the octets that the first ones were made of."""

    stretches: Stretches
    letters: Letters | None
    border: int
    """From which octet on ``letters`` tells."""
    above: "Origins | None"
    """Of what the views were made of, if that was views."""
    base: int
    """If not: what to add to places there."""

    @staticmethod
    def of(views: Sequence[tuple[int, Origin]], above: "Origins | None" = None, base: int = 0) -> "Origins":
        """Of views that each begin at such an octet; one in base64 is the last."""
        stretches = [(first, origin) for first, origin in views if isinstance(origin, Stretches)]
        border, last = views[-1]
        letters = last if isinstance(last, Letters) else None
        return Origins(Stretches.joined(stretches), letters, border, above, base)

    def starts(self, places: I64) -> I64:
        """Where the first octet stands that each of ``places`` came from."""
        near = self._starts(places)
        return near + self.base if self.above is None else self.above.starts(near)

    def ends(self, places: I64) -> I64:
        """Behind the last octet that each came from."""
        near = self._ends(places)
        return near + self.base if self.above is None else self.above.ends(near - 1)

    def changed(self, start: I64, end: I64) -> Bool:
        """Whether anything was undone between each ``start`` and the ``end`` behind it, of one region."""
        found = start >= self.border if self.letters is not None else np.zeros(start.shape[0], np.bool_)
        plain = (~found).nonzero()[0]
        found[plain] = self.stretches.changed(start[plain], end[plain])
        if self.above is not None:
            same = (~found).nonzero()[0]
            found[same] = self.above.changed(self._starts(start[same]), self._ends(end[same] - 1))
        return found

    def _starts(self, places: I64) -> I64:
        return self._told(places, Stretches.starts, Letters.starts)

    def _ends(self, places: I64) -> I64:
        return self._told(places, Stretches.ends, Letters.ends)

    def _told(
        self,
        places: I64,
        of_stretches: Callable[[Stretches, I64], I64],
        of_letters: Callable[[Letters, I64], I64],
    ) -> I64:
        if self.letters is None:
            return of_stretches(self.stretches, places)
        lettered = places >= self.border
        found = np.empty_like(places)
        found[~lettered] = of_stretches(self.stretches, places[~lettered])
        found[lettered] = of_letters(self.letters, places[lettered] - self.border)
        return found
