"""Flow keys: the 5-tuple of a row, the same for both directions.

A key is five 64-bit words: the lower endpoint's address (two words), the higher endpoint's address,
and a word of both ports, the protocol and the IP version. VLAN ids and tunnels are left out of it:
the two directions of a connection often cross a mirror port under different tags or tunnel ids, and a
flow cut in halves hides more than two flows taken for one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, U64
from sensor.decode.columns import Packets

KEY_WORDS = 5

# Odd multipliers (the golden ratio's and others' digits); a per-process seed is added by the table.
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F],
    np.uint64,
)
_FOLD = np.uint64(32)
_FINAL = np.uint64(0xE7037ED1A0B428DB)


@dataclass(frozen=True, slots=True)
class FlowKeys:
    """Keys of n rows."""

    words: NDArray[np.uint64]
    """(5, n) uint64."""
    side: U8
    """(n,) 0 where the row's source is the key's lower endpoint, 1 where it is the higher one."""


def flow_keys(packets: Packets, rows: I64) -> FlowKeys:
    """Canonical keys of ``rows`` (int64 row numbers of ``packets``)."""
    src_hi, dst_hi = packets.src_hi[rows], packets.dst_hi[rows]
    src_lo, dst_lo = packets.src_lo[rows], packets.dst_lo[rows]
    src_port = packets.src_port[rows].astype(np.uint64)
    dst_port = packets.dst_port[rows].astype(np.uint64)
    swap = src_lo > dst_lo
    same = src_lo == dst_lo
    if src_hi.any() or dst_hi.any():
        swap = (src_hi > dst_hi) | ((src_hi == dst_hi) & swap)
        same &= src_hi == dst_hi
    if same.any():
        swap |= same & (src_port > dst_port)
    words = np.empty((KEY_WORDS, rows.shape[0]), np.uint64)
    words[0] = np.where(swap, dst_hi, src_hi)
    words[1] = np.where(swap, dst_lo, src_lo)
    words[2] = np.where(swap, src_hi, dst_hi)
    words[3] = np.where(swap, src_lo, dst_lo)
    low = np.where(swap, dst_port, src_port)
    high = src_port ^ dst_port ^ low
    words[4] = (
        (low << np.uint64(32))
        | (high << np.uint64(16))
        | (packets.ip_proto[rows].astype(np.uint64) << np.uint64(8))
        | packets.ip_version[rows]
    )
    return FlowKeys(words, swap.view(np.uint8))


def hash_words(words: NDArray[np.uint64], seed: int) -> U64:
    """64-bit hash of (5, n) key words.

    A secret seed keeps a sender from choosing flows that fall into one another's slots; equality is
    decided on the whole key, so a collision costs time only.
    """
    value: U64 = (words[0] ^ np.uint64(seed)) * _MULTIPLIERS[0]
    for word, multiplier in zip(words[1:], _MULTIPLIERS[1:], strict=True):
        value ^= value >> _FOLD
        value += word
        value *= multiplier
    value ^= value >> _FOLD
    value *= _FINAL
    value ^= value >> _FOLD
    return value
