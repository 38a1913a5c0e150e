"""Which flows are HTTP/1, and their parsers.

Theory of operation. A flow is unknown until the first octets of a direction tell (``probe``): a request
makes that direction the client's, a response the other one. A flow whose both directions say no is not
HTTP and costs nothing from then on. Where the capture began in the middle of a connection, or lost
octets, the first octets say little; then the start of each packet's piece is asked, a bounded number of
times.

In each batch the client's octets are read before the server's, whichever came first: a response never
precedes its request that way, and pairing goes by order, not by time.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64
from sensor.protocols.http1 import Http1Limits, Http1Parser, Http1Shared
from sensor.protocols.probe import Verdict, probe_request, probe_response
from sensor.protocols.transaction import HttpTransaction
from sensor.reassembly.join import Joined

UNKNOWN, HTTP, OTHER = 0, 1, 2
MAX_PROBES = 64
"""Pieces of a direction that are asked before a flow joined in the middle is given up: a response of
some 90 KB, after which a kept-alive client's next request has usually been seen."""
_MAX_UNSURE = 65_536


@dataclass(slots=True)
class _Unknown:
    """What is known of a flow that has not told yet; lists by direction."""

    unsure: list[bytes] = field(default_factory=lambda: [b"", b""])
    held: list["_Packet"] = field(default_factory=lambda: [_NONE, _NONE])
    """The packets that brought the last unsure octets."""
    said_no: list[bool] = field(default_factory=lambda: [False, False])
    probes: list[int] = field(default_factory=lambda: [0, 0])
    middle: bool = False
    """The beginning of the flow was not seen, or octets since."""


@dataclass(slots=True)
class HttpFlow:
    """An HTTP flow: its parser, and which direction is the client's."""

    parser: Http1Parser
    client: int
    held: list["_Packet"]
    """By direction: the packet that brought the last octets of what the parser still holds."""


