"""Percent-encoding: RFC 3986 section 2.1, application/x-www-form-urlencoded, and JavaScript's escape().

``%XX`` is an octet. ``%uXXXX`` (ECMA-262 annex B.2.1) is a UTF-16 unit, shown as UTF-8. ``+`` between octets
that may stand in a query is a space. What is no escape stays.
"""

import numpy as np

from sensor.matching.views.characters import Found, hexadecimal, join_surrogates, merged, utf8
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
    octet, two = hexadecimal(leads, 1, 2)
    two &= leads.at(0) == ord("%")
    found = leads.where(two)
    ones = np.ones(len(found), np.int64)
    escapes = Found(found, 3 * ones, octet[two, None].astype(np.uint8), ones)
    rest = leads.where(~two)
    return merged(escapes, _units(rest), _pluses(rest)) if len(rest) else merged(escapes)


def _units(leads: Leads) -> Found:
    leads = leads.where((leads.at(0) == ord("%")) & (leads.at(1) | 0x20 == ord("u")))
    unit, four = hexadecimal(leads, 2, 4)
    leads, unit = leads.where(four), unit[four]
    code_point, size, good = join_surrogates(leads, unit, np.full(len(leads), 6))
    rows, length = utf8(code_point[good])
    return Found(leads.where(good), size[good], rows, length)


def _pluses(leads: Leads) -> Found:
    leads = leads.where((leads.at(0) == ord("+")) & _QUERY[leads.before()] & _QUERY[leads.at(1)])
    ones = np.ones(len(leads), np.int64)
    return Found(leads, ones, np.full((len(leads), 1), ord(" "), np.uint8), ones)
