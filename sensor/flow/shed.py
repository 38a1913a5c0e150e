"""Whole flows left out of an overloaded sensor's work, chosen by a hash of their key.

Behind decode, before anything is kept of a flow: what is dropped costs its header and a hash. Both
directions have one key, so a flow is dropped or looked into as a whole, as long as the level lasts; and a
level drops the flows of those below it and more. A flow that was open when the level rose has a gap, as if
the capture had lost its packets, and goes on behind it when the level falls.
"""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from sensor.arrays import I64
from sensor.decode.columns import Layer, Packets
from sensor.flow.key import flow_keys, hash_words
from sensor.telemetry import ShedLevel

EIGHTHS: Final[Mapping[ShedLevel, int]] = MappingProxyType(
    {ShedLevel.FLOWS_QUARTER: 2, ShedLevel.FLOWS_HALF: 4, ShedLevel.FLOWS_MOST: 7}
)
"""How many flows of eight a level drops."""
_TOP_BITS = np.uint64(61)


class FlowShedder:
    """Drops the rows of some flows."""

    def __init__(self, seed: int | None = None) -> None:
        """:param seed: of the hash; secret unless given, so that nobody can choose ports that are dropped."""
        self._seed = secrets.randbits(64) if seed is None else seed

    def shed(self, packets: Packets, level: ShedLevel) -> int:
        """Make the rows of the flows that ``level`` drops rows that no later stage takes up.

        Rows without a flow (ARP, fragments whose datagram is not whole) stay.

        :returns: how many rows were dropped.
        """
        rows = np.flatnonzero(packets.layer >= Layer.IP)
        dropped = rows[self._eighth(packets, rows) < EIGHTHS.get(level, 0)]
        packets.layer[dropped] = Layer.NONE
        return int(dropped.shape[0])

    def _eighth(self, packets: Packets, rows: I64) -> I64:
        """(n,) which eighth of all flows each row is of, 0 to 7."""
        hashes = hash_words(flow_keys(packets, rows).words, self._seed)
        return (hashes >> _TOP_BITS).astype(np.int64)
