"""Matches become alerts: conditions that octets alone can't tell, and once each.

A signature fires once in each direction of a flow for ``payload``, and once in each transaction for all
other buffers together.
"""

from dataclasses import dataclass

from sensor.addresses import address_text
from sensor.config import DetectionLimits
from sensor.detections.alert import Alert
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters
from signatures.model import Direction, PortRange, Signature

PROTO_NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "IPv6-ICMP", 132: "SCTP"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent the octets that a signature matched in, and to whom."""

    flow_id: int
    version: int
    src: tuple[int, int]
    src_port: int
    dst: tuple[int, int]
    dst_port: int
    proto: int
    to_server: bool
    app_proto: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature matched, and when."""

    buffer: str
    start: int
    end: int
    position: int
    """Octets from the start of the buffer or stream to ``start``."""
    number: int
    ts_ns: int
    tx_id: int = -1
    http_method: str = ""
    http_host: str = ""
    http_url: str = ""


class Detector:
    """Applies conditions, and remembers what has fired."""

    def __init__(self, limits: DetectionLimits, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self._fired: dict[int, set[tuple[int, int, bool]]] = {}
        """By slot: sid, rev and direction; so that signatures may be replaced meanwhile."""
        self._fired_count = 0

    def fires_in_flow(self, slot: int, signature: Signature, sender: Sender) -> bool:
        """Whether a match of ``signature`` in the payload becomes an alert.

        The next one in this direction of the flow does not.
        """
        if not _applies(signature, sender):
            return False
        key = (signature.sid, signature.rev, sender.to_server)
        if key in self._fired.get(slot, ()):
            return False
        if self._fired_count < self._limits.fired:
            self._fired.setdefault(slot, set()).add(key)
            self._fired_count += 1
        else:
            self._counters.alerts_forgotten += 1
        return True

    def fires_in_transaction(
        self, transaction: HttpTransaction, signature: Signature, sender: Sender
    ) -> bool:
        """Whether a match of ``signature`` becomes an alert; the next in the transaction does not."""
        if not _applies(signature, sender):
            return False
        if transaction.fired is None:
            transaction.fired = set()
        key = (signature.sid, signature.rev)
        if key in transaction.fired:
            return False
        transaction.fired.add(key)
        return True

    def alert(
        self, signature: Signature, sender: Sender, place: Place, data: bytes, first: int, last: int
    ) -> Alert:
        """The alert of a match at ``data[place.start:place.end]``; its excerpt stays in ``[first, last)``."""
        begin = max(first, place.start - self._limits.excerpt_before)
        match_end = min(place.end, place.start + self._limits.excerpt_match)
        end = min(last, match_end + self._limits.excerpt_after)
        self._counters.detections += 1
        return Alert(
            signature=signature,
            buffer=place.buffer,
            ts_ns=place.ts_ns,
            flow_id=sender.flow_id,
            tx_id=place.tx_id,
            src_ip=address_text(sender.version, *sender.src),
            src_port=sender.src_port,
            dst_ip=address_text(sender.version, *sender.dst),
            dst_port=sender.dst_port,
            proto=PROTO_NAMES.get(sender.proto, str(sender.proto)),
            app_proto=sender.app_proto,
            packet_number=place.number,
            offset=place.position,
            length=place.end - place.start,
            excerpt=data[begin:end],
            excerpt_offset=place.start - begin,
            http_method=place.http_method,
            http_host=place.http_host,
            http_url=place.http_url,
        )

    def forget(self, slots: list[int]) -> None:
        """Flows ended."""
        if self._fired:
            for slot in slots:
                fired = self._fired.pop(slot, None)
                if fired is not None:
                    self._fired_count -= len(fired)


def _applies(signature: Signature, sender: Sender) -> bool:
    way = Direction.TO_SERVER if sender.to_server else Direction.TO_CLIENT
    if signature.direction not in (Direction.ANY, way):
        return False
    return _within(sender.src_port, signature.src_ports) and _within(sender.dst_port, signature.dst_ports)


def _within(port: int, ranges: tuple[PortRange, ...]) -> bool:
    return not ranges or any(each.first <= port <= each.last for each in ranges)
