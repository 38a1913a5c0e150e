"""Read a capture held in memory, row by row."""

import io
from collections import Counter
from dataclasses import dataclass, field

from sensor.arrays import GUARD
from sensor.capture.source import CaptureFile
from tests.reference.capture import Record


@dataclass
class Rows:
    """What a reader made of a capture."""

    records: list[Record] = field(default_factory=list)
    received: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    batches: int = 0
    buffer_len: int = 0
    """Octets of the largest buffer."""


def read_rows(octets: bytes, window: int = 4096) -> Rows:
    """Everything that a CaptureFile gives for ``octets``."""
    with CaptureFile(io.BufferedReader(io.BytesIO(octets)), "test", None, window) as capture:
        return rows_of(capture)


def rows_of(capture: CaptureFile) -> Rows:
    """Everything that an open capture gives."""
    rows = Rows(notes=capture.notes)
    rejected: Counter[str] = Counter()
    for batch in capture:
        assert batch.first_number == rows.received + 1
        for i in range(len(batch)):
            start, size = int(batch.offset[i]), int(batch.cap_len[i])
            assert start + size + GUARD <= batch.octets.size
            rows.records.append(
                Record(
                    batch.first_number + i,
                    batch.octets[start : start + size].tobytes(),
                    int(batch.wire_len[i]),
                    int(batch.ts_ns[i]),
                    int(batch.link_type[i]),
                )
            )
        rejected.update(batch.rejected)
        rows.received += len(batch) + sum(batch.rejected.values())
        rows.batches += 1
        rows.buffer_len = max(rows.buffer_len, batch.octets.size)
    rows.rejected = dict(rejected)
    return rows
