"""Joined runs: every octet once behind its run's tail, and every keyword in exactly one run."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.arrays import I64
from sensor.reassembly.join import Joined, Joiner
from sensor.reassembly.pieces import Pieces, no_pieces
from tests.flow.packets import captured, steps
from tests.reassembly.harness import Sensor, run
from tests.reference.flow import ACK, FIN, SYN, Packet
from tests.reference.reassembly import Octet

TAIL_LEN = 3


class JoiningSensor(Sensor):
    """Joins what every batch hands on."""

    def __init__(self, tail_len: int = TAIL_LEN) -> None:
        super().__init__()
        self.joiner = Joiner(tail_len)
        self.joined: list[tuple[list[int], Joined]] = []
        """Number of each run's flow and direction, and the runs."""

    def take(self, pieces: Pieces, octets: memoryview) -> None:
        super().take(pieces, octets)
        joined = self.joiner.join(pieces, no_pieces(), octets)
        streams = joined.run_stream
        names = (2 * self.table.first_number[streams >> 1] + (streams & 1)).tolist()
        self.joined.append((names, joined))

    def _end_flows(self, slots: I64, reason: str) -> None:
        super()._end_flows(slots, reason)
        self.joiner.forget(slots.tolist())


def stretches(octets: list[Octet]) -> list[tuple[int, bytes]]:
    """Position and octets of each stretch of a stream without a gap."""
    if not octets:
        return []
    cuts = [0, *(i for i, (a, b) in enumerate(pairwise(octets), 1) if b[0] != a[0] + 1), len(octets)]
    return [(octets[a][0], bytes(octet for _, octet, _, _ in octets[a:b])) for a, b in pairwise(cuts)]


captures = steps.map(captured)
sizes = st.lists(st.integers(1, 12), max_size=40)


@given(captures, sizes, st.integers(0, 9))
def test_runs_are_the_stream_with_its_tail(packets: list[Packet], split: list[int], tail_len: int) -> None:
    sensor = JoiningSensor(tail_len)
    run(packets, split, sensor)
    fresh: dict[int, list[tuple[int, int, int]]] = {}
    for names, joined in sensor.joined:
        assert joined.stream_runs == len(names)
        end_before = 0
        for k, name in enumerate(names):
            start, first, end, position = (
                int(column[k])
                for column in (joined.run_start, joined.run_fresh, joined.run_end, joined.run_position)
            )
            assert start == end_before
            assert start <= first < end
            end_before = end
            stretch_start, stretch = next(
                (at, data)
                for at, data in stretches(sensor.flows[name >> 1].octets[name & 1])
                if at <= position < at + len(data)
            )
            assert joined.data[start:end] == stretch[position - stretch_start :][: end - start]
            so_far = position + (first - start) - stretch_start
            assert first - start == min(tail_len, so_far)
            pieces = joined.piece_at(np.arange(first, end))
            for index, piece in zip(range(first, end), pieces.tolist(), strict=True):
                at = int(joined.piece_position[piece]) + index - int(joined.piece_start[piece])
                assert at == position + index - start
                fresh.setdefault(name, []).append((at, joined.data[index], int(joined.piece_number[piece])))
        assert end_before == len(joined.data)
    for number, seen in sensor.flows.items():
        for direction in (0, 1):
            assert fresh.get(2 * number + direction, []) == [o[:3] for o in seen.octets[direction]]
    assert sensor.joiner._tails == {}


@given(captures, sizes)
def test_a_keyword_ends_in_the_fresh_octets_of_one_run(packets: list[Packet], split: list[int]) -> None:
    """Keywords as long as the tail and one octet more: the longest that a tail is made for."""
    sensor = JoiningSensor()
    run(packets, split, sensor)
    size = TAIL_LEN + 1
    found: list[tuple[int, int, bytes]] = []
    for names, joined in sensor.joined:
        for k, name in enumerate(names):
            start, first, end = (int(c[k]) for c in (joined.run_start, joined.run_fresh, joined.run_end))
            position = int(joined.run_position[k]) - start
            found += [
                (name, position + at, joined.data[at : at + size])
                for at in range(start, end - size + 1)
                if at + size > first
            ]
    expected = [
        (2 * number + direction, position + at, data[at : at + size])
        for number, seen in sensor.flows.items()
        for direction in (0, 1)
        for position, data in stretches(seen.octets[direction])
        for at in range(len(data) - size + 1)
    ]
    assert sorted(found) == sorted(expected)


