r"""EVE JSON: one object a line, in Suricata's vocabulary.

https://docs.suricata.io/en/latest/output/eve/eve-json-format.html names the keys; the sensor's own
additions stand beside them (``http.url_normalised``, ``flow.conn_state``, ``flow.history``).
A string whose octets are not UTF-8 shows them as ``\xNN`` and has a companion key ``NAME_hex`` that holds
all its octets. What a terminal would obey is escaped (``\u009b``).
"""

import os
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Protocol

import msgspec

from exporter.printable import printable_json
from sensor.addresses import address_text
from sensor.capture.numbering import PacketNumbers
from sensor.decode.columns import Tunnel
from sensor.detections.alert import Alert
from sensor.detections.detect import PROTO_NAMES
from sensor.detections.results import HttpEvent, Results
from sensor.flow.record import FlowRecords
from sensor.protocols.uri import normalise_uri
from signatures.model import Severity

_SEVERITY = {Severity.CRITICAL: 1, Severity.HIGH: 1, Severity.MEDIUM: 2, Severity.LOW: 3}
"""Suricata counts from 1, the worst, and has no more than three in use."""
_TUNNELS = {tunnel: tunnel.name.lower().replace("_", "-") for tunnel in Tunnel}


class Stream(Protocol):
    """Where lines go: a binary file, or whatever else takes octets."""

    def write(self, lines: bytes, /) -> object:
        """Take whole lines."""


_BLOCK = 1024
"""Events made into Python objects, and written, at once: some 2 MiB."""


class EveWriter:
    """Writes events to a stream, many lines at a time."""

    def __init__(self, stream: Stream, numbers: PacketNumbers | None = None) -> None:
        """Write to ``stream``.

        :param numbers: where packets are of several captures: which one an event is of is then said
            (``pcap_filename``), and ``pcap_cnt`` counts in it.
        """
        self._stream = stream
        self._numbers = numbers
        self._encoder = msgspec.json.Encoder()

    def write(self, results: Results) -> None:
        """Write everything that a batch brought."""
        events: Iterator[dict[str, Any]] = chain(
            map(http_event, results.http),
            map(alert_event, results.alerts),
            chain.from_iterable(map(flow_events, results.flows)),
        )
        if self._numbers is not None:
            events = map(self._place, events)
        while block := list(islice(events, _BLOCK)):
            self._stream.write(printable_json(self._encoder.encode_lines(block)))

    def write_stats(self, stats: dict[str, Any], ts_ns: int) -> None:
        """Write the line that ends a replay."""
        event = {"timestamp": timestamp(ts_ns), "event_type": "stats", "stats": stats}
        self._stream.write(self._encoder.encode_lines([event]))

    def _place(self, line: dict[str, Any]) -> dict[str, Any]:
        """Say which capture the event's packets are of, and count them in it."""
        assert self._numbers is not None
        name, line["pcap_cnt"] = self._numbers.locate(line["pcap_cnt"])
        _put(line, "pcap_filename", os.fsencode(name))
        http = line.get("http", {})
        if "response_pcap_cnt" in http:
            answered_in, http["response_pcap_cnt"] = self._numbers.locate(http["response_pcap_cnt"])
            if answered_in != name:
                _put(http, "response_pcap_filename", os.fsencode(answered_in))
        return line


def timestamp(ts_ns: int) -> str:
    """``2026-01-31T09:00:00.123456+0000``, in UTC."""
    return f"{_second(ts_ns // 1_000_000_000)}.{ts_ns // 1000 % 1_000_000:06d}+0000"


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00"  # a capture may hold any 64-bit time


def http_event(event: HttpEvent) -> dict[str, Any]:
    """An ``http`` event."""
    transaction, ends = event
    target = transaction.target
    http: dict[str, Any] = {}
    for name, octets in (
        ("hostname", _host(transaction.host)),
        ("url", target),
        ("http_user_agent", transaction.user_agent),
        ("http_refer", transaction.referer),
        ("http_method", transaction.method),
        ("protocol", transaction.request_version or transaction.response_version),
        ("request_content_type", transaction.request_content_type),
        ("http_content_type", transaction.response_content_type),
    ):
        if octets:
            _put(http, name, octets)
    normalised = normalise_uri(target)
    if normalised is not target and normalised != target:
        _put(http, "url_normalised", normalised)
    if transaction.status:
        http["status"] = transaction.status
    http["length"] = transaction.response_body_len
    http["request_length"] = transaction.request_body_len
    if transaction.anomalies:
        http["anomalies"] = transaction.anomalies
    if transaction.response_number:
        http["response_timestamp"] = timestamp(transaction.response_ns)
        http["response_pcap_cnt"] = transaction.response_number
    return {
        "timestamp": timestamp(
            transaction.request_ns if transaction.request_number else transaction.response_ns
        ),
        "flow_id": ends.flow_id,
        "pcap_cnt": transaction.request_number or transaction.response_number,
        "event_type": "http",
        "src_ip": address_text(ends.version, *ends.client),
        "src_port": ends.client_port,
        "dest_ip": address_text(ends.version, *ends.server),
        "dest_port": ends.server_port,
        "proto": "TCP",
        "app_proto": "http",
        "tx_id": transaction.tx_id,
        "http": http,
    }


