"""HTTP/1 flows and their parsers.

Theory of operation. A flow is unknown until its octets tell whether it is HTTP (``http_probe``); one that is
not costs nothing from then on. What its two sides said is read in turns, in the order in which it came
(``turns``): so a response never answers a request that was sent after it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64
from sensor.protocols.http1 import Http1Limits, Http1Parser, Http1Shared
from sensor.protocols.http_probe import Found, HttpProbe, Packet, Turn, packet_of
from sensor.protocols.probe import Verdict
from sensor.protocols.transaction import HttpTransaction
from sensor.protocols.turns import CLOSE, Turns, turns_of
from sensor.reassembly.join import Joined

UNKNOWN, HTTP, OTHER = 0, 1, 2
_HOLD_COST = 256  # octets of what is held, and of its place, beside it


@dataclass(slots=True)
class HttpFlow:
    """An HTTP flow: its parser, and which direction is the client's."""

    parser: Http1Parser | None
    """None once the flow is read no further, as too many were open."""
    client: int
    held: list[Packet]
    """By direction: the packet that brought the last octets of what the parser still holds."""


class HttpFlows:
    """HTTP/1 parsers by slot of the flow table."""

    def __init__(
        self, capacity: int, limits: Http1Limits, want_request_body: int, want_response_body: int
    ) -> None:
        """Know no flow yet; the last two as of :meth:`want_bodies`."""
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
        self._probe = HttpProbe()
        self._reading: dict[int, HttpFlow] = {}
        """Those of ``flows`` that have a parser, the oldest first."""
        self._holding: dict[int, int] = {}
        """Octets held of a head or line, by stream (2 * slot + direction), the longest waiting first."""
        self._held = 0  # the sum of these

    def want_bodies(self, request: int, response: int) -> None:
        """Say anew what becomes of bodies (``http1_shared.KEEP_BODY`` and its like)."""
        if self._bodies != (request, response):
            self._bodies = request, response
            for flow in self._reading.values():
                if flow.parser is not None:
                    flow.parser.want_bodies(request, response)

    def parse(self, joined: Joined, closed: I64, closed_at: I64, midstream: NDArray[np.bool_]) -> None:
        """Read the runs of one batch.

        :param closed: streams whose end has been delivered.
        :param closed_at: packets at which that was.
        :param midstream: (k,) by run: the flow's beginning was not seen.
        """
        slot = joined.run_stream[: joined.stream_runs] >> 1
        runs = np.flatnonzero(self.application[slot] != OTHER)
        concerned = self.application[closed >> 1] != OTHER
        closed, closed_at = closed[concerned], closed_at[concerned]
        if runs.shape[0] or closed.shape[0]:
            self._parse_turns(joined, turns_of(joined, runs, midstream, closed, closed_at))
            while self._held + self._probe.cost > self._limits.held_octets:
                self._evict_held()

    def finish(self, slots: I64) -> None:
        """Flows are over: hand over what their parsers hold."""
        for slot in slots[self.application[slots] == HTTP].tolist():
            self._finish(slot, self.flows[slot])

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for slot in slots[self.application[slots] == HTTP].tolist():
            del self.flows[slot]
            self._reading.pop(slot, None)
            self._holds(2 * slot, 0)
            self._holds(2 * slot + 1, 0)
        self._probe.forget(slots.tolist())
        self.application[slots] = UNKNOWN

    def _parse_turns(self, joined: Joined, turns: Turns) -> None:
        columns = turns.direction, turns.gap, turns.start, turns.end, turns.middle
        rows: list[Turn] = list(zip(*(column.tolist() for column in columns), strict=True))
        begins = np.append(True, turns.slot[1:] != turns.slot[:-1])
        first = np.flatnonzero(begins).tolist()
        for slot, start, stop in zip(turns.slot[first].tolist(), first, [*first[1:], None], strict=True):
            self._read(slot, rows[start:stop], joined)

    def _read(self, slot: int, turns: list[Turn], joined: Joined) -> None:
        """Read what a flow's two sides said in turns."""
        flow = self.flows.get(slot)
        if flow is None:
            if self.application[slot] == OTHER:
                return  # given up in this batch
            found = self._probe.ask(slot, turns, joined)
            if not isinstance(found, Found):
                if found is Verdict.NO:
                    self.application[slot] = OTHER
                return
            flow, turns = self._open(slot, found), found.turns
        parser, data, client, shared = flow.parser, joined.data, flow.client, self.shared
        if parser is None:
            return
        for direction, gap, start, end, _ in turns:
            to_server = direction == client
            if end == CLOSE:
                before = len(shared.new_responses)
                parser.close(to_server)
                self._date_cut(flow, before)
                self._holds(2 * slot + direction, 0)
                continue
            if gap:
                before = len(shared.new_responses)
                parser.gap(to_server, gap)
                self._date_cut(flow, before)
            others = shared.new_responses if to_server else shared.new_requests
            before = len(others)
            holds = parser.feed(to_server, data, start, end)
            if len(others) > before:
                # The other side's head that was held has ended here: answered, or by the end of a tunnel.
                self._date_cut(flow, before if to_server else len(shared.new_responses))
            if holds:
                flow.held[direction] = packet_of(joined, end - 1)
                self._holds(2 * slot + direction, holds + _HOLD_COST)
            elif 2 * slot + direction in self._holding:
                self._holds(2 * slot + direction, 0)
        self._collect(slot)

    def _open(self, slot: int, found: Found) -> HttpFlow:
        if len(self._reading) >= self._limits.flows:
            self._evict_flow()
        parser = Http1Parser(self._limits, self.finished, *self._bodies, shared=self.shared)
        flow = self.flows[slot] = self._reading[slot] = HttpFlow(parser, found.client, found.held)
        self.application[slot] = HTTP
        before = len(self.shared.new_responses)
        for direction in (found.client, 1 - found.client):
            unsure = found.unsure[direction]
            parser.feed(direction == found.client, unsure, 0, len(unsure))
            if found.closed[direction]:
                parser.close(direction == found.client)
        # What these octets completed has no place in the batch: its packet is the one held.
        for transaction in self.shared.new_requests[len(self.request_slots) :]:
            transaction.request_at = -1
        for transaction in self.shared.new_responses[before:]:
            transaction.response_at = -1
        self._date_cut(flow, before)
        return flow

    def _finish(self, slot: int, flow: HttpFlow) -> None:
        """Hand over what a flow's parser holds."""
        if flow.parser is not None:
            before = len(self.shared.new_responses)
            flow.parser.finish()
            self._date_cut(flow, before)
            self._collect(slot)

    def _holds(self, stream: int, octets: int) -> None:
        """Note how much memory a stream's head or line takes that waits for its end; 0: there is none."""
        self._held += octets - self._holding.get(stream, 0)
        if octets:
            self._holding[stream] = octets
        else:
            self._holding.pop(stream, None)

    def _evict_held(self) -> None:
        """Give up what has waited for longest: a head, or an unknown flow, whichever take more memory."""
        self.shared.counters.heads_evicted += 1
        if self._probe.cost > self._held:
            self.application[self._probe.evict()] = OTHER
            return
        stream = next(iter(self._holding))
        self._holds(stream, 0)
        flow = self.flows[stream >> 1]
        if flow.parser is not None:
            before = len(self.shared.new_responses)
            flow.parser.evict((stream & 1) == flow.client)
            self._date_cut(flow, before)
            self._collect(stream >> 1)

    def _evict_flow(self) -> None:
        """Read the flow no further that was opened first: it stays known as HTTP."""
        self.shared.counters.flows_evicted += 1
        slot = next(iter(self._reading))
        flow = self._reading.pop(slot)
        self._finish(slot, flow)
        flow.parser = None
        self._holds(2 * slot, 0)
        self._holds(2 * slot + 1, 0)

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
