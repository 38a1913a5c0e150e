"""Joined scans find what a search by hand finds, run by run and value by value."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.arrays import I64
from sensor.config import DetectionLimits
from sensor.matching import literals
from sensor.matching.compile import compile_signatures
from sensor.matching.scan import Matches, scan_datagrams, scan_fields, scan_payload
from signatures.model import Buffer, Signature
from tests.matching.strategies import VALUES, signatures, spelt
from tests.reference.matching import Found, first_matches
from tests.signatures.build import signature

CONTEXT = DetectionLimits().excerpt_before
"""Octets that a tail holds beside those that keywords need."""


def found(matches: Matches, base: I64 | None = None) -> list[Found]:
    """Rows of ``matches``, positions relative to ``base`` of their run."""
    shift = 0 if base is None else base[matches.run]
    columns = (matches.run, matches.start - shift, matches.end - shift, matches.clause)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def columns(lengths: Sequence[int]) -> tuple[I64, I64]:
    end = np.cumsum(np.array(lengths, np.int64))
    return end - np.array(lengths, np.int64), end


def flood(always: bool) -> AbstractContextManager[object]:
    """Every scan that finds anything is taken for one that finds too much, or none is."""
    limit = -1 if always else 1 << 30
    return patch.multiple(literals, _FLOOD_BASE=limit, _FLOOD_PER_RUN=0)


def spell(signature: Signature) -> Signature:
    (clause,) = signature.clauses
    return replace(signature, clauses=(replace(clause, regexes=tuple(map(spelt, clause.regexes))),))


@given(signatures(Buffer.PAYLOAD), st.lists(VALUES, max_size=8), st.booleans(), st.booleans())
def test_payload_runs(made: list[Signature], values: list[bytes], always: bool, gaps: bool) -> None:
    plan = compile_signatures(made)
    gap = b"ab" if gaps else b""
    start, end = columns([len(value) for value in values])
    shift = np.arange(len(values), dtype=np.int64) * len(gap)
    with flood(always):
        matches = scan_payload(plan, gap.join(values), start + shift, end + shift)
    assert found(matches, start + shift) == first_matches(made, Buffer.PAYLOAD, values)


@given(
    signatures(Buffer.PAYLOAD),
    st.lists(st.lists(st.tuples(st.integers(0, 2), VALUES), max_size=5), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from((0, 3, CONTEXT)),
)
def test_keywords_across_batches(
    made: list[Signature], batches: list[list[tuple[int, bytes]]], always: bool, context: int
) -> None:
    """Streams cut anywhere, over batches: each match counts in the batch that completes it, once.

    Whatever the tail holds beside what keywords need.
    """
    plan = compile_signatures(made)
    tail = max(plan.payload_tail - CONTEXT, 0) + context
    whole = [
        b"".join(data for batch in batches for key, data in batch if key == stream) for stream in range(3)
    ]
    seen = [0, 0, 0]
    for batch in batches:
        chunk = [b"".join(data for key, data in batch if key == stream) for stream in range(3)]
        streams = [stream for stream in range(3) if chunk[stream]]
        tails = [min(seen[stream], tail) for stream in streams]
        offsets = [seen[stream] - tail for stream, tail in zip(streams, tails, strict=True)]
        runs = [
            whole[stream][offset : seen[stream] + len(chunk[stream])]
            for stream, offset in zip(streams, offsets, strict=True)
        ]
        start, end = columns([len(run) for run in runs])
        offset = np.array(offsets, np.int64)
        with flood(always):
            matches = scan_payload(
                plan, b"".join(runs), start, end, start + np.array(tails, np.int64), offset
            )
        window = [(seen[stream], seen[stream] + len(chunk[stream])) for stream in streams]
        expected = first_matches(made, Buffer.PAYLOAD, [whole[stream] for stream in streams], window)
        assert found(matches, start - offset) == expected
        for stream in streams:
            seen[stream] += len(chunk[stream])


@given(signatures(Buffer.HTTP_URI, regexes=True), st.lists(VALUES, max_size=8), st.booleans())
def test_fields(made: list[Signature], values: list[bytes], always: bool) -> None:
    plan = compile_signatures(made)
    with flood(always):
        matches = scan_fields(plan, Buffer.HTTP_URI, values)
    expected = first_matches([spell(one) for one in made], Buffer.HTTP_URI, values)
    # A regex tells no start, and hides that of a keyword which ends where it does.
    assert [(run, end, index) for run, _, end, index in found(matches)] == [
        (run, end, index) for run, _, end, index in expected
    ]
    for value in values[:1]:
        assert found(scan_fields(plan, Buffer.HTTP_URI, [value])) == [
            row for row in found(matches) if not row[0]
        ]


@given(signatures(Buffer.HTTP_HOST, domains=True), st.lists(VALUES, max_size=8), st.booleans())
def test_host_names(made: list[Signature], values: list[bytes], always: bool) -> None:
    with flood(always):
        matches = scan_fields(compile_signatures(made), Buffer.HTTP_HOST, values)
    assert found(matches) == first_matches(made, Buffer.HTTP_HOST, values)


@given(signatures(Buffer.PAYLOAD, regexes=True), st.lists(VALUES, max_size=8))
def test_datagrams(made: list[Signature], values: list[bytes]) -> None:
    start, end = columns([len(value) for value in values])
    matches = scan_datagrams(compile_signatures(made), np.frombuffer(b"".join(values), np.uint8), start, end)
    regexes = [
        replace(one, clauses=tuple(replace(clause, contents=()) for clause in one.clauses))
        for one in map(spell, made)
    ]
    assert found(matches, start) == first_matches(regexes, Buffer.PAYLOAD, values)


@pytest.mark.parametrize(
    ("host", "matches"),
    [
        (b"anydesk.com", True),
        (b"ANYDESK.com", True),
        (b"x.anydesk.com", True),
        (b"anydesk.com:8080", True),
        (b"anydesk.com.", True),
        (b"anydesk.com.:80", True),
        (b"anydesk.com.anydesk.com", True),
        (b"notanydesk.com", False),
        (b"anydesk.com.example", False),
        (b"anydesk.community", False),
    ],
)
def test_domain(host: bytes, matches: bool) -> None:
    made = signature(buffers=(Buffer.HTTP_HOST,), domains=("anydesk.com",))
    assert bool(len(scan_fields(compile_signatures([made]), Buffer.HTTP_HOST, [host]))) is matches


@pytest.mark.parametrize(
    ("regex", "value", "matches"),
    [
        ("^/a.*z$", b"/abcz", True),
        ("^/a.*z$", b"/abczz/", False),
        ("^b", b"ab", False),
        ("z$", b"z/", False),
        (r"\Aab\z", b"ab", True),
        (r"\Aab\z", b"abc", False),
        (r"\bab\b", b"x ab", True),
        (r"\bab\b", b"xab", False),
    ],
)
def test_anchors_mean_the_value(regex: str, value: bytes, matches: bool) -> None:
    plan = compile_signatures([signature(regexes=(regex,), buffers=(Buffer.HTTP_URI,))])
    around = (b"ab/a", b"\n", b"z", b"")
    hits = scan_fields(plan, Buffer.HTTP_URI, (*around, value, *around))
    alone = scan_fields(plan, Buffer.HTTP_URI, around)
    assert (len(around) in hits.run.tolist()) is matches
    assert len(hits) == 2 * len(alone) + matches


def test_a_keyword_that_occurs_all_the_time_is_found_once_a_run() -> None:
    plan = compile_signatures([signature("aa"), signature("aab")])
    values = [b"a" * 5000 + b"b", b"", b"a" * 5000, b"b"]
    start, end = columns([len(value) for value in values])
    matches = scan_payload(plan, b"".join(values), start, end)
    assert matches.flooded
    assert found(matches, start) == [(0, 0, 2, 0), (0, 4998, 5001, 1), (2, 0, 2, 0)]
    assert not scan_payload(plan, b"aab", *columns([3])).flooded


def test_what_no_signature_looks_into_is_not_scanned() -> None:
    plan = compile_signatures([signature("abc", buffers=(Buffer.HTTP_HOST,))])
    assert plan.wants(Buffer.HTTP_HOST)
    assert not plan.wants(Buffer.PAYLOAD)
    assert not len(scan_payload(plan, b"abc", *columns([3])))
    assert not len(scan_fields(plan, Buffer.HTTP_URI, [b"abc"]))
    assert plan.payload_tail == 0


def test_an_absent_field_is_not_looked_into() -> None:
    plan = compile_signatures([signature(regexes=("^[^a]*$",), buffers=(Buffer.HTTP_REFERER,))])
    assert found(scan_fields(plan, Buffer.HTTP_REFERER, [b"", b"b", b"a", b""])) == [(1, 1, 1, 0)]


def test_nothing_to_look_for() -> None:
    plan = compile_signatures([])
    assert not plan.buffers
    assert not len(scan_payload(plan, b"abc", *columns([3])))


def test_any_buffer_of_octets_is_scanned() -> None:
    plan = compile_signatures([signature("遠隔操作")])
    data = "いま遠隔操作".encode()
    for joined in (data, memoryview(data), np.frombuffer(data, np.uint8)):
        assert found(scan_payload(plan, joined, *columns([len(data)]))) == [(0, 6, 18, 0)]
    assert plan.payload_tail == 6 * 12 - 1 + CONTEXT  # in any form
    assert compile_signatures([signature(contents=(data,))]).payload_tail == len(data) - 1 + CONTEXT


@pytest.mark.parametrize("seen", range(1, 4))
@pytest.mark.parametrize("always", [False, True])
def test_a_keyword_over_the_seam_is_found_wherever_it_is_cut(seen: int, always: bool) -> None:
    """Also where the tail holds the keyword already, which must neither count again nor hide it."""
    plan = compile_signatures([signature("abcd"), signature("ab")])
    data = b"ab" + b"abcd" + b"xx"
    start, end = columns([len(data)])
    with flood(always):
        matches = scan_payload(plan, data, start, end, start + 2 + seen)
    assert found(matches) == [(0, 2, 4, 1)] * (seen < 2) + [(0, 2, 6, 0)]


@pytest.mark.parametrize("always", [False, True])
def test_a_run_behind_empty_ones(always: bool) -> None:
    plan = compile_signatures([signature("ab")])
    start, end = columns([0, 2, 0, 0, 3, 0])
    with flood(always):
        assert found(scan_payload(plan, b"abxab", start, end), start) == [(1, 0, 2, 0), (4, 1, 3, 0)]


def test_a_name_behind_itself_is_found_in_a_flood() -> None:
    made = signature(buffers=(Buffer.HTTP_HOST,), domains=("a.b",))
    with flood(always=True):
        matches = scan_fields(compile_signatures([made]), Buffer.HTTP_HOST, [b"a.b.c.a.b", b"a.b.c"])
    assert found(matches) == [(0, 6, 9, 0)]
