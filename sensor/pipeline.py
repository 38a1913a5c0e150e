"""The only wiring of stages: batches in, transactions, alerts and flow records out.

Sans I/O: the caller reads captures and hands the results on. ``process`` takes one batch from decode to
detections; ``finish`` ends what is still open when a capture is over.
"""

from collections.abc import Iterator

import numpy as np

from sensor.arrays import I64
from sensor.capture.batch import Batch
from sensor.config import Settings
from sensor.decode.columns import Layer, Packets
from sensor.decode.stack import count_events, decode_batch
from sensor.detections.inspect import Inspector
from sensor.detections.results import FlowEnds, HttpEvent, Results
from sensor.flow.record import flow_records
from sensor.flow.shed import FlowShedder
from sensor.flow.state import RESPONDER, H, S
from sensor.flow.track import FlowTracker, Tracked, update_history
from sensor.matching.plan import MatchPlan
from sensor.protocols.http1 import Http1Counters
from sensor.protocols.http1_shared import KEEP_BODY, SHED_BODY, SKIP_BODY
from sensor.protocols.http_flows import HTTP, HttpFlows
from sensor.protocols.names import Names
from sensor.protocols.relevance import Relevance
from sensor.reassembly.fragments import FragmentReassembler
from sensor.reassembly.join import Joined, Joiner
from sensor.reassembly.pieces import Pieces, no_pieces
from sensor.reassembly.stream import StreamReassembler
from sensor.telemetry import Counters, ShedLevel
from signatures.model import Buffer

_NOTHING = memoryview(b"")
_ENDED_AT_ONCE = 4096


