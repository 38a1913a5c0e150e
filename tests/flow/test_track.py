"""Where one connection ends and the next between the same ports begins: each rule, at every split."""

import pytest

from tests.flow.packets import SECOND
from tests.reassembly.harness import Reference, run
from tests.reference.flow import ACK, FIN, RST, SYN, Packet

Row = tuple[int, int, int, int]
"""Second, side, flags, sequence number."""

CASES: dict[str, tuple[list[Row], list[int]]] = {
    "another sequence number": ([(0, 0, SYN, 1), (1, 0, SYN, 2)], [1, 2]),
    "the same again": ([(0, 0, SYN, 1), (1, 0, SYN, 1), (2, 0, SYN, 1)], [1]),
    "a simultaneous open": ([(0, 0, SYN, 1), (0, 1, SYN, 2), (0, 0, SYN, 1)], [1]),
    "the other side, after a FIN": ([(0, 0, SYN, 1), (1, 1, ACK | FIN, 9), (2, 1, SYN, 2)], [1, 3]),
    "the other side, after a RST": ([(0, 0, SYN, 1), (1, 1, RST, 9), (2, 1, SYN, 2)], [1, 3]),
    "the same again, after a RST": ([(0, 0, SYN, 1), (1, 1, RST, 9), (2, 0, SYN, 1)], [1]),
    "a SYN into traffic from the middle": ([(0, 0, ACK, 1), (1, 0, SYN, 9)], [1]),
    "the same, after a FIN": ([(0, 0, ACK | FIN, 1), (1, 0, SYN, 9)], [1, 2]),
    "a FIN before the last SYN": (
        [(0, 0, ACK | FIN, 1), (1, 0, SYN, 9), (2, 1, SYN, 5), (3, 0, SYN, 9)],
        [1, 2],
    ),
    "silence": ([(0, 0, SYN, 1), (600, 0, ACK, 2), (1201, 0, ACK, 2)], [1, 3]),
    "silence, and a SYN before it": ([(0, 0, SYN, 1), (601, 0, ACK, 2), (602, 0, SYN, 7)], [1, 2]),
    "silence, and a FIN before it": ([(0, 0, ACK | FIN, 1), (601, 0, ACK, 2), (602, 0, SYN, 7)], [1, 2]),
    "silence, and the same SYN": ([(0, 0, SYN, 1), (601, 0, SYN, 1), (602, 0, SYN, 1)], [1, 2]),
    "time that runs back": ([(1000, 0, ACK, 1), (0, 0, ACK, 2), (1500, 0, ACK, 3)], [1]),
    "time that runs back, and on": ([(700, 0, ACK, 1), (0, 0, ACK, 2), (1301, 0, ACK, 3)], [1, 3]),
}


@pytest.mark.parametrize(("rows", "firsts"), CASES.values(), ids=CASES)
def test_rule(rows: list[Row], firsts: list[int]) -> None:
    ends = ((1, 2000), (2, 80))
    packets = [
        Packet(second * SECOND, ends[side], ends[1 - side], flags=flags, seq=seq, number=number)
        for number, (second, side, flags, seq) in enumerate(rows, 1)
    ]
    assert sorted(Reference(packets).flows) == firsts
    for mask in range(1 << (len(packets) - 1)):
        cuts = [at for at in range(1, len(packets)) if mask >> (at - 1) & 1]
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, len(packets)], strict=True)]
        assert sorted(run(packets, sizes).flows) == firsts


def test_why_a_flow_ended() -> None:
    ends = ((1, 2000), (2, 80))
    packets = [
        Packet(second * SECOND, *ends, flags=SYN, seq=seq, number=number)
        for number, (second, seq) in enumerate([(0, 1), (1, 2), (700, 3), (701, 3)], 1)
    ]
    for sizes in ([], [1, 1, 1, 1], [2, 2]):
        sensor = run(packets, sizes)
        reasons = {number: seen.reason for number, seen in sensor.flows.items()}
        assert reasons == {1: "tcp_reuse", 2: "timeout", 3: "shutdown"}
        assert sensor.counters.flows_reused == 1
