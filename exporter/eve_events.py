"""EVE events, made of what the pipeline found."""

import time
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from exporter.eve_schema import Event, Flow, Http, Match, Outer
from sensor.addresses import address_text
from sensor.arrays import I64
from sensor.decode.columns import Tunnel
from sensor.detections.alert import Alert
from sensor.detections.match import PROTO_NAMES
from sensor.detections.results import HttpEvent
from sensor.flow.record import FlowRecords
from sensor.protocols.uri import normalise_uri
from signatures.model import Owner, Severity

_SEVERITY = {Severity.CRITICAL: 1, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3}
"""Suricata counts from 1, the worst, and has no more than three in use."""
_TUNNELS = {tunnel: tunnel.name.lower().replace("_", "-") for tunnel in Tunnel}
_PRIVATE_NAMES = MappingProxyType({"ja": "利用者のキーワード", "en": "subscriber's keyword"})
"""In place of the names of signatures that are a subscriber's."""
_BLOCK = 1024
"""Flows made into Python objects at once: some 2 MiB."""


def timestamp(ts_ns: int) -> str:
    """``2026-01-31T09:00:00.123456+0000``, in UTC."""
    return f"{_second(ts_ns // 1_000_000_000)}.{ts_ns // 1000 % 1_000_000:06d}+0000"


