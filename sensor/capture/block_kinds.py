"""The kinds of pcapng block that matter, and how short a whole block of each can be.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html section 11.1 (block type codes); the
minimum lengths are those below which tshark, too, reads no further.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from sensor.arrays import I64, U8, U32

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE: Final = 1
PACKET: Final = 2
SIMPLE: Final = 3
ENHANCED: Final = 6
_JOURNAL_ENTRY: Final = 9
_SYSDIG_EVENTS: Final = (0x204, 0x208, 0x216, 0x217, 0x221)
_CUSTOM: Final = 0xBAD
_CUSTOM_NOT_COPIED: Final = 0x40000BAD

MIN_LEN: Final = 12
"""Octets of a block without a body."""

PACKET_MIN_LEN: Final = 32
"""Octets of an enhanced or obsolete packet block without packet octets and options."""

SIMPLE_MIN_LEN: Final = 16


class Use(IntEnum):
    """What the reader does with a block."""

    SKIP = 0
    INTERFACE = 1
    PACKET = 2
    NOT_A_PACKET = 3  # a record all the same: tshark numbers it as a frame


_TABLE: Final = sorted(
    [
        (INTERFACE, 20, Use.INTERFACE),
        (PACKET, PACKET_MIN_LEN, Use.PACKET),
        (SIMPLE, SIMPLE_MIN_LEN, Use.PACKET),
        (ENHANCED, PACKET_MIN_LEN, Use.PACKET),
        (_JOURNAL_ENTRY, 35, Use.NOT_A_PACKET),
        *((kind, 36, Use.NOT_A_PACKET) for kind in _SYSDIG_EVENTS),
        (_CUSTOM, 16, Use.NOT_A_PACKET),
        (_CUSTOM_NOT_COPIED, 16, Use.NOT_A_PACKET),
        (0xFFFFFFFF, MIN_LEN, Use.SKIP),  # every look-up finds a row
    ]
)
_KIND: Final = np.array([row[0] for row in _TABLE], np.uint32)
_MIN_LEN: Final = np.array([row[1] for row in _TABLE], np.int64)
_USE: Final = np.array([row[2] for row in _TABLE], np.uint8)


def classify(kind: U32) -> tuple[U8, I64]:
    """Look blocks up by type code.

    :param kind: (n,) uint32.
    :returns: ``Use`` of each block, (n,) uint8; and the fewest octets of one, (n,) int64.
    """
    row = np.searchsorted(_KIND, kind)
    known = _KIND[row] == kind
    return np.where(known, _USE[row], np.uint8(Use.SKIP)), np.where(known, _MIN_LEN[row], MIN_LEN)
