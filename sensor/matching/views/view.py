"""What is scanned in place of octets that stand escaped on the line."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.matching.views.arrange import Source
from sensor.matching.views.origin import Origin, Origins


class Form(StrEnum):
    """A way to escape octets; the values are what ``Reading.form`` shows."""

    PERCENT = "percent"
    UNICODE = "unicode"
    HTML = "html"
    QUOTED_PRINTABLE = "quoted-printable"
    ENCODED_WORD = "encoded-word"
    BASE64 = "base64"
    PUNYCODE = "punycode"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The decoded neighbourhoods of one form's escapes."""

    form: Form
    octets: U8
    """(m,) decoded octets, all regions one after another."""
    origin: Origin
    """Where in the source each octet came from."""
    region_start: I64
    """(r,) where each region starts in ``octets``, ascending; octets between regions mean nothing."""
    region_end: I64
    region_run: I64
    """(r,) index of the run of the source that each region lies in."""

    def __len__(self) -> int:
        return int(self.octets.shape[0])


ORDER: Final = MappingProxyType({form: number for number, form in enumerate(Form)})
"""In which order forms are undone that stand side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class Above:
    """What octets were before something was undone: what stands unchanged has been looked at there."""

    origins: Origins
    order: I64
    """(k,) by ``ORDER``, the form that was undone to get each run."""

    def changed(self, start: I64, end: I64) -> Bool:
        """Whether anything was undone in each stretch."""
        return self.origins.changed(start, end)

    def known(self, source: Source, escapes: "Escapes", form: Form) -> Bool:
        """(n,) which escapes made a region above, of which the form was undone that is undone here before.

        A text may hold escapes of two forms side by side: to undo them in one order is enough. So those of an
        earlier form were there already if they stand as they stood, with the octet on either side, which may
        decide what they mean, and if a word around them was within reach there.
        """
        first, behind = source.run_start[escapes.run], source.run_end[escapes.run]
        start, end = np.maximum(escapes.start - 1, first), np.minimum(escapes.end + 1, behind)
        known = (self.order[escapes.run] > ORDER[form]) & ~self.changed(start, end)
        word = source.reach // 2
        low, high = np.maximum(escapes.start - word, first), np.minimum(escapes.end + word, behind)
        if known.any():
            starts, ends = self.origins.starts, self.origins.ends
            known &= starts(escapes.start) - starts(low) <= source.reach
            known &= ends(high - 1) - ends(escapes.end - 1) <= source.reach
        return known


@dataclass(frozen=True, slots=True, eq=False)
class Escapes:
    """Escapes of one form, ascending, not overlapping, each wholly inside a run."""

    start: I64
    """(n,) index of the first octet of each in the source."""
    end: I64
    run: I64
    """(n,) index of the run that each lies in."""
    octets: U8
    """What they stand for, one after another."""
    length: I64
    """(n,) how many of ``octets`` each stands for."""
    soft: Bool | None = None
    """(n,) whether it is decoded only beside others, and makes no region by itself; None: none is."""
    left_out: int = 0
    """Places that were not looked at because there are too many."""
