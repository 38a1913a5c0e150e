"""Which flows are HTTP/1, and which direction of them is the client's.

Theory of operation. A flow is unknown until the first octets of a direction tell (``probe``): a request
makes that direction the client's, a response the other one. A flow whose both directions say no is not
HTTP. Where the capture began in the middle of a connection, or lost octets, the first octets say little;
then the start of each packet's piece is asked, a bounded number of times, and a request is believed only if
its method is known. The probes bound what is held of octets that may yet tell.
"""

from dataclasses import dataclass, field

import numpy as np

from sensor.protocols.probe import Verdict, probe_request, probe_response
from sensor.protocols.turns import CLOSE
from sensor.reassembly.join import Joined

MAX_PROBES = 64
"""Pieces of a direction that are asked before a flow joined in the middle is given up: a response of
some 90 KB, after which a kept-alive client's next request has usually been seen."""

UNKNOWN_COST = 1_024
"""Octets that keeping a flow costs which has not told yet, beside those that it has sent."""
_PLACE_COST = 40

Packet = tuple[int, int]
"""Number and time of a packet."""
NO_PACKET: Packet = (0, 0)
Turn = tuple[int, int, int, int, bool]
"""Direction, octets missing before it, first and last place in the joined octets (``CLOSE``: its end),
beginning not seen."""


@dataclass(slots=True)
class _Unknown:
    """What is known of a flow that has not told yet; lists by direction."""

    unsure: list[bytes] = field(default_factory=lambda: [b"", b""])
    held: list[Packet] = field(default_factory=lambda: [NO_PACKET, NO_PACKET])
    """The packets that brought the last unsure octets."""
    said_no: list[bool] = field(default_factory=lambda: [False, False])
    probes: list[int] = field(default_factory=lambda: [0, 0])
    places: list[list[int]] = field(default_factory=lambda: [[], []])
    """Where in the unsure octets HTTP may begin: at their start, and where a packet's piece does."""
    closed: list[bool] = field(default_factory=lambda: [False, False])
    middle: bool = False
    """The beginning of the flow was not seen, or octets since."""

    @property
    def cost(self) -> int:
        """Octets of memory that all this takes, about."""
        octets = len(self.unsure[0]) + len(self.unsure[1])
        return UNKNOWN_COST + octets + _PLACE_COST * (len(self.places[0]) + len(self.places[1]))


@dataclass(frozen=True, slots=True)
class Found:
    """A flow is HTTP."""

    client: int
    """Direction of the client."""
    unsure: list[bytes]
    """By direction: octets of earlier batches that come before those of ``turns``."""
    held: list[Packet]
    """By direction: the packets that brought the last of them."""
    closed: list[bool]
    """By direction: it ended in earlier turns."""
    turns: list[Turn]
    """What is to be read of this batch."""


class HttpProbe:
    """Flows that have not told yet, by slot."""

    def __init__(self) -> None:
        self._unknown: dict[int, _Unknown] = {}
        self.cost = 0
        """Octets of memory that all of them take, about."""

    def evict(self) -> int:
        """Forget the flow that has said nothing for longest; return its slot."""
        slot = next(iter(self._unknown))
        self.cost -= self._unknown.pop(slot).cost
        return slot

    def ask(self, slot: int, turns: list[Turn], joined: Joined) -> Found | Verdict:
        """Ask a flow's octets of one batch.

        :returns: what was found, UNSURE while more octets may tell, or NO.
        """
        unknown = self._unknown.pop(slot, None)
        if unknown is None:
            if all(end == CLOSE for _, _, _, end, _ in turns):
                return Verdict.UNSURE  # of a direction that never said anything
            unknown = _Unknown()
        else:
            self.cost -= unknown.cost
        answer = self._ask_turns(unknown, turns, joined)
        if answer is Verdict.UNSURE:
            self._unknown[slot] = unknown
            self.cost += unknown.cost
        return answer

    def forget(self, slots: list[int]) -> None:
        """Flows have left the table: their slots are for others."""
        if self._unknown:
            for slot in slots:
                unknown = self._unknown.pop(slot, None)
                if unknown is not None:
                    self.cost -= unknown.cost

    def _ask_turns(self, unknown: _Unknown, turns: list[Turn], joined: Joined) -> Found | Verdict:
        for at, turn in enumerate(turns):
            direction, gap, start, end, middle = turn
            if end == CLOSE:
                unknown.closed[direction] = True
                continue
            if gap:
                unknown.unsure[direction], unknown.places[direction] = b"", []
                unknown.middle = True
            unknown.middle |= middle
            begin, is_client = self._ask(unknown, direction, start, end, joined)
            if begin >= 0:
                # Earlier turns of this batch said no, or wait in ``unsure``.
                rest = [(direction, 0, begin, end, middle), *turns[at + 1 :]]
                client = direction if is_client else 1 - direction
                return Found(client, unknown.unsure, unknown.held, unknown.closed, rest)
        return Verdict.NO if all(unknown.said_no) else Verdict.UNSURE

    def _ask(
        self, unknown: _Unknown, direction: int, start: int, end: int, joined: Joined
    ) -> tuple[int, bool]:
        """Where HTTP begins in a turn (-1: it does not, or not yet), and whether it is a client's."""
        if unknown.said_no[direction]:
            return -1, False
        # What is unsure since earlier turns comes before it.
        unsure = unknown.unsure[direction]
        shift = len(unsure) - start
        octets = unsure + joined.data[start:end] if unsure else joined.data
        places, stop = unknown.places[direction], end + shift
        if not unsure:
            places, shift, stop = [start], 0, end
        if unknown.middle:
            first, last = np.searchsorted(joined.piece_start, [start + (not unsure), end])
            places = places + (joined.piece_start[first:last] + shift).tolist()
        unknown.unsure[direction], unknown.places[direction] = b"", []
        for n, place in enumerate(places):
            verdict, is_client = _verdict(octets, place, stop, unknown.middle)
            if verdict is Verdict.CERTAIN:
                # Of what was unsure, this much is HTTP.
                unknown.unsure[direction] = unsure[place:] if unsure else b""
                return max(place - shift, start), is_client
            if verdict is Verdict.UNSURE:
                unknown.unsure[direction] = octets[place:stop]
                unknown.places[direction] = [later - place for later in places[n:]]
                unknown.held[direction] = packet_of(joined, end - 1)
                return -1, False
            unknown.probes[direction] += 1
            if unknown.probes[direction] >= (MAX_PROBES if unknown.middle else 1):
                unknown.said_no[direction] = True
                break
        return -1, False


def packet_of(joined: Joined, index: int) -> Packet:
    """The packet that brought the octet at ``index`` of the joined octets."""
    piece = int(np.searchsorted(joined.piece_start, index, side="right")) - 1
    return int(joined.piece_number[piece]), int(joined.piece_ns[piece])


def _verdict(data: bytes, start: int, end: int, middle: bool) -> tuple[Verdict, bool]:
    """What the probes say of octets whose sender is not known, and whether it is a client."""
    # The middle of a text may look like a request of an unknown method.
    request = probe_request(data, start, end, known=middle)
    if request is Verdict.CERTAIN:
        return request, True
    response = probe_response(data, start, end)
    if response is Verdict.CERTAIN:
        return response, False
    unsure = Verdict.UNSURE in (request, response)
    return (Verdict.UNSURE if unsure else Verdict.NO), False
