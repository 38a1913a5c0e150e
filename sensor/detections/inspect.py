"""Buffers are scanned, and matches become alerts with the packet, flow and transaction they are from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter, itemgetter

import numpy as np

from sensor.config import DetectionLimits
from sensor.detections.alert import Alert
from sensor.detections.clauses import found_at
from sensor.detections.detect import Detector, name_mark
from sensor.detections.match import Match, Place, Sender, match_at
from sensor.detections.payload_regexes import PayloadRegexes, hits_of
from sensor.detections.rules import compile_rules
from sensor.detections.together import Together
from sensor.flow.table import FlowTable
from sensor.matching.plan import MatchPlan
from sensor.matching.reading import Reading
from sensor.matching.scan import Matches, scan_fields, scan_payload
from sensor.protocols.http_flows import HttpFlow
from sensor.protocols.names import NameTransaction
from sensor.protocols.transaction import HttpTransaction
from sensor.protocols.uri import normalise_uri
from sensor.reassembly.join import Joined
from sensor.telemetry import Counters
from signatures.model import Buffer

_Values = Callable[[Sequence[HttpTransaction]], list[bytes]]
_STREAM = -1
"""In place of the packet that a datagram is of."""
_IN_ORDER = itemgetter(0, 1, 2, 3)


def _attribute(name: str) -> _Values:
    get = attrgetter(name)
    return lambda transactions: list(map(get, transactions))


_FIELDS: tuple[tuple[Buffer, _Values], ...] = (
    (Buffer.HTTP_METHOD, _attribute("method")),
    (Buffer.HTTP_URI, lambda transactions: [normalise_uri(tx.target) for tx in transactions]),
    (Buffer.HTTP_HOST, _attribute("host")),
    (Buffer.HTTP_USER_AGENT, _attribute("user_agent")),
    (Buffer.HTTP_REFERER, _attribute("referer")),
)
_NAMES = ((Buffer.TLS_SNI, "tls"), (Buffer.DNS_QUERY, "dns"))


_BODIES = (
    (Buffer.HTTP_REQUEST_BODY, attrgetter("request_body")),
    (Buffer.HTTP_RESPONSE_BODY, attrgetter("response_body")),
)
_JOINED = 4 << 20
"""Octets of bodies that are scanned at once."""


class Inspector:
    """Looks for signatures in what the earlier stages made of a batch."""

    def __init__(
        self, plan: MatchPlan, limits: DetectionLimits, table: FlowTable, counters: Counters
    ) -> None:
        self._plan = plan
        self._table = table
        self._counters = counters
        self._limits = limits
        self._detector = Detector(limits, counters)
        self._together = Together(self._detector, limits, counters)
        self._rules = compile_rules(plan)
        self._regexes = PayloadRegexes(plan, counters, limits.excerpt_before + 1, limits.regex_streams)
        self._fields = _fields_of(plan)
        self._senders: dict[tuple[int, int, int, str], Sender] = {}
        """Those that the call in hand has made."""

    def replace_plan(self, plan: MatchPlan) -> None:
        """Look for the signatures of another plan from now on.

        What has fired, and what is under way, stays known by sid and rev.
        """
        self._plan = plan
        self._fields = _fields_of(plan)
        self._rules = compile_rules(plan)
        self._together.replace_rules(self._rules.rules)
        self._regexes.replace_plan(plan)

    def leave_out(self, streams: list[int]) -> None:
        """Octets of these streams are not looked into: what regexes have matched so far goes no further."""
        if self._plan.has_payload_regexes:
            self._regexes.discard(streams)

    def inspect_payload(self, joined: Joined, http: dict[int, HttpFlow]) -> list[Alert]:
        """Alerts on the octets of streams and datagrams."""
        self._senders.clear()
        plan = self._plan
        alerts: list[Alert] = []
        if not plan.wants(Buffer.PAYLOAD) or not joined.run_start.shape[0]:
            return []
        found = scan_payload(
            plan, joined.data, joined.run_start, joined.run_end, joined.run_fresh, joined.run_position
        )
        self._count(found)
        hits = hits_of(joined, found)
        if plan.has_payload_regexes:
            hits += self._regexes.scan(joined)
        # The first match in the order of the stream counts, of whatever kind.
        for run, end, index, start, number, ts_ns, reading in sorted(hits, key=_IN_ORDER):
            stream = int(joined.run_stream[run])
            first, last = int(joined.run_start[run]), int(joined.run_end[run])
            position = int(joined.run_position[run]) + start - first
            place = Place(Buffer.PAYLOAD, start, end, position, number, ts_ns)
            value = _STREAM if run < joined.stream_runs else number
            self._payload_match(alerts, index, stream, value, place, http, joined.data, first, last, reading)
        return alerts

    def _payload_match(
        self,
        alerts: list[Alert],
        index: int,
        stream: int,
        value: int,
        place: Place,
        http: dict[int, HttpFlow],
        data: bytes,
        first: int,
        last: int,
        reading: Reading | None = None,
    ) -> None:
        rule, slot, detector = self._rules.owner[index], stream >> 1, self._detector
        # Whose side is the server's does not wait for HTTP here: a match before that is known counts alike.
        to_server = not stream & 1
        if rule.shape is None and detector.has_fired_in_flow(slot, rule, to_server):
            return
        sender = self._sender(slot, stream & 1, 0, "http" if slot in http else "")
        if rule.conditions is not None and not rule.conditions.hold(sender, place.ts_ns):
            return
        match = match_at(self._limits, sender, place, data, first, last, reading)
        if rule.waits:
            found = found_at((Buffer.PAYLOAD, stream & 1, value), match)
            self._together.add(slot, rule, self._rules.place[index], found, to_server)
            return
        detector.note_in_flow(slot, rule, to_server)
        _append(alerts, detector.fire(slot, rule, match))

    def inspect_names(self, names: Sequence[NameTransaction]) -> list[Alert]:
        """Alerts on the names of TLS ClientHellos and of DNS queries."""
        if not names:
            return []
        self._senders.clear()
        alerts: list[Alert] = []
        for buffer, app_proto in _NAMES:
            if not self._plan.wants(buffer):
                continue
            own = [name for name in names if name.app_proto == app_proto]
            found = scan_fields(self._plan, buffer, [name.name for name in own])
            self._count(found)
            for index, run, start, end, reading in _rows(found):
                self._name_match(alerts, buffer, index, own[run], start, end, reading)
        for name in names:
            self._together.end_transaction(name.slot, name.tx_id, name.number)
        return alerts

    def _name_match(
        self,
        alerts: list[Alert],
        buffer: Buffer,
        index: int,
        name: NameTransaction,
        start: int,
        end: int,
        reading: Reading | None,
    ) -> None:
        rule, slot, detector = self._rules.owner[index], name.slot, self._detector
        mark = name_mark(name.name)
        if rule.shape is None and detector.has_fired_in_flow(slot, rule, mark):
            return
        sender = self._sender(slot, name.direction, name.direction, name.app_proto)
        if rule.conditions is not None and not rule.conditions.hold(sender, name.ts_ns):
            return
        place = Place(buffer, start, end, start, name.number, name.ts_ns, name.tx_id)
        match = match_at(self._limits, sender, place, name.name, 0, len(name.name), reading)
        if rule.waits:
            found = found_at((buffer, name.direction, name.tx_id), match)
            self._together.add(slot, rule, self._rules.place[index], found, mark)
            return
        detector.note_in_flow(slot, rule, mark)
        _append(alerts, detector.fire(slot, rule, match))

    def inspect_requests(
        self, requests: Sequence[HttpTransaction], slots: Sequence[int], flows: dict[int, HttpFlow]
    ) -> list[Alert]:
        """Alerts on the heads of requests, each of the flow in the slot beside it."""
        self._senders.clear()
        alerts: list[Alert] = []
        for buffer, values_of in self._fields:
            values = values_of(requests)
            found = scan_fields(self._plan, buffer, values)
            self._count(found)
            for index, run, start, end, reading in _rows(found):
                slot = slots[run]
                self._transaction_match(
                    alerts, buffer, index, slot, requests[run], flows[slot], values[run], start, end, reading
                )
        return alerts

    def inspect_bodies(
        self, slots: Sequence[int], transactions: Sequence[HttpTransaction], flows: dict[int, HttpFlow]
    ) -> list[Alert]:
        """Alerts on the decoded bodies of finished transactions, each of the flow in the slot beside it."""
        self._senders.clear()
        alerts: list[Alert] = []
        for buffer, body_of in _BODIES:
            if not self._plan.wants(buffer):
                continue
            bodies = list(map(body_of, transactions))
            for rows in _together(bodies):
                found = scan_fields(self._plan, buffer, [bodies[row] for row in rows])
                self._count(found)
                for index, run, start, end, reading in _rows(found):
                    at = rows[run]
                    slot = slots[at]
                    self._transaction_match(
                        alerts, buffer, index, slot, transactions[at], flows[slot], bodies[at], start, end,
                        reading,
                    )  # fmt: skip
        return alerts

    def _count(self, found: Matches) -> None:
        counters, effort = self._counters, found.effort
        counters.scans_flooded += found.flooded
        counters.keyword_places_read += effort.anchors
        counters.view_octets += effort.view_octets
        counters.views_cut += effort.views_left_out

    def end_transactions(self, slots: Iterable[int], transactions: Iterable[HttpTransaction]) -> None:
        """Transactions are over: their heads and bodies have been inspected."""
        for slot, transaction in zip(slots, transactions, strict=True):
            number = max(transaction.request_number, transaction.response_number)
            self._together.end_transaction(slot, transaction.tx_id, number)

    def settle(self) -> list[Alert]:
        """Alerts on what had to wait for the whole batch: call it when all of it was inspected."""
        return self._together.settle()

    def end(self, slots: list[int], http: dict[int, HttpFlow]) -> list[Alert]:
        """Flows ended; alerts on what matches at the very end of a stream, or of a flow."""
        self._senders.clear()
        alerts: list[Alert] = []
        if self._plan.has_payload_regexes:
            for slot in slots:
                for stream in (2 * slot, 2 * slot + 1):
                    hits, tail = self._regexes.close(stream)
                    for end, index, position, number, ts_ns in hits:
                        place = Place(Buffer.PAYLOAD, end, end, position, number, ts_ns)
                        self._payload_match(alerts, index, stream, _STREAM, place, http, tail, 0, len(tail))
        self._together.end_flows(slots)
        alerts += self._together.settle()
        self._detector.forget(slots)
        return alerts

    def _transaction_match(
        self,
        alerts: list[Alert],
        buffer: Buffer,
        index: int,
        slot: int,
        transaction: HttpTransaction,
        flow: HttpFlow,
        value: bytes,
        start: int,
        end: int,
        reading: Reading | None,
    ) -> None:
        rule, detector = self._rules.owner[index], self._detector
        if rule.shape is None and detector.has_fired_in_transaction(transaction, rule):
            return
        response = buffer is Buffer.HTTP_RESPONSE_BODY
        direction = 1 - flow.client if response else flow.client
        sender = self._sender(slot, direction, flow.client, "http")
        ts_ns = transaction.response_ns if response else transaction.request_ns
        if rule.conditions is not None and not rule.conditions.hold(sender, ts_ns):
            return
        number = transaction.response_number if response else transaction.request_number
        place = Place(
            buffer, start, end, start, number, ts_ns, transaction.tx_id, *self._request(transaction)
        )
        match: Match = match_at(self._limits, sender, place, value, 0, len(value), reading)
        if rule.waits:
            found = found_at((buffer, direction, transaction.tx_id), match)
            self._together.add(slot, rule, self._rules.place[index], found, transaction)
            return
        detector.note_in_transaction(transaction, rule)
        _append(alerts, detector.fire(slot, rule, match))

    def _request(self, transaction: HttpTransaction) -> Iterator[str]:
        """Method, host and target, as an alert shows them."""
        shown = self._limits.request
        return (_text(part[:shown]) for part in (transaction.method, transaction.host, transaction.target))

    def _sender(self, slot: int, direction: int, client: int, app_proto: str) -> Sender:
        key = slot, direction, client, app_proto
        sender = self._senders.get(key)
        if sender is None:
            sender = self._senders[key] = self._make_sender(*key)
        return sender

    def _make_sender(self, slot: int, direction: int, client: int, app_proto: str) -> Sender:
        table = self._table
        at = np.array([slot])
        orig_hi, orig_lo, resp_hi, resp_lo = (int(word[0]) for word in table.endpoints(at))
        ends = ((orig_hi, orig_lo), (resp_hi, resp_lo))
        return Sender(
            int(table.flow_id[slot]),
            int(table.version(at)[0]),
            ends[direction],
            int(table.ports[direction, slot]),
            ends[1 - direction],
            int(table.ports[1 - direction, slot]),
            int(table.proto(at)[0]),
            direction == client,
            app_proto,
        )


def _fields_of(plan: MatchPlan) -> list[tuple[Buffer, _Values]]:
    return [(buffer, values) for buffer, values in _FIELDS if plan.wants(buffer)]


def _rows(found: Matches) -> Iterator[tuple[int, int, int, int, Reading | None]]:
    """(clause, run, start, end, reading) of matches."""
    columns = (found.clause, found.run, found.start, found.end)
    readings = found.readings or (None,) * len(found)
    return zip(*(column.tolist() for column in columns), readings, strict=True)


def _together(bodies: Sequence[bytes]) -> Iterator[list[int]]:
    """Indices of the bodies that are not empty, so many at once that joining them takes little."""
    rows: list[int] = []
    octets = 0
    for row, body in enumerate(bodies):
        if body:
            if octets + len(body) > _JOINED and rows:
                yield rows
                rows, octets = [], 0
            rows.append(row)
            octets += len(body)
    if rows:
        yield rows


def _append(alerts: list[Alert], alert: Alert | None) -> None:
    if alert is not None:
        alerts.append(alert)


def _text(octets: bytes) -> str:
    """Octets that are not UTF-8 become lone surrogates, so that nothing is lost on the way to the store."""
    return octets.decode("utf-8", "surrogateescape")
