"""Acknowledgements turn holes into gaps, and forged ones do little."""

import pytest

from sensor.reassembly.acks import FAR
from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import ACK, SYN, Packet

ISN = 2**32 - 20
CLIENT, SERVER = (1, 2000), (2, 80)


def sent(number: int, at: int, data: bytes) -> Packet:
    """The client's ``data`` at a position of its stream."""
    seq = (ISN + 1 + at) % 2**32
    return Packet(0, CLIENT, SERVER, flags=ACK, seq=seq, data=data, wire_len=len(data), number=number)


def acknowledged(number: int, position: int) -> Packet:
    """The server's acknowledgement of a position of the client's stream."""
    return Packet(0, SERVER, CLIENT, flags=ACK, seq=1, ack=(ISN + 1 + position) % 2**32, number=number)


OPEN = [
    Packet(0, CLIENT, SERVER, flags=SYN, seq=ISN, number=1),
    Packet(0, SERVER, CLIENT, flags=SYN | ACK, seq=0, ack=ISN + 1, number=2),
]


def missed_after(packets: list[Packet]) -> int:
    """Octets that the client's stream misses before the flow ends; the same however they are split."""
    found = set()
    for size in (1, 2, len(packets) + 2):
        sensor = Sensor()
        every = [*OPEN, *packets]
        for start in range(0, len(every), size):
            sensor.feed(every[start : start + size])
        found.add(int(sensor.table.missed.sum()))
        sensor.finish()
        reference = Reference(every)
        assert sensor.flows[1].octets == reference.flows[1].octets
        assert sensor.flows[1].record == reference.flows[1].record
    (missed,) = found
    return missed


@pytest.mark.parametrize(
    ("position", "missed"),
    [(-5, 0), (0, 0), (9, 0), (10, 10), (12, 10), (39, 10), (40, 36), (FAR, 36), (FAR + 1, 0), (2**31, 0)],
)
def test_holes_before_what_is_acknowledged_are_gaps(position: int, missed: int) -> None:
    """Held are octets 10 to 14 and 40; one hole lies before each."""
    assert missed_after([sent(3, 10, b"held"), sent(4, 40, b"x"), acknowledged(5, position)]) == missed


def test_an_acknowledgement_that_comes_before_the_segment_behind_the_hole_waits_for_another() -> None:
    assert missed_after([acknowledged(3, 14), sent(4, 10, b"held")]) == 0
    assert missed_after([acknowledged(3, 14), sent(4, 10, b"held"), acknowledged(5, 14)]) == 10


def test_octets_overtaken_by_their_acknowledgement_and_by_the_next_segment_are_not_lost() -> None:
    overtaken = [acknowledged(3, 14), sent(4, 10, b"next"), sent(5, 0, b"overtaken "), acknowledged(6, 14)]
    assert missed_after(overtaken) == 0
    sensor = run([*OPEN, *overtaken], [1] * 6)
    assert bytes(octet for _, octet, _, _ in sensor.flows[1].octets[0]) == b"overtaken next"


def test_a_forged_acknowledgement_before_the_hole_costs_nothing() -> None:
    forged = [acknowledged(3, 500_000), acknowledged(4, 0), sent(5, 5, b"later"), sent(6, 0, b"first")]
    assert missed_after(forged) == 0


def test_octets_that_come_after_their_acknowledgement_are_not_lost() -> None:
    """Two taps whose packets are out of order: nothing is held, so nothing is declared lost."""
    sensor = run([*OPEN, acknowledged(3, 5), sent(4, 0, b"first")], [1, 1, 1, 1])
    assert bytes(octet for _, octet, _, _ in sensor.flows[1].octets[0]) == b"first"
    assert sensor.counters.reassembly_gaps == 0
