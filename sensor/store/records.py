"""Rows of the database as objects, and alerts as rows."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sensor.detections.alert import Alert
from sensor.matching.reading import Reading


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    """Stopped by a signal, or killed."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Packets of a run: received = decoded + the sum of rejected."""

    received: int = 0
    decoded: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogNote:
    """A line of the sensor's own log, not yet written."""

    ts_ns: int
    level: str
    """``debug``, ``info``, ``warning``, ``error``."""
    event: str
    """``reload``, ``interface_down``, …"""
    detail: Mapping[str, object] = field(default_factory=dict)
    """Kept as JSON. Nothing that anybody typed or visited."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was logged; columns of the table ``run``."""

    id: int
    command: str
    source: str
    started_ns: int
    finished_ns: int | None
    status: str
    version: str
    signatures_digest: str
    received: int
    decoded: int
    detections: int
    error: str | None
    previous_run: int | None
    """Newest earlier run that read one of the same captures."""
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Detection:
    """A detection as it was logged; columns of the table ``detection``, meanings as in `Alert`.

    Octets of the ``http_`` fields that are not UTF-8 are lone surrogates (``surrogateescape``).
    """

    id: int
    run_id: int
    source: str
    ts_ns: int
    sid: int
    rev: int
    name_ja: str | None
    name_en: str | None
    category: str
    severity: str
    buffer: str
    flow_id: int
    tx_id: int | None
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    proto: str
    app_proto: str
    packet_number: int
    offset: int
    length: int
    excerpt: bytes
    excerpt_offset: int
    http_method: str
    http_host: str
    http_url: str
    form: str | None = None
    """`Reading.form` and the next four; None where no keyword matched."""
    folds: tuple[str, ...] = ()
    text: str | None = None
    text_start: int | None = None
    text_end: int | None = None

    def title(self, language: str = "en") -> str:
        """Return the signature's name in ``language``, or in whichever language it has."""
        first, second = (self.name_ja, self.name_en) if language == "ja" else (self.name_en, self.name_ja)
        return first or second or f"sid {self.sid}"


INSERT_ALERT = """
INSERT INTO detection (run_id, ts_ns, sid, rev, name_ja, name_en, category, severity, buffer, flow_id, tx_id,
    src_ip, src_port, dst_ip, dst_port, src_key, dst_key, proto, app_proto, packet_number, "offset", length,
    excerpt, excerpt_offset, http_method, http_host, http_url, capture, form, folds, text,
    text_start, text_end)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def address_key(address: str) -> bytes | None:
    """``address`` in network order, 4 or 16 octets; None for what is no address."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):
        return None


def wire_text(text: str) -> str | bytes:
    """``text`` for an ANY column: what SQLite's UTF-8 cannot hold (lone surrogates) goes in as octets."""
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # Surrogates that stand for no octet; no decoder of ours makes them.
        return text.encode("utf-8", "surrogatepass")


def read_wire_text(value: str | bytes) -> str:
    """Inverse of `wire_text` for text decoded from UTF-8 with ``surrogateescape``."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def plain_text(text: str) -> str:
    """``text`` for a TEXT column where people read it, such as a file's name: surrogates escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def alert_values(run_id: int, alert: Alert) -> tuple[object, ...]:
    """Values for `INSERT_ALERT`. Plain ints: numpy's are not a type that sqlite3 takes."""
    signature = alert.signature
    name_ja, name_en = signature.name.get("ja"), signature.name.get("en")
    if name_ja is None and name_en is None:
        name_en = signature.title()
    return (
        run_id,
        int(alert.ts_ns),
        signature.sid,
        signature.rev,
        name_ja,
        name_en,
        signature.category,
        str(signature.severity),
        str(alert.buffer),
        int(alert.flow_id),
        None if alert.tx_id < 0 else int(alert.tx_id),
        alert.src_ip,
        int(alert.src_port),
        alert.dst_ip,
        int(alert.dst_port),
        address_key(alert.src_ip),
        address_key(alert.dst_ip),
        alert.proto,
        alert.app_proto,
        int(alert.packet_number),
        int(alert.offset),
        int(alert.length),
        bytes(alert.excerpt),
        int(alert.excerpt_offset),
        wire_text(alert.http_method),
        wire_text(alert.http_host),
        wire_text(alert.http_url),
        plain_text(alert.capture) or None,
        *_reading_values(alert.reading),
    )


def _reading_values(reading: Reading | None) -> tuple[str | int | None, ...]:
    if reading is None:
        return (None,) * 5
    return reading.form, " ".join(reading.folds), reading.text, reading.text_start, reading.text_end
