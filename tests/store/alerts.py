"""Alerts for the tests of the store."""

from dataclasses import replace

from sensor.detections.alert import Alert
from signatures.model import Buffer, Clause, Severity, Signature

SIGNATURE = Signature(
    sid=9000001,
    rev=2,
    name={"ja": "遠隔操作", "en": "remote control"},
    category="custom",
    severity=Severity.LOW,
    clauses=(Clause((Buffer.HTTP_URI,), keywords=("anydesk",)),),
)
ALERT = Alert(
    signature=SIGNATURE,
    buffer=Buffer.HTTP_URI,
    ts_ns=1_700_000_000_000_000_001,
    flow_id=(1 << 63) - 1,
    tx_id=3,
    src_ip="192.0.2.1",
    src_port=51234,
    dst_ip="2001:db8::1",
    dst_port=80,
    proto="TCP",
    app_proto="http",
    packet_number=17,
    offset=5,
    length=7,
    excerpt=b"GET /anydesk HTTP/1.1",
    excerpt_offset=5,
    http_method="GET",
    http_host="example.com",
    http_url="/anydesk",
)


def make_alerts(count: int, first: int = 0) -> list[Alert]:
    """``count`` alerts one microsecond apart, numbered from ``first``."""
    return [
        replace(ALERT, ts_ns=ALERT.ts_ns + 1000 * number, packet_number=number)
        for number in range(first, first + count)
    ]
