"""An HTTP transaction: a request and its response, or either alone.

Plain octets as they came off the wire; text is made of them only where people read it (exporter).
"""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class HttpTransaction:
    """One request with its response. Mutable while the parser fills it, then left alone."""

    tx_id: int = 0
    """Number of the transaction in its flow, from 0."""
    method: bytes = b""
    """Empty if the request was not seen."""
    target: bytes = b""
    """Request target as sent (RFC 9112, section 3.2)."""
    request_version: bytes = b""
    """``HTTP/1.1``; empty for HTTP/0.9."""
    host: bytes = b""
    """Authority of an absolute-form or CONNECT target, else the first Host header, port included."""
    user_agent: bytes = b""
    referer: bytes = b""
    request_content_type: bytes = b""
    request_at: int = -1
    """Index, in the joined octets of the batch, of the octet that completed the request's head; -1 if
    that is not known (the head was cut short)."""
    request_body_len: int = 0
    """Octets of the body as carried (after dechunking, before decompression)."""
    response_version: bytes = b""
    status: int = 0
    """0 if no response was seen."""
    response_content_type: bytes = b""
    response_body_len: int = 0
    response_at: int = -1
    """As ``request_at``, of the response."""
    request_number: int = 0
    """Packet that completed the request's head, 0 if none was seen."""
    request_ns: int = 0
    response_number: int = 0
    response_ns: int = 0
    anomalies: tuple[str, ...] = ()
    """Names of protocol faults, Suricata's where it has one (``http.request_field_missing_colon``)."""
    request_body: bytes = b""
    """Decoded body (dechunked, decompressed, bounded) where a signature asks for it."""
    response_body: bytes = b""
    fired: set[tuple[int, int]] | None = None
    """sid and rev of the signatures that fired in it, kept by detections: at most as many as there are."""