class HttpFlows:
    """HTTP/1 parsers by slot of the flow table."""

    def __init__(
        self, capacity: int, limits: Http1Limits, want_request_body: bool, want_response_body: bool
    ) -> None:
        self.application = np.zeros(capacity, np.uint8)
        """UNKNOWN, HTTP or OTHER, by slot."""
        self.flows: dict[int, HttpFlow] = {}
        self.shared = Http1Shared(limits)
        self.request_slots: list[int] = []
        """Slot of each of ``shared.new_requests``."""
        self.finished: list[HttpTransaction] = []
        """Transactions that are complete."""
        self.finished_slots: list[int] = []
        """Slot of each of ``finished``."""
        self._limits = limits
        self._bodies = want_request_body, want_response_body
        self._unknown: dict[int, _Unknown] = {}

    def parse(self, joined: Joined, closed: I64, midstream: NDArray[np.bool_]) -> None:
        """Read the runs of one batch.

        :param closed: streams whose end has been delivered.
        :param midstream: (k,) by run: the flow's beginning was not seen.
        """
        n = joined.stream_runs
        slot = joined.run_stream[:n] >> 1
        runs = np.flatnonzero(self.application[slot] != OTHER)
        if runs.shape[0]:
            self._parse_runs(joined, runs, slot[runs], midstream)
        if closed.shape[0]:
            closed = closed[self.application[closed >> 1] != OTHER]
            for stream in closed.tolist():
                self._close(stream >> 1, stream & 1)

    def finish(self, slots: I64) -> None:
        """Flows are over: hand over what their parsers hold."""
        for slot in slots[self.application[slots] == HTTP].tolist():
            flow = self.flows[slot]
            before = len(self.shared.new_responses)
            flow.parser.finish()
            self._date_cut(flow, before)
            self._collect(slot)

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for slot in slots[self.application[slots] == HTTP].tolist():
            del self.flows[slot]
        if self._unknown:
            for slot in slots.tolist():
                self._unknown.pop(slot, None)
        self.application[slots] = UNKNOWN

    def _parse_runs(self, joined: Joined, runs: I64, slots: I64, midstream: NDArray[np.bool_]) -> None:
        stream = joined.run_stream[runs]
        rows = zip(
            (stream & 1).tolist(),
            joined.run_gap[runs].tolist(),
            joined.run_fresh[runs].tolist(),
            joined.run_end[runs].tolist(),
            midstream[runs].tolist(),
            strict=True,
        )
        current = -1
        mine: list[_Run] = []
        for slot, run in zip(slots.tolist(), rows, strict=True):
            if slot != current:
                if mine:
                    self._read(current, mine, joined)
                current, mine = slot, []
            mine.append(run)
        self._read(current, mine, joined)

    def _read(self, slot: int, runs: list["_Run"], joined: Joined) -> None:
        """Read a flow's runs, both directions'."""
        flow = self.flows.get(slot)
        if flow is None:
            flow = self._probe(slot, runs, joined)
            if flow is None:
                return
        parser, data, client = flow.parser, joined.data, flow.client
        for to_server in (True, False):
            for direction, gap, start, end, _ in runs:
                if (direction == client) is to_server:
                    if gap:
                        before = len(self.shared.new_responses)
                        parser.gap(to_server, gap)
                        self._date_cut(flow, before)
                    requests = len(self.shared.new_requests)
                    parser.feed(to_server, data, start, end)
                    if not to_server and len(self.shared.new_requests) > requests:
                        # The response made a request of the head that was held.
                        self._date_cut(flow, len(self.shared.new_responses))
                    if parser.holds(to_server):
                        flow.held[direction] = _packet(joined, end - 1)
        self._collect(slot)

    def _probe(self, slot: int, runs: list["_Run"], joined: Joined) -> HttpFlow | None:
        """Ask an unknown flow's octets; if they are HTTP, leave in ``runs`` what is to be read."""
        unknown = self._unknown.get(slot)
        if unknown is None:
            unknown = self._unknown[slot] = _Unknown()
        for at, run in enumerate(runs):
            direction, gap, start, end, middle = run
            if gap:
                unknown.unsure[direction] = b""
                unknown.middle = True
            unknown.middle |= middle
            begin, is_client = self._ask(unknown, direction, start, end, joined)
            if begin < 0:
                continue
            flow = self._open(slot, direction if is_client else 1 - direction, unknown)
            # Earlier runs of this batch said no, or wait in ``unsure``.
            runs[: at + 1] = [(direction, 0, begin, end, middle)]
            return flow
        if all(unknown.said_no):
            self.application[slot] = OTHER
            del self._unknown[slot]
        return None

    def _ask(
        self, unknown: _Unknown, direction: int, start: int, end: int, joined: Joined
    ) -> tuple[int, bool]:
        """Where HTTP begins in a run (-1: it does not, or not yet), and whether it is a client's."""
        if unknown.said_no[direction]:
            return -1, False
        data, held = joined.data, unknown.unsure[direction]
        if held:
            chunk = held + data[start:end]
            verdict, is_client = _verdict(chunk, 0, len(chunk))
            if verdict is Verdict.CERTAIN:
                return start, is_client
            if verdict is Verdict.UNSURE and len(chunk) <= _MAX_UNSURE:
                unknown.unsure[direction] = chunk
                unknown.held[direction] = _packet(joined, end - 1)
                return -1, False
            unknown.unsure[direction] = b""
            if not unknown.middle:
                unknown.said_no[direction] = True
                return -1, False
        places = [start]
        if unknown.middle:
            first, last = np.searchsorted(joined.piece_start, [start, end])
            places = joined.piece_start[first:last].tolist()
        for place in places:
            if unknown.probes[direction] >= (MAX_PROBES if unknown.middle else 1):
                unknown.said_no[direction] = True
                break
            verdict, is_client = _verdict(data, place, end)
            if verdict is Verdict.CERTAIN:
                return place, is_client
            if verdict is Verdict.UNSURE and end - place <= _MAX_UNSURE:
                unknown.unsure[direction] = data[place:end]
                unknown.held[direction] = _packet(joined, end - 1)
                return -1, False
            unknown.probes[direction] += 1
            if not unknown.middle:
                unknown.said_no[direction] = True
        return -1, False

    def _open(self, slot: int, client: int, unknown: _Unknown) -> HttpFlow:
        parser = Http1Parser(self._limits, self.finished, *self._bodies, shared=self.shared)
        flow = self.flows[slot] = HttpFlow(parser, client, unknown.held)
        self.application[slot] = HTTP
        del self._unknown[slot]
        before = len(self.shared.new_responses)
        for direction in (client, 1 - client):
            held = unknown.unsure[direction]
            parser.feed(direction == client, held, 0, len(held))
        # What these octets completed has no place in the batch: its packet is the one held.
        for transaction in self.shared.new_requests[len(self.request_slots) :]:
            transaction.request_at = -1
        for transaction in self.shared.new_responses[before:]:
            transaction.response_at = -1
        self._date_cut(flow, before)
        return flow

    def _close(self, slot: int, direction: int) -> None:
        flow = self.flows.get(slot)
        if flow is not None:
            before = len(self.shared.new_responses)
            flow.parser.close(direction == flow.client)
            self._date_cut(flow, before)
            self._collect(slot)

    def _date_cut(self, flow: HttpFlow, before: int) -> None:
        """Date the heads that no octet completed: by the last packet that brought octets of them.

        :param before: how many new responses there were without them.
        """
        for transaction in self.shared.new_requests[len(self.request_slots) :]:
            if transaction.request_at < 0 and not transaction.request_number:
                transaction.request_number, transaction.request_ns = flow.held[flow.client]
        for transaction in self.shared.new_responses[before:]:
            if transaction.response_at < 0:
                transaction.response_number, transaction.response_ns = flow.held[1 - flow.client]

    def _collect(self, slot: int) -> None:
        """Note whose the new requests and finished transactions are."""
        if requests := len(self.shared.new_requests) - len(self.request_slots):
            self.request_slots += [slot] * requests
        if finished := len(self.finished) - len(self.finished_slots):
            self.finished_slots += [slot] * finished


_Packet = tuple[int, int]
"""Number and time of a packet."""
_NONE: _Packet = (0, 0)
_Run = tuple[int, int, int, int, bool]
"""Direction, octets missing before it, first and last place in the joined octets, beginning not seen."""


def _packet(joined: Joined, index: int) -> _Packet:
    """The packet that brought the octet at ``index`` of the joined octets."""
    piece = int(np.searchsorted(joined.piece_start, index, side="right")) - 1
    return int(joined.piece_number[piece]), int(joined.piece_ns[piece])


def _verdict(data: bytes, start: int, end: int) -> tuple[Verdict, bool]:
    """What the probes say of octets whose sender is not known, and whether it is a client."""
    request = probe_request(data, start, end)
    if request is Verdict.CERTAIN:
        return request, True
    response = probe_response(data, start, end)
    if response is Verdict.CERTAIN:
        return response, False
    unsure = Verdict.UNSURE in (request, response)
    return (Verdict.UNSURE if unsure else Verdict.NO), False