def alert_event(alert: Alert) -> dict[str, Any]:
    """An ``alert`` event."""
    signature = alert.signature
    line: dict[str, Any] = {
        "timestamp": timestamp(alert.ts_ns),
        "flow_id": alert.flow_id,
        "pcap_cnt": alert.packet_number,
        "event_type": "alert",
        "src_ip": alert.src_ip,
        "src_port": alert.src_port,
        "dest_ip": alert.dst_ip,
        "dest_port": alert.dst_port,
        "proto": alert.proto,
        "alert": {
            "action": "allowed",
            "signature_id": signature.sid,
            "rev": signature.rev,
            "signature": signature.title("en"),
            "signature_ja": signature.title("ja"),
            "category": signature.category,
            "severity": _SEVERITY[signature.severity],
            "severity_name": signature.severity.value,
            "buffer": alert.buffer,
            "offset": alert.offset,
            "length": alert.length,
        },
    }
    if alert.app_proto:
        line["app_proto"] = alert.app_proto
    if alert.tx_id >= 0:
        line["tx_id"] = alert.tx_id
        http: dict[str, Any] = {}
        _put(http, "hostname", _host(alert.http_host.encode("utf-8", "surrogateescape")))
        _put(http, "url", alert.http_url.encode("utf-8", "surrogateescape"))
        _put(http, "http_method", alert.http_method.encode("utf-8", "surrogateescape"))
        line["http"] = http
    _put(line["alert"], "excerpt", alert.excerpt)
    line["alert"]["excerpt_offset"] = alert.excerpt_offset
    return line


def flow_events(records: FlowRecords) -> Iterator[dict[str, Any]]:
    """``flow`` events; bytes are IP octets."""
    for start in range(0, len(records), _BLOCK):
        yield from _flow_events(records, start, min(start + _BLOCK, len(records)))


def _flow_events(records: FlowRecords, start: int, stop: int) -> Iterator[dict[str, Any]]:
    rows = slice(start, stop)
    columns = (
        records.flow_id, records.version, records.proto, records.http,
        records.first_ns, records.last_ns, records.first_number, records.missed.sum(axis=0),
        *records.addresses, *records.ports, *records.packets, *records.octets,
        records.vlan.any(axis=0) | (records.tunnel != 0),
    )  # fmt: skip
    lists = (column[rows].tolist() for column in columns)
    flows = zip(range(start, stop), records.conn_state[rows], records.history[rows], *lists, strict=True)
    for (
        i, conn_state, history,
        flow_id, version, proto, http,
        first, last, number, missed,
        orig_hi, orig_lo, resp_hi, resp_lo, orig_port, resp_port, orig_packets, resp_packets,
        orig_octets, resp_octets,
        is_wrapped,
    ) in flows:  # fmt: skip
        end = timestamp(last)
        line: dict[str, Any] = {
            "timestamp": end,
            "flow_id": flow_id,
            "event_type": "flow",
            "src_ip": address_text(version, orig_hi, orig_lo),
            "dest_ip": address_text(version, resp_hi, resp_lo),
            "proto": PROTO_NAMES.get(proto) or f"{proto}",
            "pcap_cnt": number,
            "flow": {
                "pkts_toserver": orig_packets,
                "pkts_toclient": resp_packets,
                "bytes_toserver": orig_octets,
                "bytes_toclient": resp_octets,
                "start": timestamp(first) if first != last else end,
                "end": end,
                "age": (last - first) // 1_000_000_000,
                "reason": records.reason,
                "conn_state": conn_state,
                "history": history,
                "missed_bytes": missed,
            },
        }
        if proto in (6, 17):
            line["src_port"], line["dest_port"] = orig_port, resp_port
        elif proto in (1, 58):
            line["icmp_type"], line["icmp_code"] = records.icmp[:, i].tolist()
        if http:
            line["app_proto"] = "http"
        if is_wrapped:
            _put_wrapping(line, records, i)
        yield line


def _put_wrapping(line: dict[str, Any], records: FlowRecords, i: int) -> None:
    """Set the VLAN tags and the tunnel of a flow's first packet."""
    vlan = [tag for tag in records.vlan[:, i].tolist() if tag]
    if vlan:
        line["vlan"] = vlan
    if records.tunnel[i]:
        src_hi, src_lo, dst_hi, dst_lo, version = records.outer[:, i].tolist()
        line["tunnel"] = {
            "src_ip": address_text(version, src_hi, src_lo),
            "dest_ip": address_text(version, dst_hi, dst_lo),
            "proto": _TUNNELS[Tunnel(records.tunnel[i])],
        }


@lru_cache(maxsize=1024)
def _host(host: bytes) -> bytes:
    """A Host value without its port, as Suricata's ``hostname``."""
    name, _, port = host.rpartition(b":")
    return name if name and port.isdigit() and (name[-1:] == b"]" or b":" not in name) else host


def _put(into: dict[str, Any], name: str, octets: bytes) -> None:
    """Set a text, and its octets beside it where they are not UTF-8."""
    if not octets:
        return
    try:
        into[name] = octets.decode()
    except UnicodeDecodeError:
        into[name] = octets.decode("utf-8", "backslashreplace")
        into[f"{name}_hex"] = octets.hex()
