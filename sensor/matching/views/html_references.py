"""Character references of HTML (WHATWG, "13.2.5.72 Character reference state" and what follows it).

``&#N;`` and ``&#xN;`` with or without the semicolon, 128 to 159 meaning windows-1252; named references, the
106 old ones without the semicolon too. Numbers of no character stay, as does whatever is no reference.
"""

import string
from html.entities import html5
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, Bool
from sensor.matching.views.arrange import leading
from sensor.matching.views.characters import DIGITS, Found, is_scalar, merged, utf8
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"#ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What may stand behind ``&``."""
_DIGITS_MAX = 16
"""Digits that a number may have. Seven are enough; leading zeros beyond this are nobody's."""
_ROWS: Final = 1 << 15
"""References that are looked at at once: enough to make numpy's calls cheap."""
_SHORT: Final = 8
"""Letters that hardly a name of a page has more of."""
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

        self.letters: I64 = np.char.str_len(self.names)
        letters = self.names.view(np.uint8).reshape(len(self.names), -1)
        short = letters[:, 2] == 0
        self._pairs: Bool = np.zeros(1 << 16, np.bool_)
        self._pairs[letters[short, 0] | letters[short, 1].astype(np.int64) << 8] = True
        self._triples = np.unique(_joined(*letters[:, :3].T))

    def begins(self, leads: Leads) -> Bool:
        """Whether what is behind each lead begins as some name does, by the first three letters."""
        first, second, third = (leads.at(ahead) for ahead in (1, 2, 3))
        asked = _joined(first, second, third)
        index = np.minimum(np.searchsorted(self._triples, asked), self._triples.shape[0] - 1)
        begins: Bool = (self._triples[index] == asked) | self._pairs[asked & 0xFFFF]
        return begins

    def find(self, letters: U8) -> tuple[I64, Bool]:
        """Index of each row of letters, padded with zeros, and whether there is such a name."""
        asked = np.zeros((letters.shape[0], self.names.itemsize), np.uint8)
        width = min(letters.shape[1], self.names.itemsize)
        asked[:, :width] = letters[:, :width]
        names = asked.view(self.names.dtype)[:, 0]
        index = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return index, self.names[index] == names


def _joined(first: U8, second: U8, third: U8) -> I64:
    return first.astype(np.int64) | second.astype(np.int64) << 8 | third.astype(np.int64) << 16


_IS_LETTER: Final = np.isin(np.arange(256), list((string.ascii_letters + string.digits).encode()))
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
    if not numeric.all():
        kinds += _names(leads.where(~numeric))
    return merged(*kinds)


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


def _names(leads: Leads) -> list[Found]:
    # What an old name begins with, a new one does too.
    leads = leads.where(_CLOSED.begins(leads))
    kinds = []
    for first in range(0, len(leads), _ROWS):
        rest = leads.take(np.arange(first, min(first + _ROWS, len(leads))))
        for width in (_SHORT, _CLOSED.names.itemsize + 1):
            letters, count = _letters_behind(rest, width)
            # Most names are short: the others are looked at once more.
            whole = count < width if width == _SHORT else np.ones(len(rest), np.bool_)
            kinds += _named_by(rest.where(whole), letters[whole], count[whole])
            rest = rest.where(~whole)
            if not len(rest):
                break
    return kinds


def _letters_behind(leads: Leads, width: int) -> tuple[U8, I64]:
    """(n, width + 1) what is behind each lead, and how many letters it begins with, ``width`` at most."""
    column = np.arange(1, width + 2)
    letters = leads.octets.take(leads.start[:, None] + column, mode="clip")
    letters[(leads.limit - leads.start)[:, None] <= column] = 0
    return letters, leading(_IS_LETTER[letters])


def _named_by(leads: Leads, letters: U8, count: I64) -> list[Found]:
    kinds = []
    rest = _OPEN.begins(leads)
    closed = (letters[np.arange(len(leads)), count] == ord(";")).nonzero()[0]
    letters[count[:, None] <= np.arange(letters.shape[1])] = 0
    if closed.shape[0]:
        index, known = _CLOSED.find(letters[closed])
        named = closed[known]
        kinds.append(_named(_CLOSED, leads.take(named), index[known], len(";")))
        rest[named] = False
    # Else the longest beginning that is an old name.
    left, letters = leads.where(rest), letters[rest, : _OPEN.names.itemsize]
    for size in range(_OPEN.names.itemsize, 1, -1):
        if not len(left):
            break
        letters[:, size:] = 0
        index, known = _OPEN.find(letters)
        kinds.append(_named(_OPEN, left.where(known), index[known], 0))
        left, letters = left.where(~known), letters[~known]
    return kinds


def _named(table: _Table, leads: Leads, index: I64, closed: int) -> Found:
    return Found(leads, 1 + table.letters[index] + closed, table.rows[index], table.length[index])
