"""Flow tracking and stream reassembly wired as the pipeline wires them, and the references wired alike.

Both say what they made of packets in the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sensor.arrays import I64
from sensor.capture.source import open_captures
from sensor.config import FlowLimits, ReassemblyLimits
from sensor.decode.columns import Packets
from sensor.decode.stack import decode_batch
from sensor.flow.record import FlowRecords, flow_records
from sensor.flow.table import FlowTable
from sensor.flow.track import FlowTracker, update_history
from sensor.reassembly.pieces import Pieces
from sensor.reassembly.stream import StreamReassembler
from sensor.telemetry import Counters
from tests.flow.packets import LIMITS, columns, times
from tests.reference import flow as reference_flow
from tests.reference.flow import TCP, Packet
from tests.reference.reassembly import AT_END, Connection, Octet


@dataclass(slots=True)
class Seen:
    """What became of one flow."""

    record: dict[str, object] = field(default_factory=dict)
    reason: str = ""
    flow_id: int = 0
    octets: tuple[list[Octet], list[Octet]] = field(default_factory=lambda: ([], []))
    released: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    """For each octet, the packet at which it was handed on; ``AT_END``."""
    closed: list[tuple[int, int]] = field(default_factory=list)
    """Directions that were closed, and the packets that did it."""


class Sensor:
    """The stages under test."""

    def __init__(self, flow: FlowLimits = LIMITS, reassembly: ReassemblyLimits | None = None) -> None:
        self.counters = Counters()
        self.tracker = FlowTracker(flow, self.counters, self._end_flows)
        self.streams = StreamReassembler(reassembly or ReassemblyLimits(), self.table, self.counters)
        self.flows: dict[int, Seen] = {}
        """By number of the flow's first packet."""
        self.ended: list[int] = []
        self._ends: dict[int, int] = {}
        self._released: dict[int, int] = {}
        self._ending = False

    @property
    def table(self) -> FlowTable:
        return self.tracker.table

    def feed(self, packets: Sequence[Packet]) -> None:
        """One batch."""
        rows, octets = columns(packets)
        self.feed_rows(rows, memoryview(octets.data), times(packets), packets[0].number)

    def feed_rows(self, rows: Packets, octets: memoryview, ts_ns: I64, first_number: int) -> None:
        """One decoded batch."""
        tracked = self.tracker.track(rows, ts_ns, first_number)
        pieces = self.streams.reassemble(rows, tracked, octets, ts_ns, first_number)
        update_history(self.table, tracked)
        self.take(pieces, octets)
        self.tracker.end_replaced(tracked)

    def finish(self) -> None:
        """The capture is over."""
        for _ in self.tracker.end_all(at_once=3):
            pass

    def _end_flows(self, slots: I64, reason: str) -> None:
        self._ending = True
        self.take(self.streams.finish(slots), memoryview(b""))
        self._ending = False
        records = flow_records(self.table, slots, reason, np.zeros(slots.shape[0], np.bool_))
        for i, number in enumerate(records.first_number.tolist()):
            seen = self._flow(number)
            seen.record = record_of(records, i)
            seen.reason, seen.flow_id = reason, int(records.flow_id[i])
            self.ended.append(number)
        self.streams.forget(slots)
        for stream in (*(2 * slots).tolist(), *(2 * slots + 1).tolist()):
            self._ends.pop(stream, None)
            self._released.pop(stream, None)

    def _flow(self, number: int) -> Seen:
        return self.flows.setdefault(number, Seen())

    def take(self, pieces: Pieces, octets: memoryview) -> None:
        """Write down what reassembly handed on, and hold it to what :class:`Pieces` promises."""
        rows = zip(
            *(
                getattr(pieces, name).tolist()
                for name in Pieces.__annotations__
                if name not in ("closed", "closed_at", "stored")
            ),
            strict=True,
        )
        last = -1
        for stream, offset, length, gap, number, released, ts_ns, position in rows:
            assert stream >= last, "a stream's pieces lie side by side"
            last = stream
            assert length > 0
            assert position == self._ends.get(stream, 0) + gap
            self._ends[stream] = position + length
            assert released >= max(number, self._released.get(stream, 0))
            self._released[stream] = released
            data = pieces.stored[-1 - offset] if offset < 0 else bytes(octets[offset : offset + length])
            assert len(data) == length
            seen = self._flow(int(self.table.first_number[stream >> 1]))
            seen.octets[stream & 1].extend(
                (position + i, octet, number, ts_ns) for i, octet in enumerate(data)
            )
            seen.released[stream & 1].extend([AT_END if self._ending else released] * length)
        for stream, number in zip(pieces.closed.tolist(), pieces.closed_at.tolist(), strict=True):
            self._flow(int(self.table.first_number[stream >> 1])).closed.append((stream & 1, number))