def test_a_keyword_across_three_batches_and_a_gap() -> None:
    def packet(number: int, seq: int, data: bytes, flags: int = ACK) -> Packet:
        return Packet(
            number, (1, 999), (2, 80), flags=flags, seq=seq, data=data, wire_len=len(data), number=number
        )

    sensor = JoiningSensor(tail_len=6)
    sensor.feed([packet(1, 99, b"", SYN), packet(2, 100, b"..ke")])
    sensor.feed([packet(3, 104, b"yw")])
    sensor.feed([packet(4, 106, b"ord"), packet(5, 112, b"keyword", ACK | FIN)])
    sensor.finish()
    runs = [joined.data for _, joined in sensor.joined if joined.data]
    assert runs == [b"..ke", b"..keyw", b"..keyword"[-9:], b"keyword"]


def test_the_next_flow_in_a_slot_has_no_tail_of_the_one_before() -> None:
    sensor = JoiningSensor(tail_len=8)
    first = Packet(0, (1, 999), (2, 80), flags=SYN, seq=1, data=b"secret", wire_len=6, number=1)
    sensor.feed([first])
    sensor.finish()
    assert sensor.joiner._tails == {}
    reused = Packet(0, (5, 999), (6, 80), flags=ACK, seq=1, data=b"word", wire_len=4, number=2)
    sensor.feed([reused])
    assert sensor.joined[-1][1].data == b"word"


def columns_of(rows: list[tuple[int, int, int]]) -> Pieces:
    """Pieces of (stream, offset, length)."""
    stream, offset, length = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    zero = np.zeros_like(stream)
    numbers = np.arange(stream.shape[0]) + 1
    return Pieces(
        stream=stream,
        offset=offset,
        length=length,
        gap=zero,
        number=numbers,
        released=numbers + 3,
        ts_ns=zero,
        position=zero,
        closed=zero[:0],
        closed_at=zero[:0],
    )


@pytest.mark.parametrize("streams", [0, 1])
def test_each_datagram_is_a_run_without_a_tail(streams: int) -> None:
    joiner = Joiner(4)
    octets = memoryview(b"streamAABBB")
    pieces = columns_of([(2, 0, 6)]) if streams else no_pieces()
    for round_ in range(2):
        joined = joiner.join(pieces, columns_of([(2, 6, 2), (2, 8, 3)]), octets)
        tail = b"ream" if streams and round_ else b""
        assert joined.data == (tail + b"stream" if streams else b"") + b"AABBB"
        assert joined.stream_runs == streams
        assert joined.piece_released.tolist() == (joined.piece_number + 3).tolist()
        start = len(joined.data) - 5
        assert (
            joined.run_start.tolist()[streams:] == joined.run_fresh.tolist()[streams:] == [start, start + 2]
        )
        assert joined.run_end.tolist()[streams:] == [start + 2, start + 5]


def test_nothing_joined_is_nothing() -> None:
    joined = Joiner(4).join(no_pieces(), no_pieces(), memoryview(b""))
    assert joined.data == b""
    assert joined.run_start.shape == joined.piece_start.shape == (0,)


@pytest.mark.parametrize("shift", [b"\x1b$B", b"\x1b(I", b"\x1b(B", b"\x1b[1m"])
def test_a_tail_begins_at_a_shift_that_says_what_its_octets_are(shift: bytes) -> None:
    """Of ISO-2022-JP, if it is in force at the tail."""
    joiner = Joiner(4)
    data = b"..." + shift + b"6J" * 20
    pieces = columns_of([(2, 0, len(data))])
    joiner.join(pieces, no_pieces(), memoryview(data))
    joined = joiner.join(columns_of([(2, 0, 2)]), no_pieces(), memoryview(b"6J"))
    in_force = shift in (b"\x1b$B", b"\x1b(I")
    assert joined.data == (shift + b"6J" * 20 if in_force else b"6J" * 2) + b"6J"
