"""Which octets are TLS's ciphertext: the same ones however the octets are split."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.encrypted import EncryptedStarts, EncryptedStreams, RecordWalk
from sensor.reassembly.pieces import Pieces
from tests.reference.tls import ciphertext

HELLO = b"\x16\x03\x01\x00\x04abcd"
DATA = b"\x17\x03\x03\x00\x03xyz"

records = st.builds(
    lambda kind, minor, body: struct.pack(">BBBH", kind, 3, minor, len(body)) + body,
    st.sampled_from([20, 21, 22, 23, 23, 24]),
    st.integers(0, 4),
    st.binary(max_size=7),
)
octets = st.builds(
    lambda first, chain, rest: first + b"".join(chain) + rest,
    st.sampled_from([HELLO, HELLO, b"", b"\x17\x03\x03\x00\x01x"]),
    st.lists(records, max_size=5),
    st.one_of(
        st.just(b""),
        st.sampled_from(
            [b"\x17\x03", b"\x17\x02\x03\x00\x01", b"\x17\x03\x05", b"\x17\x03\x03\x49", b"GET / "]
        ),
        st.binary(max_size=9),
    ),
)
splits = st.lists(st.integers(0, 60), max_size=8)


def pieces_of(parts: list[bytes], stream: int = 1, position: int = 0) -> tuple[Pieces, memoryview]:
    """Consecutive pieces of one stream, and the batch's octets."""
    lengths = np.array([len(part) for part in parts], np.int64)
    start = np.cumsum(lengths) - lengths
    zero = np.zeros(len(parts), np.int64)
    pieces = Pieces(
        zero + stream, start, lengths, zero, zero, zero, zero, start + position, zero[:0], zero[:0]
    )
    return pieces, memoryview(b"".join(parts) + bytes(256))


@given(octets, splits)
def test_a_walk_is_the_same_at_every_split(data: bytes, at: list[int]) -> None:
    walk, found, place = RecordWalk(), set[int](), 0
    for end in [*sorted(min(cut, len(data)) for cut in at), len(data)]:
        first, last = walk.take(data[place:end])
        found |= set(range(place + first, place + last))
        place = end
    assert found == set(range(*ciphertext(data)))


@given(octets, splits, splits)
def test_pieces_are_cut_at_its_ends(data: bytes, at: list[int], batch_ends: list[int]) -> None:
    cuts = sorted({cut for cut in at if 0 < cut < len(data)})
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
    streams, kept, place = EncryptedStreams(4), b"", 0
    ends = sorted({min(end, len(parts)) for end in batch_ends} | {len(parts)})
    for first, last in zip([0, *ends], ends, strict=False):
        pieces, line = pieces_of(parts[first:last], position=place)
        place += sum(map(len, parts[first:last]))
        found, out = streams.find(pieces, line)
        assert len(out) == len(found) if out is not None else found is pieces
        for row in range(len(found)):
            if out is None or not out[row]:
                offset = int(found.offset[row])
                kept += bytes(line[offset : offset + int(found.length[row])])
    first, last = ciphertext(data)
    assert kept == data[:first] + data[last:]


def test_a_gap_inside_a_record_is_counted_over_and_one_past_it_ends_the_walk() -> None:
    walk = RecordWalk()
    assert walk.take(HELLO + DATA[:6]) == (len(HELLO) + 5, len(HELLO) + 6)
    walk.skip(2)
    assert walk.take(DATA) == (0, len(DATA))
    walk.skip(1)
    assert walk.is_over
    assert walk.take(DATA) == (0, 0)


def test_only_streams_seen_from_their_start_are_walked_and_slots_are_for_others_afterwards() -> None:
    streams = EncryptedStreams(4)
    pieces, line = pieces_of([HELLO + DATA], position=9)
    assert streams.find(pieces, line)[1] is None
    pieces, line = pieces_of([HELLO + DATA])
    assert streams.find(pieces, line)[1] is None
    streams.forget(np.array([0]))
    out = streams.find(pieces, line)[1]
    assert out is not None
    assert out.tolist() == [False, True]


def test_starts() -> None:
    starts = EncryptedStarts(6)
    for stream, first in enumerate([HELLO, b"SSH-2.0-x", b"GET / HTTP", b"\x16\x03", b"\x16\x02abc"]):
        starts.note(*pieces_of([first, HELLO], stream))
    assert starts.began.tolist() == [True, True, False, False, False, False]
    starts.forget(np.array([0]))
    assert not starts.began.any()
