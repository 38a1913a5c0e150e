"""A FIN ends a stream where the stream reaches it, and what comes behind it is counted; at any split."""

from dataclasses import replace

import pytest

from tests.reassembly.harness import Reference, run
from tests.reference.flow import ACK, FIN, SYN, Packet

OPEN = Packet(0, (1, 2000), (2, 80), flags=SYN, seq=2**32 - 5, number=1)

Row = tuple[int, bytes, bool]
"""Position, data, FIN."""

CASES: dict[str, tuple[list[Row], bytes, list[tuple[int, int]], int]] = {
    "data behind it": ([(0, b"ab", True), (2, b"cd", False)], b"ab", [(0, 2)], 1),
    "data that goes on behind it": ([(0, b"ab", True), (1, b"bcd", False)], b"ab", [(0, 2)], 1),
    "itself again": ([(0, b"ab", True), (0, b"ab", True), (2, b"", True)], b"ab", [(0, 2)], 0),
    "another behind it": ([(0, b"ab", True), (2, b"c", True)], b"ab", [(0, 2)], 1),
    "behind a hole": ([(2, b"cd", True), (0, b"ab", False)], b"abcd", [(0, 3)], 0),
    "far ahead, then the true one": (
        [(900_000_000, b"", True), (0, b"ab", False), (2, b"cd", True)],
        b"abcd",
        [(0, 4)],
        0,
    ),
    "far ahead, after the true one": (
        [(2, b"cd", True), (900_000_000, b"", True), (0, b"ab", False)],
        b"abcd",
        [],
        0,
    ),
    "in a hole, then octets across it": ([(1, b"", True), (0, b"abcd", False)], b"abcd", [], 0),
    "in a hole, then octets behind it": (
        [(1, b"", True), (2, b"cd", False), (0, b"ab", False), (4, b"", True)],
        b"abcd",
        [(0, 5)],
        0,
    ),
    "before what is held": ([(2, b"cd", False), (1, b"", True), (0, b"ab", True)], b"abcd", [], 0),
}


@pytest.mark.parametrize(("rows", "octets", "closed", "after"), CASES.values(), ids=CASES)
def test_end(rows: list[Row], octets: bytes, closed: list[tuple[int, int]], after: int) -> None:
    packets = [
        OPEN,
        *(
            replace(
                OPEN,
                number=number,
                flags=ACK | (FIN if is_fin else 0),
                seq=(OPEN.seq + 1 + position) % 2**32,
                data=data,
                wire_len=len(data),
            )
            for number, (position, data, is_fin) in enumerate(rows, 2)
        ),
    ]
    reference = Reference(packets)
    for sizes in ([], [1] * len(packets), [1], [2]):
        sensor = run(packets, sizes)
        assert bytes(octet[1] for octet in sensor.flows[1].octets[0]) == octets
        assert sensor.flows[1].octets == reference.flows[1].octets
        assert sensor.flows[1].closed == reference.flows[1].closed
        assert sensor.flows[1].closed == closed
        assert sensor.counters.segments_after_fin == reference.total("after_fin") == after
