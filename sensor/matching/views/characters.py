"""What escapes stand for: hexadecimal digits, surrogate pairs, UTF-8 (RFC 3629), a column at a time."""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

NO_DIGIT = 99


def _digits() -> U8:
    table = np.full(256, NO_DIGIT, np.uint8)
    for value, digit in enumerate("0123456789abcdef"):
        table[[ord(digit), ord(digit.upper())]] = value
    table.flags.writeable = False
    return table


DIGITS = _digits()
"""(256,) value of a hexadecimal digit, or NO_DIGIT."""


def hexadecimal(leads: Leads, ahead: int | I64, count: int) -> tuple[I64, Bool]:
    """Value of the ``count`` hexadecimal digits that stand ``ahead`` of each lead, and whether they do."""
    value = np.zeros(len(leads), np.int64)
    good = np.ones(len(leads), np.bool_)
    for digit in range(count):
        read = DIGITS[leads.at(ahead + digit)]
        good &= read != NO_DIGIT
        value = (value << 4) + read
    return value, good


def is_scalar(code_point: I64) -> Bool:
    """Whether each is a character's number: no surrogate, no more than U+10FFFF."""
    return (code_point <= 0x10FFFF) & ((code_point < 0xD800) | (code_point > 0xDFFF))


def join_surrogates(leads: Leads, code_point: I64, size: I64) -> tuple[I64, I64, Bool]:
    """UTF-16 (RFC 2781): a high and a low surrogate in escapes next to each other are one character.

    :param leads: where each escape starts, ascending.
    :param code_point: (n,) the unit that each stands for.
    :param size: (n,) octets that each takes.
    :returns: code points, sizes, and which are characters: halves that are alone are not, nor is the second
        half of a pair, whose first now stands for both.
    """
    high = code_point >> 10 == 0xD800 >> 10
    low = code_point >> 10 == 0xDC00 >> 10
    pair = (
        high[:-1]
        & low[1:]
        & (leads.start[:-1] + size[:-1] == leads.start[1:])
        & (leads.run[:-1] == leads.run[1:])
    ).nonzero()[0]
    code_point, size = code_point.copy(), size.copy()
    code_point[pair] = 0x10000 + ((code_point[pair] & 0x3FF) << 10) + (code_point[pair + 1] & 0x3FF)
    size[pair] += size[pair + 1]
    return code_point, size, is_scalar(code_point)


def utf8(code_point: I64) -> tuple[U8, I64]:
    """(n, 4) the UTF-8 of each character, and how many octets of the row it takes."""
    length = 1 + (code_point >= 0x80) + (code_point >= 0x800) + (code_point >= 0x10000).astype(np.int64)
    rows = np.empty((code_point.shape[0], 4), np.uint8)
    lead = np.array([0, 0, 0xC0, 0xE0, 0xF0], np.int64)
    for column in range(4):
        left = np.maximum(length - 1 - column, 0)
        bits = code_point >> (6 * left)
        rows[:, column] = bits + lead[length] * (length > 1) if column == 0 else 0x80 | (bits & 0x3F)
    return rows, length


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Escapes of one kind, and what each stands for."""

    leads: Leads
    """(n,)"""
    size: I64
    """(n,) octets that each takes."""
    rows: U8
    """(n, w)"""
    length: I64
    """(n,) how many octets of its row each stands for."""


def merged(*kinds: Found) -> Escapes:
    """Escapes of all kinds in their order; no two start at the same place."""
    some = [found for found in kinds if len(found.leads)]
    if not some:
        none = np.zeros(0, np.int64)
        return Escapes(none, none, none, np.zeros(0, np.uint8), none)
    start = np.concatenate([found.leads.start for found in some])
    size = np.concatenate([found.size for found in some])
    run = np.concatenate([found.leads.run for found in some])
    length = np.concatenate([found.length for found in some])
    rows = np.zeros((start.shape[0], max(found.rows.shape[1] for found in some)), np.uint8)
    at = 0
    for found in some:
        rows[at : at + len(found.leads), : found.rows.shape[1]] = found.rows
        at += len(found.leads)
    if len(some) > 1:
        order = np.argsort(start, kind="stable")
        start, size, run, length, rows = (column[order] for column in (start, size, run, length, rows))
    octets = rows[:, 0] if rows.shape[1] == 1 else rows[np.arange(rows.shape[1]) < length[:, None]]
    return Escapes(start, start + size, run, octets, length)


def listed(
    leads: Leads, row: list[int], start: list[int], end: list[int], meant: list[bytes], left_out: int
) -> Escapes:
    """Escapes that were read one by one, each with the row of its lead."""
    return Escapes(
        np.array(start, np.int64),
        np.array(end, np.int64),
        leads.run[np.array(row, np.int64)],
        np.frombuffer(b"".join(meant), np.uint8),
        np.array(list(map(len, meant)), np.int64),
        left_out=left_out,
    )
