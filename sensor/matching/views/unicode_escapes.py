r"""Escapes of JSON (RFC 8259 section 7), JavaScript (ECMA-262 section 12.9.4), C and Python.

``\uXXXX``, ``\u{X...}``, ``\UXXXXXXXX`` are characters, shown as UTF-8; ``\xXX`` is an octet; a backslash
before ``/``, ``"``, ``'`` or another backslash is left out.
"""

import numpy as np

from sensor.arrays import I64, Bool
from sensor.matching.views.characters import (
    DIGITS,
    NO_DIGIT,
    hexadecimal,
    is_scalar,
    join_surrogates,
    packed,
    utf8,
)
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"uUx/\"'\\"
"""What may stand behind the backslash."""
_BRACED_DIGITS = 8
"""Digits that ``\\u{}`` may have: six are enough, and leading zeros are rare."""


def unicode_escapes(leads: Leads) -> Escapes:
    """Escapes among ``leads``, places of backslashes: every one that has a backslash behind it is there."""
    leads = leads.where(_opens(leads))
    behind = leads.at(1)
    itself = np.isin(behind, list(b"/\"'\\"))
    code_point, four = hexadecimal(leads, 2, 4)
    four &= behind == ord("u")
    octet, two = hexadecimal(leads, 2, 2)
    two &= behind == ord("x")
    long, eight = hexadecimal(leads, 2, 8)
    eight &= (behind == ord("U")) & is_scalar(long)
    size: I64
    braced, size, closed = _braced(leads, (behind == ord("u")) & ~four)
    for chosen, value, octets in ((itself, behind, 2), (two, octet, 4), (eight, long, 10)):
        code_point[chosen] = value[chosen]
        size[chosen] = octets
    code_point[closed], size[four] = braced[closed], 6

    chosen = itself | four | two | eight | closed
    found, size, two = leads.where(chosen), size[chosen], two[chosen]
    # A backslash that stands for itself matters only where it keeps another escape from being one; quotes
    # are in all program text.
    soft = np.isin(behind, list(b"\"'")) | ((behind == ord("\\")) & ~np.isin(leads.at(2), list(b"uUx/")))
    code_point, size, good = join_surrogates(found, code_point[chosen], size, four[chosen])
    rows, length = utf8(np.where(good, code_point, 0))
    rows[two, 0], length[two] = code_point[two], 1
    start, length = found.start[good], length[good]
    return Escapes(
        start, start + size[good], found.run[good], packed(rows[good], length), length, soft[chosen][good]
    )


def _opens(leads: Leads) -> Bool:
    """Whether each backslash starts an escape: of those that stand together, every other does."""
    row = np.arange(len(leads))
    fresh = np.ones(len(leads), np.bool_)
    fresh[1:] = (np.diff(leads.start) != 1) | (np.diff(leads.run) != 0)
    opens: Bool = (row - np.maximum.accumulate(np.where(fresh, row, 0))) & 1 == 0
    return opens


def _braced(leads: Leads, chosen: Bool) -> tuple[I64, I64, Bool]:
    r"""Value and size of each ``\u{X...}`` among those chosen, and which is one."""
    value, size = np.zeros((2, len(leads)), np.int64)
    closed = np.zeros(len(leads), np.bool_)
    going = np.flatnonzero(chosen)
    going = going[leads.at(2)[going] == ord("{")]
    for digit in range(_BRACED_DIGITS + 1):
        if not going.shape[0]:
            break
        octet = leads.take(going).at(3 + digit)
        done = going[octet == ord("}")] if digit else going[:0]
        closed[done], size[done] = True, 4 + digit
        more = DIGITS[octet] != NO_DIGIT
        going = going[more]
        value[going] = (value[going] << 4) + DIGITS[octet[more]]
    return value, size, closed & is_scalar(value)
