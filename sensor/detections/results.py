"""What the stages hand on to the store and the exporter."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sensor.detections.alert import Alert
from sensor.flow.record import FlowRecords
from sensor.protocols.transaction import HttpTransaction


class FlowEnds(NamedTuple):
    """Whose a transaction is."""

    flow_id: int
    version: int
    """IP version."""
    client: tuple[int, int]
    """Address words, see ``sensor.addresses``."""
    client_port: int
    server: tuple[int, int]
    server_port: int


class HttpEvent(NamedTuple):
    """A finished transaction."""

    transaction: HttpTransaction
    ends: FlowEnds


@dataclass(slots=True)
class Results:
    """What came out of the pipeline since they were last taken."""

    http: list[HttpEvent] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    flows: list[FlowRecords] = field(default_factory=list)
