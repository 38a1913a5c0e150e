r"""Escapes of JSON (RFC 8259 section 7), JavaScript (ECMA-262 section 12.9.4), C and Python.

``\uXXXX``, ``\u{X...}``, ``\UXXXXXXXX`` are characters, shown as UTF-8; ``\xXX`` is an octet; a backslash
before ``/``, ``"``, ``'`` or another backslash is left out.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from sensor.arrays import I64, Bool
from sensor.matching.views.characters import (
    DIGITS,
    NO_DIGIT,
    Found,
    hexadecimal,
    is_scalar,
    join_surrogates,
    merged,
    utf8,
)
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"uUx/\"'\\"
"""What may stand behind the backslash."""
_BRACED_DIGITS = 8
"""Digits that ``\\u{}`` may have: six are enough, and leading zeros are rare."""


def _is_one_of(octets: bytes) -> Bool:
    table = np.isin(np.arange(256), list(octets))
    table.flags.writeable = False
    return table


_ITSELF: Final = _is_one_of(b"/\"'\\")
_QUOTES: Final = _is_one_of(b"\"'")
_BEGINS: Final = _is_one_of(b"uUx/")


def unicode_escapes(leads: Leads) -> Escapes:
    """Escapes among ``leads``, places of backslashes: every one that has a backslash behind it is there."""
    leads = leads.where(_opens(leads))
    behind = leads.at(1)
    kinds = []
    for letter, readers in _LETTERS.items():
        own = behind == letter
        if own.any():
            kinds += [read(leads.where(own)) for read in readers]
    itself = _ITSELF[behind]
    if itself.any():
        kinds.append(_itself(leads.where(itself)))
    escapes = merged(*kinds)
    # A backslash that stands for itself matters only where it keeps another escape from being one; quotes
    # are in all program text.
    soft = _QUOTES[behind] | ((behind == ord("\\")) & ~_BEGINS[leads.at(2)])
    return replace(escapes, soft=soft[np.searchsorted(leads.start, escapes.start)])


def _opens(leads: Leads) -> Bool:
    """Whether each backslash starts an escape: of those that stand together, every other does."""
    row = np.arange(len(leads))
    fresh = np.ones(len(leads), np.bool_)
    fresh[1:] = (leads.start[1:] - leads.start[:-1] != 1) | (leads.run[1:] != leads.run[:-1])
    opens: Bool = (row - np.maximum.accumulate(np.where(fresh, row, 0))) & 1 == 0
    return opens


def _units(leads: Leads) -> Found:
    unit, four = hexadecimal(leads, 2, 4)
    leads, unit = leads.where(four), unit[four]
    code_point, size, good = join_surrogates(leads, unit, np.full(len(leads), 6))
    return _characters(leads.where(good), size[good], code_point[good])


def _braced(leads: Leads) -> Found:
    leads = leads.where(leads.at(2) == ord("{"))
    value, size = np.zeros((2, len(leads)), np.int64)
    going = np.arange(len(leads))
    for digit in range(_BRACED_DIGITS + 1):
        if not going.shape[0]:
            break
        octet = leads.take(going).at(3 + digit)
        size[going[(octet == ord("}")) & (digit > 0)]] = 4 + digit
        more = DIGITS[octet] != NO_DIGIT
        going = going[more]
        value[going] = (value[going] << 4) + DIGITS[octet[more]]
    good = (size > 0) & is_scalar(value)
    return _characters(leads.where(good), size[good], value[good])


def _long(leads: Leads) -> Found:
    value, eight = hexadecimal(leads, 2, 8)
    good = eight & is_scalar(value)
    leads = leads.where(good)
    return _characters(leads, np.full(len(leads), 10), value[good])


def _characters(leads: Leads, size: I64, code_point: I64) -> Found:
    rows, length = utf8(code_point)
    return Found(leads, size, rows, length)


def _octets(leads: Leads) -> Found:
    value, two = hexadecimal(leads, 2, 2)
    leads = leads.where(two)
    ones = np.ones(len(leads), np.int64)
    return Found(leads, 4 * ones, value[two, None].astype(np.uint8), ones)


def _itself(leads: Leads) -> Found:
    ones = np.ones(len(leads), np.int64)
    return Found(leads, 2 * ones, leads.at(1)[:, None], ones)


_LETTERS: Final = {ord("u"): (_units, _braced), ord("U"): (_long,), ord("x"): (_octets,)}
