"""Read a capture held in memory, row by row."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from sensor.arrays import GUARD
from sensor.capture.batch import NOT_A_PACKET, Batch
from sensor.capture.source import CaptureFile
from tests.reference.capture import Record


@dataclass
class Rows:
    """What a reader made of a capture."""

    records: list[Record] = field(default_factory=list)
    others: list[Record] = field(default_factory=list)
    """Records that are no packets."""
    notes: list[str] = field(default_factory=list)
    batches: int = 0
    buffer_len: int = 0
    """Octets of the largest buffer."""

    @property
    def received(self) -> int:
        """Records of both kinds."""
        return len(self.records) + len(self.others)


def read_rows(octets: bytes, window: int = 4096) -> Rows:
    """Everything that a CaptureFile gives for ``octets``."""
    with CaptureFile(io.BufferedReader(io.BytesIO(octets)), "test", None, window) as capture:
        return rows_of(capture)


def records_of(batches: Iterable[Batch]) -> list[Record]:
    """The rows of batches, each read before the next one is asked for."""
    return [
        Record(
            batch.first_number + i,
            batch.octets[batch.offset[i] : batch.offset[i] + batch.cap_len[i]].tobytes(),
            int(batch.wire_len[i]),
            int(batch.ts_ns[i]),
            int(batch.link_type[i]),
        )
        for batch in batches
        for i in range(len(batch))
    ]


def rows_of(capture: CaptureFile) -> Rows:
    """Everything that an open capture gives."""
    rows = Rows(notes=capture.notes)
    for batch in capture:
        assert batch.first_number == rows.received + 1
        for i in range(len(batch)):
            start, size = int(batch.offset[i]), int(batch.cap_len[i])
            assert start + size + GUARD <= batch.octets.size
            record = Record(
                batch.first_number + i,
                batch.octets[start : start + size].tobytes(),
                int(batch.wire_len[i]),
                int(batch.ts_ns[i]),
                int(batch.link_type[i]),
            )
            (rows.others if record.link_type == NOT_A_PACKET else rows.records).append(record)
        rows.batches += 1
        rows.buffer_len = max(rows.buffer_len, batch.octets.size)
    return rows
