"""Character references of HTML (WHATWG, "13.2.5.72 Character reference state" and what follows it).

``&#N;`` and ``&#xN;`` with or without the semicolon, 128 to 159 meaning windows-1252; named references, the
106 old ones without the semicolon too. Numbers of no character stay, as does whatever is no reference.
"""

from html.entities import html5

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, Bool
from sensor.matching.views.characters import DIGITS, Found, is_scalar, merged, utf8
from sensor.matching.views.leads import Leads, places_of_octet
from sensor.matching.views.view import Escapes

FOLLOWERS = b"#ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What may stand behind ``&``."""
_DIGITS_MAX = 16
"""Digits that a number may have. Seven are enough; leading zeros beyond this are nobody's."""
_NAME_MAX = 32
"""Letters that a name may have: HTML's longest has 31."""
_ROW = 8
"""Octets of UTF-8 that a name may stand for: two characters, six octets."""

Names = NDArray[np.bytes_]


class _Table:
    """Names in order, and what they stand for."""

    def __init__(self, names: dict[str, str]) -> None:
        size = max(map(len, names))
        self.names: Names = np.array(sorted(name.encode() for name in names), f"S{size}")
        meant = [names[name.decode()].encode() for name in self.names.tolist()]
        self.rows: U8 = np.array(meant, f"S{_ROW}").view(np.uint8).reshape(-1, _ROW)
        self.length: I64 = np.array(list(map(len, meant)), np.int64)

        pairs = self.names.view(np.uint8).reshape(len(self.names), -1)[:, :2]
        self.pairs: Bool = np.zeros((256, 256), np.bool_)
        self.pairs[pairs[:, 0], pairs[:, 1]] = True

    def begins(self, letters: U8) -> Bool:
        """Whether some name begins as each row of letters does, by the first two."""
        return self.pairs[letters[:, 0], letters[:, 1]]

    def find(self, letters: U8) -> tuple[I64, Bool]:
        """Index of each row of letters, padded with zeros, and whether there is such a name."""
        asked = np.ascontiguousarray(letters[:, : self.names.itemsize]).view(self.names.dtype)[:, 0]
        index = np.minimum(np.searchsorted(self.names, asked), len(self.names) - 1)
        return index, self.names[index] == asked


_CLOSED = _Table({name[:-1]: meant for name, meant in html5.items() if name.endswith(";")})
_OPEN = _Table({name: meant for name, meant in html5.items() if not name.endswith(";")})


def _windows_1252() -> I64:
    table = np.arange(256)
    for code in range(0x80, 0xA0):
        table[code] = ord(bytes([code]).decode("cp1252", "ignore") or chr(code))
    table.flags.writeable = False
    return table


_C1 = _windows_1252()


def html_references(leads: Leads) -> Escapes:
    """References among ``leads``, places of ``&``."""
    numeric = leads.at(1) == ord("#")
    hexadecimal = numeric & (leads.at(2) | 0x20 == ord("x"))
    kinds = []
    if hexadecimal.any():
        kinds.append(_number(leads.where(hexadecimal), 16, 3))
    if not np.array_equal(numeric, hexadecimal):
        kinds.append(_number(leads.where(numeric & ~hexadecimal), 10, 2))
    named = _may_be_named(leads, numeric)
    if named.any():
        kinds.append(_names(leads.where(named)))
    return merged(*kinds)


def _may_be_named(leads: Leads, numeric: Bool) -> Bool:
    """Which begin as an old name does, or have a semicolon behind: in a query hardly any."""
    pair = leads.octets[np.minimum(leads.start[:, None] + [1, 2], leads.limit[:, None] - 1)]
    semicolons = places_of_octet(leads.octets, ord(";"))
    behind = np.append(semicolons, leads.octets.shape[0] + _NAME_MAX)
    near = behind[np.searchsorted(semicolons, leads.start)] - leads.start <= _NAME_MAX + 1
    return ~numeric & (near | _OPEN.begins(pair))


def _number(leads: Leads, base: int, ahead: int) -> Found:
    value = np.zeros(len(leads), np.int64)
    count = np.zeros(len(leads), np.int64)
    going = np.arange(len(leads))
    # One more than may be: a number that goes on is none.
    for digit in range(_DIGITS_MAX + 1):
        if not going.shape[0]:
            break
        read = DIGITS[leads.take(going).at(ahead + digit)]
        more = read < base
        going = going[more]
        # Held at what is no character, so that it does not overflow.
        value[going] = np.minimum(value[going] * base + read[more], 0x110000)
        count[going] += 1
    value[value < 256] = _C1[value[value < 256]]
    good = (count > 0) & (count <= _DIGITS_MAX) & (value > 0) & is_scalar(value)
    size = ahead + count
    size += leads.at(size) == ord(";")
    found = leads.where(good)
    rows, length = utf8(value[good])
    return Found(found, size[good], rows, length)


def _names(leads: Leads) -> Found:
    letters = np.zeros((len(leads), _NAME_MAX), np.uint8)
    count = np.zeros(len(leads), np.int64)
    going = np.arange(len(leads))
    for letter in range(_NAME_MAX):
        if not going.shape[0]:
            break
        octet = leads.take(going).at(1 + letter)
        more = ((octet | 0x20) - ord("a") < 26) | (octet - ord("0") < 10)
        going = going[more]
        letters[going, letter] = octet[more]
        count[going] += 1
    rows, length, size = np.zeros((len(leads), _ROW), np.uint8), np.zeros_like(count), np.zeros_like(count)
    closed = np.flatnonzero(leads.at(1 + count) == ord(";"))
    index, known = _CLOSED.find(letters[closed])
    closed, index = closed[known], index[known]
    rows[closed], length[closed], size[closed] = _CLOSED.rows[index], _CLOSED.length[index], count[closed] + 2
    # Else the longest beginning that is an old name.
    left = np.flatnonzero((size == 0) & _OPEN.begins(letters))
    for letter in range(_OPEN.names.itemsize, 1, -1):
        if not left.shape[0]:
            break
        start = letters[left, : _OPEN.names.itemsize]
        start[:, letter:] = 0
        index, known = _OPEN.find(start)
        known &= count[left] >= letter
        found = left[known]
        rows[found], length[found] = _OPEN.rows[index[known]], _OPEN.length[index[known]]
        size[found] = 1 + letter
        left = left[~known]
    good = size > 0
    return Found(leads.where(good), size[good], rows[good], length[good])