class Pipeline:
    """One worker's stages and their state."""

    def __init__(self, settings: Settings, plan: MatchPlan, *, want_flows: bool = True) -> None:
        self.counters = Counters()
        self._want_flows = want_flows
        self._tracker = FlowTracker(settings.flow, self.counters, self._end_flows)
        self._table = self._tracker.table
        self._fragments = FragmentReassembler(settings.reassembly, self.counters)
        self._streams = StreamReassembler(settings.reassembly, self._table, self.counters)
        self._joiner = Joiner(plan.payload_tail)
        self._plan = plan
        self._batch_octets = settings.batch_octets
        self._shed_level = ShedLevel.NONE
        self._shedder = FlowShedder()
        self._http = HttpFlows(self._table.capacity, settings.http, *self._wanted_bodies())
        self._relevance = Relevance(
            self._http.application,
            self.counters,
            plan.payload_reach,
            bypass_encrypted=settings.bypass_encrypted,
        )
        self._names = Names(self._table, settings.names, self.counters)
        self._names.want(plan.wants(Buffer.TLS_SNI), plan.wants(Buffer.DNS_QUERY))
        self._inspector = Inspector(plan, settings.detection, self._table, self.counters)
        self._results = Results()

    @property
    def http_counters(self) -> Http1Counters:
        """What the HTTP parsers counted."""
        return self._http.shared.counters

    @property
    def active_flows(self) -> int:
        """Flows in the table now."""
        return self._table.count

    @property
    def shed_level(self) -> ShedLevel:
        """What is left out because of overload; may be set between batches."""
        return self._shed_level

    @shed_level.setter
    def shed_level(self, level: ShedLevel) -> None:
        if level == self._shed_level:
            return
        self._shed_level = level
        self._relevance.sheds_encrypted = level >= ShedLevel.ENCRYPTED
        self._http.want_bodies(*self._wanted_bodies())
        self.counters.shed_bodies = self._http.shared.bodies_shed

    def replace_plan(self, plan: MatchPlan) -> None:
        """Look for the signatures of another plan from the next batch on.

        Flows, transactions and the tails of streams go on: a keyword that begins in octets already seen is
        found, as far as the old plan's tails reach. Where ``sid`` and ``rev`` are the same, what has fired
        does not fire again, and what has matched of a signature of several clauses counts. Payload regexes
        go on in open streams if all are the same ones, else they start anew there. Bodies are kept, or not,
        from the next one of each flow on.
        """
        self._plan = plan
        self._joiner.carry(plan.payload_tail)
        self._relevance.reach = plan.payload_reach
        self._http.want_bodies(*self._wanted_bodies())
        self._names.want(plan.wants(Buffer.TLS_SNI), plan.wants(Buffer.DNS_QUERY))
        self._inspector.replace_plan(plan)

    def advance(self, ts_ns: int) -> Iterator[Results]:
        """Let time pass on a live line: end flows that are idle though no packet comes. Replay never does.

        Call it regularly, at least every ``FlowLimits.sweep_ns``, with a clock that runs at the pace of the
        packets' own; how ``FlowTracker.advance`` takes it does no harm when that clock is set. Yields some
        flows at a time.
        """
        for _ in self._tracker.advance(ts_ns, _ENDED_AT_ONCE):
            yield self._take()
        self._fragments.expire(self._tracker.clock_ns)

    def process(self, batch: Batch) -> Iterator[Results]:
        """Take one batch through every stage; yield what it made, and what ended meanwhile."""
        for part in _parts(batch, self._tracker.max_rows, self._batch_octets):
            self._process(part)
            yield self._take()

    def finish(self) -> Iterator[Results]:
        """End every flow: the capture is over, or the next one is from another time.

        Yields some flows at a time, so that a full table never stands in memory as records.
        """
        self._fragments.finish()
        for _ in self._tracker.end_all(_ENDED_AT_ONCE):
            yield self._take()

    def _take(self) -> Results:
        results, self._results = self._results, Results()
        return results

    def _process(self, batch: Batch) -> None:
        counters = self.counters
        counters.received += len(batch)
        counters.received_octets += int(batch.wire_len.sum())
        packets = decode_batch(batch)
        decoded, rejected = count_events(packets)
        for reason, count in rejected.items():
            counters.reject(reason, count)
        self._fragments.reassemble(packets, batch)
        if self._shed_level >= ShedLevel.FLOWS_QUARTER:
            # A decoded row is either shed or counted as decoded: the sum over all rows stays.
            shed = self._shedder.shed(packets, self._shed_level)
            counters.shed[_OVERLOAD] = counters.shed.get(_OVERLOAD, 0) + shed
            decoded -= shed
        counters.decoded += decoded

        tracked = self._tracker.track(packets, batch.ts_ns, batch.first_number)
        octets = batch.octets.data
        pieces = self._streams.reassemble(packets, tracked, octets, batch.ts_ns, batch.first_number)
        update_history(self._table, tracked)
        self._read(pieces, _datagrams(packets, tracked, batch), octets)
        self._tracker.end_replaced(tracked)

    def _read(self, pieces: Pieces, datagrams: Pieces, octets: memoryview) -> None:
        """Parse and match what reassembly handed on."""
        names = self._names.read(pieces, datagrams, octets)
        pieces, cut_off = self._relevance.select(pieces, octets)
        if not (names or len(pieces) or len(datagrams) or pieces.closed.shape[0]):
            return
        joined = self._joiner.join(pieces, datagrams, octets)
        slots = joined.run_stream[: joined.stream_runs] >> 1
        self._http.parse(joined, pieces.closed, pieces.closed_at, ~self._table.begins_with(slots, _HANDSHAKE))
        self._take_marks(joined)
        self._take_transactions()
        self._results.alerts += self._inspector.inspect_payload(joined, self._http.flows)
        self._results.alerts += self._inspector.inspect_names(names)
        self._results.alerts += self._inspector.settle()
        self._inspector.leave_out(cut_off)
        self.counters.shed_bodies = self._http.shared.bodies_shed

    def _take_marks(self, joined: Joined | None) -> None:
        """Give heads that were completed their packet's number and time; look into requests.

        A head that was cut short, by a gap or the end of the flow, has no place in ``joined``: it has been
        dated already.
        """
        requests, responses = self._http.shared.new_requests, self._http.shared.new_responses
        if joined is not None and len(joined.piece_start):
            places = [transaction.request_at for transaction in requests]
            for transaction, number, ts_ns in zip(requests, *joined.packets_at(places), strict=True):
                if transaction.request_at >= 0:
                    transaction.request_number = number
                    transaction.request_ns = ts_ns
            places = [transaction.response_at for transaction in responses]
            for transaction, number, ts_ns in zip(responses, *joined.packets_at(places), strict=True):
                if transaction.response_at >= 0:
                    transaction.response_number = number
                    transaction.response_ns = ts_ns
        responses.clear()
        if requests:
            slots = self._http.request_slots
            self._results.alerts += self._inspector.inspect_requests(requests, slots, self._http.flows)
            requests.clear()
            slots.clear()

    def _take_transactions(self) -> None:
        finished, slots = self._http.finished, self._http.finished_slots
        if not finished:
            return
        self.counters.http_transactions += len(finished)
        ends = self._ends(sorted(set(slots)))
        self._results.http += map(HttpEvent, finished, map(ends.__getitem__, slots))
        self._results.alerts += self._inspector.inspect_bodies(slots, finished, self._http.flows)
        self._inspector.end_transactions(slots, finished)
        finished.clear()
        slots.clear()
        self._http.shared.decoded = 0

    def _ends(self, slots: list[int]) -> dict[int, FlowEnds]:
        """Clients and servers of HTTP flows."""
        at = np.array(slots)
        flows, table = self._http.flows, self._table
        orig_hi, orig_lo, resp_hi, resp_lo = (words.tolist() for words in table.endpoints(at))
        rows = zip(
            slots,
            table.flow_id[at].tolist(),
            table.version(at).tolist(),
            zip(orig_hi, orig_lo, strict=True),
            table.ports[0, at].tolist(),
            zip(resp_hi, resp_lo, strict=True),
            table.ports[1, at].tolist(),
            strict=True,
        )
        return {
            slot: FlowEnds(flow_id, version, resp, resp_port, orig, orig_port)
            if flows[slot].client
            else FlowEnds(flow_id, version, orig, orig_port, resp, resp_port)
            for slot, flow_id, version, orig, orig_port, resp, resp_port in rows
        }

    def _end_flows(self, slots: I64, reason: str) -> None:
        """Flows are about to leave the table."""
        self._read(self._streams.finish(slots), no_pieces(), _NOTHING)
        http = self._http.application[slots] == HTTP
        self._http.finish(slots)
        self._take_marks(None)
        self._take_transactions()
        if self._want_flows:
            self._results.flows.append(flow_records(self._table, slots, reason, http))
        gone = slots.tolist()
        self._results.alerts += self._inspector.end(gone, self._http.flows)
        self._http.forget(slots)
        self._streams.forget(slots)
        self._relevance.forget(slots)
        self._names.forget(slots)
        self._joiner.forget(gone)

    def _wanted_bodies(self) -> tuple[int, int]:
        """What becomes of requests' and responses' bodies."""
        plan = self._plan
        request = KEEP_BODY if plan.wants(Buffer.HTTP_REQUEST_BODY) else SKIP_BODY
        if not plan.wants(Buffer.HTTP_RESPONSE_BODY):
            return request, SKIP_BODY
        return request, KEEP_BODY if self._shed_level < ShedLevel.BODIES else SHED_BODY


