"""Counters and memo that the HTTP/1 parsers of all flows share."""

from dataclasses import dataclass, field

from sensor.config import Http1Limits
from sensor.protocols.http1_fields import FieldParser, Fields
from sensor.protocols.transaction import HttpTransaction

RequestHead = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""What a plain request says: method to content type, in the order of ``HttpTransaction``."""
ResponseHead = tuple[bytes, int, Fields, int]
"""Version, status, fields, and the length of the body: -1 where more than Content-Length decides."""


SKIP_BODY, KEEP_BODY, SHED_BODY = range(3)
"""What becomes of bodies: nobody asks for them, they are kept, or they would be but for overload."""


@dataclass(slots=True, eq=False)
class Http1Counters:
    """What was passed over or cut, over all flows."""

    orphan_responses: int = 0
    heads_too_long: int = 0
    heads_cut: int = 0
    """Heads that lost octets or the end of the flow cut short."""
    lines_too_long: int = 0
    resyncs: int = 0
    """Times that octets were passed over in search of the next message."""
    tunnels: int = 0
    requests_evicted: int = 0
    """Requests emitted without their response because one of the bounds on waiting ones was reached."""
    bodies_cut: int = 0
    """Bodies kept in part: ``body_octets`` or ``buffered_octets`` was reached, or octets were lost."""
    decode_failures: int = 0
    compression_bombs: int = 0
    heads_evicted: int = 0
    """Heads, lines and first octets of flows given up half-way because ``held_octets`` was reached."""
    flows_evicted: int = 0
    """Flows that are read no further because ``Http1Limits.flows`` was reached."""


@dataclass(slots=True, eq=False)
class Http1Shared:
    """What the parsers of all flows share."""

    limits: Http1Limits = field(default_factory=Http1Limits)
    counters: Http1Counters = field(default_factory=Http1Counters)
    new_requests: list[HttpTransaction] = field(default_factory=list)
    """Those whose request's head was completed since the pipeline last emptied the list."""
    new_responses: list[HttpTransaction] = field(default_factory=list)
    """As ``new_requests``, of responses' heads."""
    request_heads: dict[bytes, RequestHead] = field(default_factory=dict)
    """Plain request heads read before, without their empty lines, at most ``memo_entries``: clients that
    poll, and pages that many ask for, send the very same octets."""
    response_heads: dict[bytes, ResponseHead] = field(default_factory=dict)
    buffered: int = 0
    """Octets of bodies held now."""
    decoded: int = 0
    """Octets of bodies decoded since the pipeline last looked into those that are finished."""
    bodies_shed: int = 0
    """Bodies that would have been kept but for ``SHED_BODY``."""
    pending: int = 0
    """Octets of requests that wait for a response now."""
    status_lines: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    """Status lines read before, at most ``memo_entries``."""
    requests: FieldParser = field(init=False)
    responses: FieldParser = field(init=False)

    def __post_init__(self) -> None:
        self.requests = FieldParser("request", self.limits.head_lines, self.limits.memo_entries)
        self.responses = FieldParser("response", self.limits.head_lines, self.limits.memo_entries)
