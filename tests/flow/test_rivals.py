"""A SYN on a connection that goes on cuts nothing until it is answered: each rule, at any split."""

import pytest

from tests.flow.packets import SECOND
from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import ACK, FIN, RST, SYN, Packet

Row = tuple[int, int, int, int, bytes]
"""Side, flags, sequence number, acknowledgement, data."""

CLIENT, SERVER = 0, 1
OPEN: list[Row] = [
    (CLIENT, SYN, 100, 0, b""),
    (SERVER, SYN | ACK, 500, 101, b""),
    (CLIENT, ACK, 101, 501, b""),
]
MIDDLE: list[Row] = [(CLIENT, ACK, 101, 501, b""), (SERVER, ACK, 501, 101, b"")]
RIVAL: Row = (CLIENT, SYN, 9000, 0, b"")
CHALLENGE: Row = (SERVER, ACK, 501, 101, b"")
ANSWER: Row = (SERVER, SYN | ACK, 7000, 9001, b"")
OLD: list[Row] = [(CLIENT, ACK, 101, 501, b"old"), (SERVER, ACK, 501, 104, b"OLD")]
NEW: list[Row] = [(CLIENT, ACK, 9001, 7001, b"new"), (SERVER, ACK, 7001, 9004, b"NEW")]

CASES: dict[str, tuple[list[Row], dict[int, tuple[bytes, bytes]]]] = {
    "challenged": ([*OPEN, RIVAL, CHALLENGE, *OLD], {1: (b"old", b"OLD")}),
    "challenged twice": (
        [*OPEN, RIVAL, CHALLENGE, (CLIENT, SYN, 77, 0, b""), CHALLENGE, *OLD],
        {1: (b"old", b"OLD")},
    ),
    "not answered, in the middle": ([*MIDDLE, *OLD, RIVAL], {1: (b"old", b"OLD")}),
    "answered": ([*OPEN, *OLD, RIVAL, ANSWER, *NEW], {1: (b"old", b"OLD"), 7: (b"new", b"NEW")}),
    "answered, in the middle": ([*OLD, RIVAL, ANSWER, *NEW], {1: (b"old", b"OLD"), 4: (b"new", b"NEW")}),
    "answered after bare acknowledgements": (
        [*MIDDLE, RIVAL, ANSWER, *NEW],
        {1: (b"", b""), 4: (b"new", b"NEW")},
    ),
    "another SYN answered": (
        [*OPEN, RIVAL, (SERVER, SYN | ACK, 7000, 9002, b""), *OLD],
        {1: (b"old", b"OLD")},
    ),
    "answered by its own side": (
        [*OPEN, RIVAL, (CLIENT, SYN | ACK, 7000, 9001, b""), *OLD],
        {1: (b"old", b"OLD")},
    ),
    "the other side's": (
        [*OPEN, (SERVER, SYN, 9000, 0, b""), (CLIENT, SYN | ACK, 7000, 9001, b"")],
        {1: (b"", b""), 5: (b"", b"")},
    ),
    "reset, then sent again": (
        [*OPEN, RIVAL, CHALLENGE, (CLIENT, RST, 101, 0, b""), RIVAL, ANSWER, *NEW],
        {1: (b"", b""), 7: (b"new", b"NEW")},
    ),
    "after a FIN": ([*OPEN, (CLIENT, ACK | FIN, 101, 501, b""), RIVAL], {1: (b"", b""), 5: (b"", b"")}),
    "nobody answered the first": ([OPEN[0], RIVAL, ANSWER, *NEW], {1: (b"", b""), 2: (b"new", b"NEW")}),
    "nobody acknowledged the first": ([*OPEN[:2], RIVAL, ANSWER, *NEW], {1: (b"", b""), 3: (b"new", b"NEW")}),
    "one side seen": (
        [OPEN[0], OPEN[2], OLD[0], RIVAL, NEW[0]],
        {1: (b"old", b""), 4: (b"new", b"")},
    ),
}  # fmt: skip


def packets_of(rows: list[Row]) -> list[Packet]:
    ends = ((1, 2000), (2, 80))
    return [
        Packet(
            SECOND, ends[side], ends[1 - side], flags=flags, seq=seq, ack=ack, data=data,
            wire_len=len(data), number=number,
        )
        for number, (side, flags, seq, ack, data) in enumerate(rows, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(("rows", "flows"), CASES.values(), ids=CASES)
def test_rule(rows: list[Row], flows: dict[int, tuple[bytes, bytes]]) -> None:
    packets = packets_of(rows)
    reference = Reference(packets)
    assert said(reference) == flows
    for sizes in ([], [1] * len(packets), *([at] for at in range(1, len(packets)))):
        sensor = run(packets, sizes)
        assert said(sensor) == flows
        assert sensor.counters.flows_reused == reference.tracker.reused == len(flows) - 1
        for number, seen in sensor.flows.items():
            assert seen.record == reference.flows[number].record


def said(seen: Reference | Sensor) -> dict[int, tuple[bytes, bytes]]:
    """Octets each way of each flow."""
    return {
        number: (bytes(o[1] for o in flow.octets[0]), bytes(o[1] for o in flow.octets[1]))
        for number, flow in seen.flows.items()
    }


def test_a_flow_cut_at_the_answer_has_had_the_syn() -> None:
    sensor = run(packets_of([*OPEN, RIVAL, ANSWER, *NEW]), [4])
    assert sensor.flows[5].record["history"] == "ShDd"
    assert sensor.flows[5].record["conn_state"] == "S1"
    assert sensor.flows[5].record["orig_port"] == 2000
    assert sensor.flows[1].reason == "tcp_reuse"
