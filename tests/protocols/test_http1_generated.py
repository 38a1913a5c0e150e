"""Generated conversations: equal to the reference, however they are split, interleaved or damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.http1 import Http1Limits, Http1Shared
from tests.fuzz.fuzz_http1 import one
from tests.protocols.conversation import read
from tests.protocols.http1_cases import CASES
from tests.protocols.http1_strategies import split, turns
from tests.reference.http1 import read_requests, read_responses

CUTS = st.lists(st.integers(0, 600), max_size=12)


@given(turns())
def test_equals_the_reference(conversation: list[tuple[bytes, bytes]]) -> None:
    client = b"".join(request for request, _ in conversation)
    server = b"".join(response for _, response in conversation)
    requests = read_requests(client)
    responses = read_responses(server, [row["method"] for row in requests])  # type: ignore[misc]
    expected = [{**a, **b} for a, b in zip(requests, responses, strict=True)]
    rows, _ = read([(True, client), (False, server)])
    assert [{key: row[key] for key in expected[0]} for row in rows] == expected
    assert len(expected) == len(conversation)


@given(turns(), CUTS, CUTS)
def test_any_split(conversation: list[tuple[bytes, bytes]], cuts: list[int], other_cuts: list[int]) -> None:
    client = b"".join(request for request, _ in conversation)
    server = b"".join(response for _, response in conversation)
    whole = read([(True, client), (False, server)])
    pieces = [(True, piece) for piece in split(client, cuts)]
    pieces += [(False, piece) for piece in split(server, other_cuts)]
    assert read(pieces) == whole


@given(turns(), CUTS, st.data())
def test_any_order_in_which_responses_follow_their_requests(
    conversation: list[tuple[bytes, bytes]], cuts: list[int], data: st.DataObject
) -> None:
    client = b"".join(request for request, _ in conversation)
    server = b"".join(response for _, response in conversation)
    whole = read([(True, client), (False, server)])
    waiting = [[(True, piece) for piece in split(request, cuts)] for request, _ in conversation]
    answers = [[(False, piece) for piece in split(response, cuts)] for _, response in conversation]
    pieces = []
    while waiting or answers:
        may_answer = bool(answers) and len(waiting) < len(answers)
        if waiting and (not may_answer or data.draw(st.booleans())):
            pieces.append(waiting[0].pop(0))
            if not waiting[0]:
                waiting.pop(0)
        else:
            pieces.append(answers[0].pop(0))
            if not answers[0]:
                answers.pop(0)
    assert read(pieces) == whole


@given(turns(), st.integers(0, 400), st.binary(max_size=6), st.binary(max_size=8))
def test_damage_is_read_alike_in_every_split(
    conversation: list[tuple[bytes, bytes]], at: int, noise: bytes, steps: bytes
) -> None:
    client = b"".join(request for request, _ in conversation)
    server = b"".join(response for _, response in conversation)
    client = client[:at] + noise + client[at + len(noise) // 2 :]
    server = server[: at // 2] + noise + server[at // 2 :]
    one(bytes([len(steps)]) + steps + len(client).to_bytes(2) + client + server)


@given(st.lists(turns(), max_size=3), turns(), st.integers(0, 400), st.binary(max_size=3))
def test_what_other_flows_said_before_changes_nothing(
    before: list[list[tuple[bytes, bytes]]],
    conversation: list[tuple[bytes, bytes]],
    at: int,
    noise: bytes,
) -> None:
    def pieces(turns: list[tuple[bytes, bytes]]) -> list[tuple[bool, bytes]]:
        sides = [b"".join(side) for side in zip(*turns, strict=True)]
        client, server = (side[:at] + noise + side[at + 1 :] for side in sides)
        return [(True, client), (False, server)]

    shared = Http1Shared(Http1Limits(memo_entries=3))
    for each in before:
        read(pieces(each), shared=shared)
    assert read(pieces(conversation), shared=shared) == read(pieces(conversation))


@pytest.mark.parametrize(
    "client", [b"\x0b\r\r\rZ\r\r\x8d\rHTTP/\0\0Z\n\0A\n\nZ\x0e\x97-Z\r\x8d\r\r\r\x0b\r\xd7"]
)
def test_what_fuzzing_found(client: bytes) -> None:
    one(b"\0" + len(client).to_bytes(2) + client)


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    one(data)


def test_the_fuzz_target_takes_the_table() -> None:
    for case in CASES:
        for steps in (b"\x01", b"\x07\x03", b"\x20\x01\x05"):
            head = bytes([len(steps)]) + steps + len(case.client).to_bytes(2)
            one(head + case.client + case.server)
