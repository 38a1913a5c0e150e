"""Which packet let reassembly hand a piece on, and which one closed a stream."""

from dataclasses import replace

import pytest

from tests.reassembly.harness import run
from tests.reference.flow import ACK, FIN, SYN, Packet
from tests.reference.reassembly import AT_END

CLIENT, SERVER = (1, 2000), (2, 80)
OPEN = Packet(0, CLIENT, SERVER, flags=SYN, seq=9, number=1)


def sent(number: int, at: int, data: bytes, flags: int = ACK) -> Packet:
    return replace(OPEN, number=number, flags=flags, seq=10 + at, data=data, wire_len=len(data))


def acked(number: int, position: int) -> Packet:
    return Packet(0, SERVER, CLIENT, flags=ACK, ack=10 + position, number=number)


CASES: dict[str, tuple[list[Packet], list[int], list[tuple[int, int]]]] = {
    "in order": ([sent(2, 0, b"a"), sent(3, 1, b"b", ACK | FIN)], [2, 3], [(0, 3)]),
    "a hole filled": ([sent(2, 1, b"b", ACK | FIN), sent(3, 0, b"a")], [3, 3], [(0, 3)]),
    "a FIN by itself": ([sent(2, 0, b"a"), acked(3, 1), sent(4, 1, b"", ACK | FIN)], [2], [(0, 4)]),
    "the FIN before the last octet": ([sent(2, 1, b"", ACK | FIN), sent(3, 0, b"a")], [3], [(0, 3)]),
    "a retransmission after the end": (
        [sent(2, 0, b"a", ACK | FIN), sent(3, 0, b"a", ACK | FIN)],
        [2],
        [(0, 2)],
    ),
    "a hole acknowledged": ([sent(2, 1, b"b", ACK | FIN), acked(3, 0), acked(4, 2)], [4], [(0, 4)]),
    "the flow's end": ([sent(2, 0, b"a"), sent(3, 2, b"c")], [2, AT_END], []),
}


@pytest.mark.parametrize(("packets", "released", "closed"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 9])
def test_packet(packets: list[Packet], released: list[int], closed: list[tuple[int, int]], size: int) -> None:
    sensor = run([OPEN, *packets], [size] * 9)
    assert sensor.flows[1].released[0] == released
    assert sensor.flows[1].closed == closed