def timestamps(ts_ns: I64) -> list[str]:
    """As ``timestamp``, of many."""
    second, rest = np.divmod(ts_ns, 1_000_000_000)
    texts = {each: _second(each) for each in np.unique(second).tolist()}
    moments = zip(second.tolist(), (rest // 1000).tolist(), strict=True)
    return [f"{texts[each]}.{micro:06d}+0000" for each, micro in moments]


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00"  # a capture may hold any 64-bit time


def http_event(event: HttpEvent) -> Event:
    """An ``http`` event."""
    transaction, ends = event
    target = transaction.target
    normalised = normalise_uri(target)
    octets = (
        _host(transaction.host),
        target,
        transaction.user_agent,
        transaction.referer,
        transaction.method,
        transaction.request_version or transaction.response_version,
        transaction.request_content_type,
        transaction.response_content_type,
        b"" if normalised is target or normalised == target else normalised,
    )
    number, response_number = transaction.request_number, transaction.response_number
    try:
        hostname, url, agent, referer, method, protocol, sent_type, got_type, in_form = map(
            bytes.decode, octets
        )
        http = Http(hostname, url, agent, referer, method, protocol, sent_type, got_type, in_form)
    except UnicodeDecodeError:
        http = Http()
        for name, each in zip(Http.__struct_fields__, octets, strict=False):
            put_octets(http, name, each)
    http.status = transaction.status
    http.length = transaction.response_body_len
    http.request_length = transaction.request_body_len
    http.anomalies = transaction.anomalies
    if response_number:
        http.response_timestamp = timestamp(transaction.response_ns)
        http.response_pcap_cnt = response_number
    return Event(
        timestamp(transaction.request_ns if number else transaction.response_ns),
        ends.flow_id,
        number or response_number,
        "http",
        address_text(ends.version, *ends.client),
        address_text(ends.version, *ends.server),
        "TCP",
        ends.client_port,
        ends.server_port,
        "http",
        transaction.tx_id,
        http,
    )


def alert_event(alert: Alert) -> Event:
    """An ``alert`` event.

    EVE JSON is what operators collect. A word that a subscriber chose is nobody's business but theirs, and so
    is what they read or wrote where it was found. So an alert of such a signature tells that it fired, when
    and between whom: neither its name nor the text, octets, place, transaction and request that it was found
    in, as any of them gives the word away or where it stood. On the device the store has everything.
    """
    event = Event(
        timestamp=timestamp(alert.ts_ns),
        flow_id=alert.flow_id,
        pcap_cnt=alert.packet_number,
        event_type="alert",
        src_ip=alert.src_ip,
        src_port=alert.src_port,
        dest_ip=alert.dst_ip,
        dest_port=alert.dst_port,
        proto=alert.proto,
        app_proto=alert.app_proto,
        alert=_match(alert),
    )
    if alert.tx_id >= 0 and not _is_private(alert):
        event.tx_id = alert.tx_id
        event.http = http = Http()
        put_octets(http, "hostname", _host(alert.http_host.encode("utf-8", "surrogateescape")))
        put_octets(http, "url", alert.http_url.encode("utf-8", "surrogateescape"))
        put_octets(http, "http_method", alert.http_method.encode("utf-8", "surrogateescape"))
    return event


def _is_private(alert: Alert) -> bool:
    return alert.signature.owner is Owner.SUBSCRIBER


def _match(alert: Alert) -> Match:
    signature, private = alert.signature, _is_private(alert)
    match = Match(
        action="allowed",
        signature_id=signature.sid,
        rev=signature.rev,
        signature=_PRIVATE_NAMES["en"] if private else signature.title("en"),
        signature_ja=_PRIVATE_NAMES["ja"] if private else signature.title("ja"),
        category=signature.category,
        severity=_SEVERITY[signature.severity],
        severity_name=signature.severity.value,
    )
    if private:
        return match
    match.buffer, match.offset, match.length = alert.buffer, alert.offset, alert.length
    match.excerpt_offset = alert.excerpt_offset
    put_octets(match, "excerpt", alert.excerpt)
    reading = alert.reading
    if reading is not None:
        match.form, match.folds, match.text = reading.form, reading.folds, reading.text
        match.text_start, match.text_end = reading.text_start, reading.text_end
    return match


def flow_events(records: FlowRecords) -> Iterator[Event]:
    """``flow`` events; bytes are IP octets."""
    for start in range(0, len(records), _BLOCK):
        yield from _flow_events(records, start, min(start + _BLOCK, len(records)))


def _flow_events(records: FlowRecords, start: int, stop: int) -> Iterator[Event]:
    rows = slice(start, stop)
    columns = (
        records.flow_id, records.version, records.proto, records.http,
        (records.last_ns - records.first_ns) // 1_000_000_000,
        records.first_number, records.missed.sum(axis=0),
        *records.addresses, *records.ports, *records.packets, *records.octets,
        records.vlan.any(axis=0) | (records.tunnel != 0),
    )  # fmt: skip
    lists = (column[rows].tolist() for column in columns)
    flows = zip(
        range(start, stop),
        records.conn_state[rows],
        records.history[rows],
        timestamps(records.first_ns[rows]),
        timestamps(records.last_ns[rows]),
        *lists,
        strict=True,
    )
    for (
        i, conn_state, history, first, last,
        flow_id, version, proto, http,
        age, number, missed,
        orig_hi, orig_lo, resp_hi, resp_lo, orig_port, resp_port, orig_packets, resp_packets,
        orig_octets, resp_octets,
        is_wrapped,
    ) in flows:  # fmt: skip
        event = Event(
            last, flow_id, number, "flow",
            address_text(version, orig_hi, orig_lo), address_text(version, resp_hi, resp_lo),
            PROTO_NAMES.get(proto) or f"{proto}",
        )  # fmt: skip
        event.flow = Flow(
            orig_packets, resp_packets, orig_octets, resp_octets,
            first, last, age, records.reason, conn_state, history, missed,
        )  # fmt: skip
        if proto in (6, 17):
            event.src_port, event.dest_port = orig_port, resp_port
        elif proto in (1, 58):
            event.icmp_type, event.icmp_code = records.icmp[:, i].tolist()
        if http:
            event.app_proto = "http"
        if is_wrapped:
            _put_wrapping(event, records, i)
        yield event


def _put_wrapping(event: Event, records: FlowRecords, i: int) -> None:
    """Set the VLAN tags and the tunnel of a flow's first packet."""
    event.vlan = [tag for tag in records.vlan[:, i].tolist() if tag] or None
    if records.tunnel[i]:
        src_hi, src_lo, dst_hi, dst_lo, version = records.outer[:, i].tolist()
        event.tunnel = Outer(
            address_text(version, src_hi, src_lo),
            address_text(version, dst_hi, dst_lo),
            _TUNNELS[Tunnel(records.tunnel[i])],
        )


@lru_cache(maxsize=1024)
def _host(host: bytes) -> bytes:
    """A Host value without its port, as Suricata's ``hostname``."""
    name, _, port = host.rpartition(b":")
    return name if name and port.isdigit() and (name[-1:] == b"]" or b":" not in name) else host


def put_octets(into: Struct, name: str, octets: bytes) -> None:
    """Set a text, and its octets beside it where they are not UTF-8."""
    try:
        setattr(into, name, octets.decode())
    except UnicodeDecodeError:
        setattr(into, name, octets.decode("utf-8", "backslashreplace"))
        setattr(into, f"{name}_hex", octets.hex())