_HANDSHAKE = (S, H + RESPONDER)
_OVERLOAD = "overload"


def _datagrams(packets: Packets, tracked: Tracked, batch: Batch) -> Pieces:
    """UDP payloads, each a piece of its own."""
    at = np.flatnonzero((packets.layer[tracked.rows] == Layer.UDP) & (packets.payload_len[tracked.rows] > 0))
    row = tracked.rows[at]
    number = row + batch.first_number
    zero = np.zeros(at.shape[0], np.int64)
    return Pieces(
        2 * tracked.slots[tracked.group[at]] + tracked.direction[at],
        packets.payload_offset[row],
        packets.payload_len[row],
        zero,
        number,
        number,
        batch.ts_ns[row],
        zero,
        zero[:0],
        zero[:0],
    )


def _parts(batch: Batch, max_rows: int, max_octets: int) -> Iterator[Batch]:
    """A batch in parts of at most ``max_rows`` rows and ``max_octets`` octets, but of one row at least."""
    if len(batch) <= max_rows and batch.used <= max_octets:
        yield batch
        return
    total = np.cumsum(batch.cap_len)
    start = 0
    while start < len(batch):
        before = int(total[start - 1]) if start else 0
        end = int(np.searchsorted(total, before + max_octets, side="right"))
        end = min(max(end, start + 1), start + max_rows, len(batch))
        rows = slice(start, end)
        yield Batch(
            batch.octets,
            batch.offset[rows],
            batch.cap_len[rows],
            batch.wire_len[rows],
            batch.ts_ns[rows],
            batch.link_type[rows],
            batch.first_number + start,
            batch.used,
        )
        start = end
