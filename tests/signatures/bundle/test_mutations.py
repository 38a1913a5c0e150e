"""Bundles, payloads and trust files, mutated: the fuzz target's invariant, on what is nearly right."""

from hypothesis import given
from hypothesis import strategies as st

from signatures.bundle.manifest import encode_manifest
from tests.fuzz.fuzz_bundle import one
from tests.signatures.bundle.signing import manifest_of, signed, trust_text

WHOLE = (signed(manifest_of()), encode_manifest(manifest_of()), trust_text().encode())
PIECES = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"1e400", b"-1", b"9" * 30, b"\n"),
    *(b"\\ud800", b"\\u0000", b"\xff", b'"files":[]', b'"name":"../x"', b"../", b"2026-05-31T12:00:00"),
    *(
        b"9999-12-31T23:59:59-23:59",
        b"0001-01-01T00:00:00+23:59",
        b"ed25519:",
        b"[[key]]\n",
        b"threshold = 1\n",
    ),
)


@given(
    st.sampled_from(WHOLE),
    st.lists(
        st.tuples(
            st.integers(0, 2000),
            st.integers(0, 30),
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)),
        ),
        max_size=4,
    ),
)
def test_mutated(text: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for at, cut, piece in changes:
        text = text[:at] + piece + text[at + cut :]
    if text != WHOLE[0]:
        one(text)


def test_times_at_the_ends_of_the_calendar() -> None:
    payload = encode_manifest(manifest_of())
    created, expires = b'"2026-05-01T11:00:00Z"', b'"2026-05-31T12:00:00Z"'
    assert created in payload
    assert expires in payload
    for text in (b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"', b'"9999-12-31T23:59:59Z"'):
        one(payload.replace(created, text))
        one(payload.replace(expires, text))
