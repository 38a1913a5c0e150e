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
from sensor.flow.state import RESPONDER, H, S
from sensor.flow.track import FlowTracker, Tracked, update_history
from sensor.matching.compile import MatchPlan
from sensor.protocols.http1 import Http1Counters, Http1Limits
from sensor.protocols.http_flows import HTTP, HttpFlows
from sensor.reassembly.fragments import FragmentReassembler
from sensor.reassembly.join import Joined, Joiner
from sensor.reassembly.pieces import Pieces, no_pieces
from sensor.reassembly.stream import StreamReassembler
from sensor.telemetry import Counters
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
        self._scan_bodies = plan.wants(Buffer.HTTP_REQUEST_BODY) or plan.wants(Buffer.HTTP_RESPONSE_BODY)
        self._http = HttpFlows(
            self._table.capacity,
            Http1Limits(),
            plan.wants(Buffer.HTTP_REQUEST_BODY),
            plan.wants(Buffer.HTTP_RESPONSE_BODY),
        )
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

    def process(self, batch: Batch) -> Iterator[Results]:
        """Take one batch through every stage; yield what it made, and what ended meanwhile."""
        for part in _parts(batch, self._tracker.max_rows):
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
        counters.decoded += decoded
        for reason, count in rejected.items():
            counters.reject(reason, count)
        self._fragments.reassemble(packets, batch)

        tracked = self._tracker.track(packets, batch.ts_ns, batch.first_number)
        octets = batch.octets.data
        pieces = self._streams.reassemble(packets, tracked, octets, batch.ts_ns, batch.first_number)
        update_history(self._table, tracked)
        self._read(pieces, _datagrams(packets, tracked, batch), octets)
        self._tracker.end_replaced(tracked)

    def _read(self, pieces: Pieces, datagrams: Pieces, octets: memoryview) -> None:
        """Parse and match what reassembly handed on."""
        if not len(pieces) and not len(datagrams) and not pieces.closed.shape[0]:
            return
        joined = self._joiner.join(pieces, datagrams, octets)
        slots = joined.run_stream[: joined.stream_runs] >> 1
        self._http.parse(joined, pieces.closed, pieces.closed_at, ~self._table.begins_with(slots, _HANDSHAKE))
        self._take_marks(joined)
        self._take_transactions()
        self._results.alerts += self._inspector.inspect_payload(joined, self._http.flows)

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
        if self._scan_bodies:
            for slot, transaction in zip(slots, finished, strict=True):
                if transaction.request_body or transaction.response_body:
                    flow = self._http.flows[slot]
                    self._results.alerts += self._inspector.inspect_bodies(slot, transaction, flow)
        finished.clear()
        slots.clear()

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
        self._joiner.forget(gone)


_HANDSHAKE = (S, H + RESPONDER)


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


def _parts(batch: Batch, max_rows: int) -> Iterator[Batch]:
    """A batch in parts of at most ``max_rows`` rows."""
    if len(batch) <= max_rows:
        yield batch
        return
    for start in range(0, len(batch), max_rows):
        rows = slice(start, start + max_rows)
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