def record_of(records: FlowRecords, i: int) -> dict[str, object]:
    """Row ``i``, under the reference's names."""
    orig_hi, orig_lo, resp_hi, resp_lo = records.addresses[:, i].tolist()
    record: dict[str, object] = {
        "orig": (orig_hi, orig_lo),
        "resp": (resp_hi, resp_lo),
        "history": records.history[i],
        "conn_state": records.conn_state[i],
    }
    for name in ("proto", "first_ns", "last_ns"):
        record[name] = getattr(records, name)[i].item()
    for name, columns_of in (
        ("port", records.ports),
        ("packets", records.packets),
        ("octets", records.octets),
        ("missed", records.missed),
    ):
        record[f"orig_{name}"], record[f"resp_{name}"] = columns_of[:, i].tolist()
    return record


class Reference:
    """The scalar references."""

    def __init__(self, packets: Sequence[Packet], *, stream_octets: int = 1 << 20) -> None:
        self.tracker = reference_flow.FlowTracker(LIMITS)
        connections: dict[int, Connection] = {}
        self.flows: dict[int, Seen] = {}
        for packet in packets:
            flow, direction = self.tracker.track(packet)
            letters = reference_flow.letters(packet, direction)
            if packet.proto == TCP:
                connection = connections.setdefault(flow.first_number, Connection(flow, limit=stream_octets))
                letters += connection.segment(packet, direction)
                closed = self.flows.setdefault(flow.first_number, Seen()).closed
                known = [d for d, _ in closed]
                closed += [
                    (d, packet.number) for d in (0, 1) if connection.streams[d].closed and d not in known
                ]
            flow.note(letters)
        self.tracker.finish()
        self.streams = [stream for c in connections.values() for stream in c.streams]
        for flow in self.tracker.ended:
            seen = self.flows.setdefault(flow.first_number, Seen())
            connection = connections.setdefault(flow.first_number, Connection(flow))
            flow.note(connection.finish())
            seen.octets = (connection.streams[0].delivered, connection.streams[1].delivered)
            seen.released = (connection.streams[0].released, connection.streams[1].released)
            seen.reason = flow.reason
            seen.record = {
                "proto": flow.proto,
                "orig": divmod(flow.orig[0], 2**64),
                "resp": divmod(flow.resp[0], 2**64),
                "orig_port": flow.orig[1],
                "resp_port": flow.resp[1],
                "first_ns": flow.first_ns,
                "last_ns": flow.last_ns,
                "orig_packets": flow.packets[0],
                "resp_packets": flow.packets[1],
                "orig_octets": flow.octets[0],
                "resp_octets": flow.octets[1],
                "orig_missed": connection.streams[0].missed,
                "resp_missed": connection.streams[1].missed,
                "history": flow.history,
                "conn_state": flow.conn_state(),
            }

    def total(self, counter: str) -> int:
        """Sum of a counter over every stream."""
        return sum(int(getattr(stream, counter)) for stream in self.streams)


def run(packets: Sequence[Packet], sizes: Sequence[int], sensor: Sensor | None = None) -> Sensor:
    """Feed packets in batches of these sizes, the last of which takes what is left."""
    sensor = sensor or Sensor()
    start = 0
    for size in (*sizes, len(packets)):
        batch = packets[start : start + size]
        if batch:
            sensor.feed(batch)
        start += size
    sensor.finish()
    return sensor


def replay(capture: Path) -> Sensor:
    """A capture through decode and the stages under test."""
    sensor = Sensor()
    for file in open_captures([str(capture)]):
        for batch in file:
            octets = memoryview(batch.octets.data)
            sensor.feed_rows(decode_batch(batch), octets, batch.ts_ns, batch.first_number)
    sensor.finish()
    return sensor
