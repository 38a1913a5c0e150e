"""Percent-encoding: RFC 3986 section 2.1, application/x-www-form-urlencoded, and JavaScript's escape().

``%XX`` is an octet. ``%uXXXX`` (ECMA-262 annex B.2.1) is a UTF-16 unit, shown as UTF-8. ``+`` between octets
that may stand in a query is a space. What is no escape stays.
"""

import numpy as np

from sensor.arrays import I64
from sensor.matching.views.characters import hexadecimal, join_surrogates, packed, utf8
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"0123456789abcdefABCDEFuU"
"""What may stand behind ``%``."""
QUERY = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~%+" + bytes(range(0x80, 0x100))
"""What may stand on either side of ``+``: RFC 3986's unreserved characters, escapes, and octets beyond ASCII,
which not everyone escapes."""

_QUERY = np.isin(np.arange(256), list(QUERY))
_QUERY.flags.writeable = False


def percent_escapes(leads: Leads) -> Escapes:
    """Escapes among ``leads``: places of ``%``, and of ``+`` if it counts by itself."""
    lead = leads.at(0)
    percent = lead == ord("%")
    value, two = hexadecimal(leads, 1, 2)
    two &= percent
    code_point, wide = hexadecimal(leads, 2, 4)
    wide &= percent & (leads.at(1) | 0x20 == ord("u"))
    plus = (lead == ord("+")) & _QUERY[leads.before()] & _QUERY[leads.at(1)]
    code_point[two] = value[two]
    code_point[plus] = ord(" ")
    size: I64 = np.where(wide, 6, np.where(two, 3, 1))

    chosen = two | wide | plus
    found, size, wide = leads.where(chosen), size[chosen], wide[chosen]
    code_point, size, good = join_surrogates(found, code_point[chosen], size, wide)
    rows, length = utf8(np.where(good, code_point, 0))
    rows[~wide, 0], length[~wide] = code_point[~wide], 1
    start, length = found.start[good], length[good]
    return Escapes(start, start + size[good], found.run[good], packed(rows[good], length), length)
