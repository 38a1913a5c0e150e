"""Fuzz target: any octets as segments and fragments, in any split into batches.

    python -m tests.fuzz.fuzz_reassembly -max_total_time=600

Invariant: nothing raises; the streams, flows and counters are the scalar reference's, whatever the split;
fragments make the datagrams that the reference makes; limits hold; and at the end nothing is held.
"""

from collections.abc import Iterator
from struct import iter_unpack

from sensor.decode.columns import Layer
from tests.flow.packets import KINDS, Step, captured
from tests.fuzz.run import fuzz
from tests.reassembly.fragment_rows import Line, packet_of
from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import ACK, Packet
from tests.reference.reassembly import Fragment, datagrams

SECOND = 1_000_000_000
RECORD = "<BBbBBHIIB"
"""Endpoints and direction, kind or flags, pause, length, octets cut, window, sequence number,
acknowledgement, split."""
RECORD_LEN = 16
MAX_ROWS = 60
"""Rows for one table of the tests: each may take two of its 128 slots."""


def one(data: bytes) -> None:
    """Hold the invariant for one input: the first octet chooses what the others mean."""
    kind, data = data[:1], data[1:]
    records = list(iter_unpack(RECORD, data[: len(data) // RECORD_LEN * RECORD_LEN]))[:MAX_ROWS]
    split = [record[-1] % 8 + 1 for record in records]
    if kind < b"\x40":
        fragments(records, split)
    elif kind < b"\x80":
        streams(list(raw(records)), split)
    else:
        streams(captured([step(record) for record in records]), split)


def streams(packets: list[Packet], split: list[int]) -> None:
    """Segments: the vectorised stages are the reference."""
    reference = Reference(packets)
    for sizes in ([], split, [1] * len(packets)):
        sensor = run(packets, sizes)
        assert sensor.flows.keys() == reference.flows.keys()
        for number, expected in reference.flows.items():
            seen = sensor.flows[number]
            assert (seen.record, seen.octets) == (expected.record, expected.octets)
            assert seen.released == expected.released
            assert sorted(seen.closed) == sorted(expected.closed)
        at_rest(sensor)


def at_rest(sensor: Sensor) -> None:
    """Nothing is held when a capture is over."""
    assert sensor.table.free_count == sensor.table.capacity
    assert sensor.streams._slow.held == {}
    assert sensor.streams._slow.held_cost == 0


def fragments(records: list[tuple[int, ...]], split: list[int]) -> None:
    """Fragments: the datagrams are the reference's."""
    pieces = [
        Fragment(
            ends % 3, 8 * (flags % 16), bytes((seq + i) % 256 for i in range(8 * (length % 4))), ack % 4 > 0
        )
        for ends, flags, _, length, _, _, seq, ack, _ in records
    ]
    pieces = [piece for piece in pieces if piece.start or piece.more]
    for version in (4, 6):
        line, found, start = Line(), [], 0
        for size in (*split, len(pieces)):
            batch = pieces[start : start + size]
            for i, row in enumerate(line.feed([packet_of(piece, version) for piece in batch])):
                if row.layer == Layer.IP:
                    found.append((start + i, pieces[start + i].key, row.payload))
            start += len(batch)
        assert found == datagrams(pieces)
        line.reassembler.finish()
        assert line.reassembler._cost == 0


def raw(records: list[tuple[int, ...]]) -> Iterator[Packet]:
    """Segments between two endpoints with any numbers and flags."""
    ends, now = ((1, 1000), (2, 80)), 1000 * SECOND
    for number, (side, flags, pause, length, cut, window, seq, ack, _) in enumerate(records, 1):
        now = max(0, now + pause * SECOND)
        src, dst = ends if side % 2 else ends[::-1]
        wire_len = length % 32
        data = bytes((seq + i) % 251 for i in range(max(0, wire_len - cut % 8)))
        yield Packet(
            now, src, dst, flags=flags | ACK, seq=seq, ack=ack, window=window, data=data,
            wire_len=wire_len, number=number,
        )  # fmt: skip


def step(record: tuple[int, ...]) -> Step:
    """A near-valid step."""
    side, kind, pause, length, cut, _, seq, isn, _ = record
    return Step(
        pair=side // 2 % 3,
        side=side % 2,
        kind=KINDS[kind % len(KINDS)],
        length=1 + length % 9,
        shift=seq % 7 - 3 if seq % 16 < 8 else 0,
        cut=max(0, cut % 16 - 8),
        other=seq & 0x100 > 0,
        pause=pause * 10 * SECOND,
        isn=isn,
    )


if __name__ == "__main__":
    fuzz(one)
