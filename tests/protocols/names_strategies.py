"""Octets that are nearly ClientHellos, and nearly DNS queries, for Hypothesis."""

from hypothesis import strategies as st

from fixtures.pcaps.names.make import (
    ALPN,
    GREASE,
    KEY_SHARE,
    VERSIONS,
    answer,
    extension,
    hello,
    query,
    question,
    records,
    server_name,
    wire,
)

_NAMES = st.binary(max_size=300) | st.sampled_from([b"www.example.jp", b"xn--wgv71a.jp", b"a.example."])
_EXTENSIONS = st.one_of(
    st.builds(server_name, _NAMES),
    st.sampled_from([ALPN, GREASE, KEY_SHARE, VERSIONS]),
    st.builds(extension, st.just(0), st.binary(max_size=20)),
)
_SIZES = st.sampled_from([1, 3, 5, 64, 1 << 14])


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Octets with up to three changed, and perhaps cut or gone on."""
    octets = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 3)) if octets else 0):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)) | st.just(len(octets)))]) + draw(
        st.binary(max_size=8)
    )


HELLOS = st.builds(
    lambda extensions, size: records(hello(*extensions), size), st.lists(_EXTENSIONS, max_size=4), _SIZES
)
QUERIES = st.one_of(
    st.builds(lambda name: question(wire(name)), st.sampled_from([b"a.jp", b"www.example.jp", b"x" * 63])),
    st.builds(lambda name, count: question(wire(name), count), st.just(b"a.example"), st.integers(1, 40)),
    st.builds(question, st.binary(max_size=40)),
    st.sampled_from([query(b"a.example", b"b.example"), answer(b"a.example")]),
)
STEPS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def split(octets: bytes, steps: list[int]) -> list[bytes]:
    """``octets`` in pieces of these sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(octets):
        step = steps[turn % len(steps)]
        pieces.append(octets[at : at + step])
        at, turn = at + step, turn + 1
    return pieces
