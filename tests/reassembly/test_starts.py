"""Where streams start when handshakes are repeated, overtaken, forged, or come late; at any split."""

import pytest

from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import ACK, FIN, RST, SYN, Packet

Row = tuple[int, int, int, int, bytes]
"""Side, flags, sequence number, acknowledgement, data."""

CLIENT, SERVER = 0, 1
OPENS: Row = (CLIENT, SYN, 100, 0, b"")
ANSWERS: Row = (SERVER, SYN | ACK, 5000, 101, b"")
TALK: list[Row] = [
    (CLIENT, ACK, 101, 5001, b""),
    (CLIENT, ACK, 101, 5001, b"request"),
    (SERVER, ACK, 5001, 108, b"response"),
]
FORGED: Row = (SERVER, SYN | ACK, 9000, 901, b"")

CASES: dict[str, list[Row]] = {
    "as it should be": [OPENS, ANSWERS, *TALK],
    "half-open, the old number far behind": [
        OPENS, (SERVER, ACK, 3_000_000_000, 7, b""), (CLIENT, RST, 7, 0, b""), OPENS, ANSWERS, *TALK,
    ],
    "half-open, the old number a little behind": [
        OPENS, (SERVER, ACK, 4900, 7, b""), (CLIENT, RST, 7, 0, b""), OPENS, ANSWERS, *TALK,
    ],
    "half-open, the old number ahead": [
        OPENS, (SERVER, ACK, 90_000, 7, b""), (CLIENT, RST, 7, 0, b""), OPENS, ANSWERS, *TALK,
    ],
    "two SYN-ACKs, the first ahead": [OPENS, (SERVER, SYN | ACK, 6000, 101, b""), OPENS, ANSWERS, *TALK],
    "two SYN-ACKs, the first behind": [OPENS, (SERVER, SYN | ACK, 77, 101, b""), OPENS, ANSWERS, *TALK],
    "an old acknowledgement": [(CLIENT, ACK, 77_000, 9, b""), OPENS, ANSWERS, *TALK],
    "an old acknowledgement, and the SYN lost": [(CLIENT, ACK, 77_000, 9, b""), ANSWERS, *TALK],
    "an old FIN of the server": [OPENS, (SERVER, ACK | FIN, 900, 7, b""), OPENS, ANSWERS, *TALK],
    "an old FIN of the server, twice": [
        OPENS, (SERVER, ACK | FIN, 900, 7, b""), (SERVER, ACK | FIN, 900, 7, b""), OPENS, ANSWERS, *TALK,
    ],
    "an old FIN at the new number": [OPENS, (SERVER, ACK | FIN, 5001, 7, b""), OPENS, ANSWERS, *TALK],
    "a SYN-ACK forged when the connection was open": [OPENS, ANSWERS, TALK[0], FORGED, *TALK],
    "one forged by the client, of itself": [
        OPENS, ANSWERS, TALK[0], (CLIENT, SYN | ACK, 900, 9001, b""), *TALK,
    ],
    "a SYN with data that begins where a guess did, which the first data moved": [
        (CLIENT, ACK, 105, 5001, b""), (SERVER, ACK, 5001, 101, b""), TALK[1],
        (CLIENT, SYN, 104, 0, b"est+"), TALK[2],
    ],
    "an old acknowledgement of the server, and the SYN lost": [(SERVER, ACK, 77_000, 9, b""), ANSWERS, *TALK],
    "the SYN lost, and a keep-alive first": [
        (SERVER, ACK, 77_000, 9, b""), ANSWERS, (CLIENT, ACK, 100, 5001, b"!"), *TALK,
    ],
    "a SYN with data in an open connection": [
        OPENS, ANSWERS, TALK[0], (CLIENT, SYN, 102, 0, b"other"), (CLIENT, SYN | FIN, 9, 0, b""), *TALK,
    ],
}  # fmt: skip


def packets_of(rows: list[Row]) -> list[Packet]:
    ends = ((1, 2000), (2, 80))
    return [
        Packet(
            0, ends[side], ends[1 - side], flags=flags, seq=seq, ack=ack, data=data, wire_len=len(data),
            number=number,
        )
        for number, (side, flags, seq, ack, data) in enumerate(rows, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("rows", CASES.values(), ids=CASES)
def test_both_directions_are_read(rows: list[Row]) -> None:
    packets = packets_of(rows)
    assert said(Reference(packets)) == (b"request", b"response")
    for sizes in ([], [1] * len(packets), *([at] for at in range(1, len(packets)))):
        sensor = run(packets, sizes)
        assert said(sensor) == (b"request", b"response")
        assert sensor.counters.reassembly_gaps == sensor.counters.segments_retransmitted == 0
        assert sensor.flows[1].closed == []


def said(seen: Sensor | Reference) -> tuple[bytes, bytes]:
    """Octets each way of the only flow."""
    (flow,) = seen.flows.values()
    return bytes(octet[1] for octet in flow.octets[0]), bytes(octet[1] for octet in flow.octets[1])


def test_a_syn_of_another_connection_brings_nothing() -> None:
    packets = packets_of(CASES["a SYN with data in an open connection"])
    assert run(packets, []).counters.segments_out_of_window == 2
