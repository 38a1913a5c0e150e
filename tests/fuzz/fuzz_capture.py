"""Fuzz target: any octets as a capture file.

    python -m tests.fuzz.fuzz_capture -max_total_time=600

Invariant: whatever the octets and the window, a reader raises nothing but CaptureError, ends, gives rows
that lie inside its buffer with the guard behind them, numbers batches without a gap, and gives the
same rows and notes from a small window as from a large one.
"""

import io

from sensor.arrays import GUARD
from sensor.capture.source import CaptureFile
from sensor.errors import CaptureError
from tests.fuzz.run import fuzz

WINDOWS = (64, 1 << 16)

Row = tuple[bytes, int, int, int]


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    small, large = (read(data, window) for window in WINDOWS)
    assert small == large


def read(data: bytes, window: int) -> tuple[list[Row], int, int] | None:
    """Every row as (octets, wire_len, ts_ns, link_type), records received, notes; None if refused."""
    try:
        capture = CaptureFile(io.BufferedReader(io.BytesIO(data)), "input", None, window)
    except CaptureError:
        return None
    rows: list[Row] = []
    received = 0
    with capture:
        for batch in capture:
            assert batch.first_number == received + 1
            assert batch.used + GUARD <= batch.octets.size
            columns = (batch.offset, batch.cap_len, batch.wire_len, batch.ts_ns, batch.link_type)
            for start, size, wire_len, ts_ns, link in zip(*(c.tolist() for c in columns), strict=True):
                assert 0 <= size <= wire_len
                assert 0 <= start <= start + size <= batch.used
                rows.append((batch.octets[start : start + size].tobytes(), wire_len, ts_ns, link))
            received += len(batch)
        assert len(capture.notes) <= 1
        return rows, received, len(capture.notes)


if __name__ == "__main__":
    fuzz(one, "fixtures/pcaps/capture")
