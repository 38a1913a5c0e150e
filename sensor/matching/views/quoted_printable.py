"""Quoted-printable (RFC 2045 section 6.7): ``=XX`` is an octet, ``=`` and a line break are nothing.

In queries and program text ``=12`` and ``=ab`` are everywhere. One that stands alone is decoded only beside
others if no careful encoder made it: if its letters are small, or it stands for an octet that needs no escape
and not at the start of a line, where mail escapes a dot, and the F of "From ".
"""

import string
from typing import Final

import numpy as np

from sensor.arrays import I64
from sensor.matching.views.characters import hexadecimal
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"0123456789ABCDEFabcdef\r\n \t"
"""What may stand behind ``=``."""
_BLANKS_MAX = 8
"""Blanks that may stand between ``=`` and the end of the line: what adds blanks to lines adds one or two."""

_PLAIN: Final = np.isin(
    np.arange(256), list(string.ascii_letters.encode() + string.digits.encode() + b"%&'()*+,-./:;<>?_")
)
"""Octets that stand for themselves in every gateway's charset (RFC 2045 section 6.7)."""
_SMALL: Final = np.isin(np.arange(256), list(b"abcdef"))
_BEGINS_LINE: Final = np.isin(np.arange(256), list(b"\0\n"))
"""Octets that a line may follow; 0 stands for none."""


def quoted_printable_escapes(leads: Leads) -> Escapes:
    """Escapes among ``leads``, places of ``=``."""
    octet, two = hexadecimal(leads, 1, 2)
    size = _soft_break(leads)
    size[two] = 3
    good = size > 0
    found, two, octet, end = leads.where(good), two[good], octet[good], leads.start[good] + size[good]
    needless = two & ((_PLAIN[octet & 0xFF]) | _SMALL[found.at(1)] | _SMALL[found.at(2)])
    touches = end[:-1] == found.start[1:]
    needless &= ~_BEGINS_LINE[found.before()]
    needless[1:] &= ~touches
    needless[:-1] &= ~touches
    return Escapes(
        found.start,
        end,
        found.run,
        octet[two].astype(np.uint8),
        two.astype(np.int64),
        soft=needless,
    )


def _soft_break(leads: Leads) -> I64:
    """Octets from each ``=`` to the start of the next line; 0 where more than blanks stand between."""
    size = np.zeros(len(leads), np.int64)
    going = np.arange(len(leads))
    for ahead in range(1, _BLANKS_MAX + 2):
        here = leads.take(going)
        octet = here.at(ahead)
        size[going[octet == ord("\n")]] = ahead + 1
        size[going[(octet == ord("\r")) & (here.at(ahead + 1) == ord("\n"))]] = ahead + 2
        going = going[(octet == ord(" ")) | (octet == ord("\t"))]
        if not going.shape[0]:
            break
    return size
