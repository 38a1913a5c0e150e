"""Names of DNS queries: as the reference reads them; and which datagrams are taken for queries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.names.make import answer, query, question, vector, wire
from sensor.protocols.dns import MAX_MESSAGE, MAX_NAMES, MessageReader, find_queries, read_questions
from tests.fuzz.fuzz_names import one
from tests.protocols.names_strategies import HELLOS, QUERIES, STEPS, damaged, split
from tests.reference.names import dns_names

OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
PLAIN = query(b"www.example.jp")
WITH_OPT = PLAIN[:11] + b"\x01" + PLAIN[12:] + OPT


def changed(at: int, octet: int, message: bytes = PLAIN) -> bytes:
    return message[:at] + bytes((octet,)) + message[at + 1 :]


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (PLAIN, [b"www.example.jp"]),
        (WITH_OPT, [b"www.example.jp"]),
        (query(b"a.example", b"b.example"), [b"a.example", b"b.example"]),
        (question(wire(b"a.example"), 3), [b"a.example"] * 3),
        (question(wire(b"wWw.Example")), [b"wWw.Example"]),
        (question(wire(b"\xff\x00.a b")), [b"\xff\x00.a b"]),
        (question(b"\x03a.b\x02jp\x00"), [b"a.b.jp"]),
        (question(b"\x00"), [b""]),
        (question(b"\x01a\xc0\x14") + b"\x01b\x00", [b"a.b"]),
        (question(b"\x01a\xc0\x0c"), []),
        (question(b"\xc0\x0c"), []),
        (question(b"\xc0"), []),
        (question(b"\x40" + b"a" * 64 + b"\x00"), []),
        (question(wire(b"a"))[:-1], []),
        (
            question(wire(b".".join([b"x" * 63] * 3 + [b"y" * 61]))),
            [b".".join([b"x" * 63] * 3 + [b"y" * 61])],
        ),
        (question(wire(b".".join([b"x" * 63] * 3 + [b"y" * 62]))), []),
        (answer(b"www.example.jp"), []),
        (PLAIN[:16], []),
        (changed(5, 2), [b"www.example.jp"]),
        (b"", []),
    ],
)
def test_names(message: bytes, names: list[bytes]) -> None:
    assert list(read_questions(message).names) == names == dns_names(message)


def test_too_many_names_are_cut() -> None:
    name = b".".join([b"x" * 63] * 3 + [b"y" * 60])
    questions = read_questions(question(wire(name), 10_000))
    assert questions.cut
    assert set(questions.names) == {name}
    assert MAX_NAMES <= sum(map(len, questions.names)) <= MAX_NAMES + 255
    assert not read_questions(question(wire(name), 16)).cut


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        (PLAIN, True),
        (WITH_OPT, True),
        (changed(3, 0x30), True),
        (question(wire(b"localhost")), False),
        (question(wire(b"a b.example")), False),
        (question(wire(b"a.example"))[:-1] + b"\x02", False),
        (question(wire(b"a.example"))[:-4] + b"\x00\x00\x00\x01", False),
        (query(b"a.example", b"b.example"), False),
        (PLAIN + b"x", False),
        (WITH_OPT + b"x", False),
        (WITH_OPT[:-1], False),
        (changed(len(PLAIN), 1, WITH_OPT), False),
        (changed(2, 0x11), False),
        (changed(2, 0x81), False),
        (changed(3, 0x80), False),
        (changed(3, 0x01), False),
        *((changed(at, 1), False) for at in range(6, 11)),
        (changed(4, 1), False),
        (changed(11, 2), False),
    ],
)
def test_on_other_ports_only_what_resolvers_send_is_a_query(message: bytes, is_one: bool) -> None:
    data = np.frombuffer(b"....." + message, np.uint8)
    offset, length = np.array([5]), np.array([len(message)])
    rows, _ = find_queries(data, offset, length, np.array([False]))
    found = rows.shape[0] and read_questions(message, strict=True).names
    assert bool(found) is is_one


@given(st.lists(st.binary(max_size=40) | damaged(QUERIES), max_size=6), st.data())
def test_no_query_to_a_dns_port_is_passed_over(messages: list[bytes], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.booleans(), min_size=len(messages), max_size=len(messages)))
    length = np.array([len(message) for message in messages], np.int64)
    octets = np.frombuffer(b"".join(messages) + b"\x00", np.uint8)
    rows, named = find_queries(octets, np.cumsum(length) - length, length, np.array(known, np.bool_))
    assert named.tolist() == [known[row] for row in rows.tolist()]
    for row, message in enumerate(messages):
        assert row in rows or not known[row] or not dns_names(message)


@given(st.binary(max_size=120) | damaged(QUERIES))
def test_any_octets_are_read_as_the_reference_reads_them(message: bytes) -> None:
    questions = read_questions(message)
    assert list(questions.names) == dns_names(message)
    assert read_questions(message, strict=True).names in (questions.names, ())


@given(st.lists(st.binary(max_size=40) | QUERIES, max_size=5), st.binary(max_size=3), STEPS)
def test_messages_are_cut_alike_however_they_come(
    messages: list[bytes], rest: bytes, steps: list[int]
) -> None:
    octets = b"".join(vector(2, message) for message in messages)
    reader = MessageReader()
    cut = [message for piece in split(octets + rest, steps) for message in reader.feed(piece)]
    assert cut[: len([message for message in messages if message])] == [each for each in messages if each]
    assert cut == MessageReader().feed(octets + rest)
    assert len(reader) <= 2 + MAX_MESSAGE


def test_of_a_long_message_the_beginning_is_kept() -> None:
    long = PLAIN + bytes(60_000)
    reader = MessageReader()
    pieces = split(vector(2, long) + vector(2, WITH_OPT), [1_000])
    held = []
    found = []
    for piece in pieces:
        found += reader.feed(piece)
        held.append(len(reader))
    assert found == [long[:MAX_MESSAGE], WITH_OPT]
    assert max(held) <= 2 + MAX_MESSAGE


@given(STEPS, st.binary(max_size=100) | damaged(HELLOS) | damaged(st.builds(vector, st.just(2), QUERIES)))
def test_the_invariant_of_the_fuzz_target(steps: list[int], octets: bytes) -> None:
    one(bytes((len(steps), *steps)) + octets)
