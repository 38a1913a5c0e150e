"""Which octets of streams need not be joined and looked into.

Three kinds, each counted:

- Past what any payload signature reaches (``Signature.depth``), in flows that are not HTTP: nothing can be
  missed. ``bypassed_octets``.
- Ciphertext, by the walk of ``encrypted``, where the operator asks for it. ``bypassed_octets``.
- Under overload (``ShedLevel.ENCRYPTED``), the payload of long-lived encrypted flows: of directions that
  began as TLS's or SSH's do, what lies behind their first 16 KiB, which hold the handshake. No walk: flows
  that are old when the overload begins could not be walked, and the walk costs what it saves where records
  are small. ``shed_payload_octets``.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, Bool
from sensor.protocols.encrypted import EncryptedStarts, EncryptedStreams
from sensor.protocols.http_flows import OTHER
from sensor.reassembly.leave_out import LeftOut
from sensor.reassembly.pieces import Pieces
from sensor.telemetry import Counters

EVERYWHERE: Final = -1
"""``reach`` where a payload signature may match anywhere."""
HANDSHAKE_OCTETS: Final = 16 << 10
"""Octets of an encrypted direction that are looked into at any load: certificates have 3 to 8 KiB."""


class Relevance:
    """Takes out of each batch's pieces what nobody needs."""

    def __init__(
        self, application: NDArray[np.uint8], counters: Counters, reach: int, *, bypass_encrypted: bool
    ) -> None:
        """Leave nothing out yet.

        :param application: by slot, as ``HttpFlows`` keeps it.
        :param reach: octets from a stream's start in which payload signatures may match, or ``EVERYWHERE``.
        """
        self._application = application
        self._counters = counters
        self.reach = reach
        self.sheds_encrypted = False
        streams = 2 * application.shape[0]
        self._starts = EncryptedStarts(streams)
        self._walks = EncryptedStreams(streams) if bypass_encrypted else None
        self._left_out = LeftOut(streams)

    def select(self, pieces: Pieces, octets: memoryview) -> tuple[Pieces, list[int]]:
        """The pieces that are to be looked into.

        :param octets: the batch's, which the pieces point into.
        :returns: them, and the streams whose last octets are not among them.
        """
        if not len(pieces):
            return pieces, []
        self._starts.note(pieces, octets)
        out: Bool | None = None
        if self._walks is not None:
            pieces, out = self._walks.find(pieces, octets)
        if self.reach != EVERYWHERE:
            beyond = self._application[pieces.stream >> 1] == OTHER
            beyond &= pieces.position >= self.reach
            out = beyond if out is None else out | beyond
        if out is not None:
            self._counters.bypassed_octets += int(pieces.length[out].sum())
        if self.sheds_encrypted:
            shed = self._starts.began[pieces.stream] & (pieces.position >= HANDSHAKE_OCTETS)
            if out is not None:
                shed &= ~out
            self._counters.shed_payload_octets += int(pieces.length[shed].sum())
            out = shed if out is None else out | shed
        ends: list[int] = []
        if out is not None and out.any():
            last = np.append(pieces.stream[1:] != pieces.stream[:-1], True)
            ends = pieces.stream[last & out].tolist()
        return self._left_out.take(pieces, out), ends

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        self._starts.forget(slots)
        self._left_out.forget(slots)
        if self._walks is not None:
            self._walks.forget(slots)
