"""The server's name in ClientHellos: as the reference reads it, however their octets come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.names.make import (
    ALPN,
    GREASE,
    KEY_SHARE,
    VERSIONS,
    extension,
    hello,
    records,
    server_name,
    vector,
)
from sensor.protocols.probe import Verdict
from sensor.protocols.tls_client_hello import MAX_HELLO, HelloReader
from tests.protocols.names_strategies import HELLOS, STEPS, damaged, split
from tests.reference.names import client_hello

NAME = server_name(b"www.example.jp")
OTHER_KIND = extension(0, vector(2, b"\x07" + vector(2, b"other") + b"\x00" + vector(2, b"a.jp")))


def read(octets: bytes, steps: list[int] | None = None) -> tuple[Verdict, bytes]:
    reader = HelloReader()
    for piece in split(octets, steps or [len(octets) or 1]):
        reader.feed(piece)
    return reader.verdict, reader.name


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (records(hello(GREASE, NAME, ALPN, VERSIONS)), b"www.example.jp"),
        (records(hello(NAME), 1), b"www.example.jp"),
        (records(hello(KEY_SHARE, NAME)), b"www.example.jp"),
        (records(hello(NAME)) + b"\x17\x03\x03 early data", b"www.example.jp"),
        (records(hello(NAME) + b"\x0b\x00\x00\x00"), b"www.example.jp"),
        (records(hello(server_name(b"WWW.Example.JP."))), b"WWW.Example.JP."),
        (records(hello(server_name(b"\x00\xff"))), b"\x00\xff"),
        (records(hello(NAME, server_name(b"second.example"))), b"www.example.jp"),
        (records(hello(OTHER_KIND)), b"a.jp"),
        (records(hello(extension(0, b"\x00\x00"))), b""),
        (records(hello(ALPN)), b""),
        (records(hello()), b""),
    ],
)
def test_names(octets: bytes, name: bytes) -> None:
    assert read(octets) == read(octets, [1]) == (Verdict.CERTAIN, name)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x17" + records(hello(NAME))[1:],
        b"\x16\x02" + records(hello(NAME))[2:],
        b"\x16\x03\x05" + records(hello(NAME))[3:],
        b"\x16\x03\x01\x00\x00" + records(hello(NAME)),
        b"\x16\x03\x01\x40\x01" + hello(NAME),
        records(b"\x02" + hello(NAME)[1:]),
        records(hello(NAME), 8)[:13] + b"\x15" + records(hello(NAME), 8)[14:],
        records(b"\x01" + vector(3, hello(NAME)[4:-1])),
        records(b"\x01" + vector(3, hello(NAME)[4:] + b"\x00")),
        records(b"\x01" + vector(3, b"")),
        records(hello(extension(0, vector(2, b"\x00\x00\x09short")))),
        records(hello(extension(0, b"\x00\x09\x00\x00\x01a"))),
        records(b"\x01\x00\x40\x00"),
    ],
)
def test_no_hello(octets: bytes) -> None:
    assert read(octets) == read(octets, [1]) == (Verdict.NO, b"")


def test_a_hello_that_is_not_whole_may_still_come() -> None:
    octets = records(hello(NAME), 9)
    assert {read(octets[:at])[0] for at in range(len(octets))} == {Verdict.UNSURE}


@pytest.mark.parametrize(("records_of", "is_read"), [(1 << 14, True), (4, False)])
def test_a_hello_is_read_up_to_its_bound(records_of: int, is_read: bool) -> None:
    padding = extension(21, bytes(MAX_HELLO - 5 - len(hello(NAME, extension(21, b"")))))
    octets = records(hello(NAME, padding), records_of)
    reader = HelloReader()
    reader.feed(octets)
    assert (reader.name == b"www.example.jp") is is_read
    assert reader.is_too_long is (not is_read)
    assert len(reader) == 0
    longer = HelloReader()
    longer.feed(records(hello(NAME, extension(21, bytes(MAX_HELLO)))))
    assert longer.is_too_long
    assert longer.verdict is Verdict.NO


@given(st.binary(max_size=200) | damaged(HELLOS), STEPS)
def test_any_octets_in_any_pieces_are_read_as_the_reference_reads_them(
    octets: bytes, steps: list[int]
) -> None:
    verdict, name = read(octets, steps)
    assert (verdict is Verdict.CERTAIN, name) == client_hello(octets)
    assert (verdict, name) == read(octets)


@given(HELLOS)
def test_what_is_drawn_is_mostly_read(octets: bytes) -> None:
    assert read(octets)[0] is not Verdict.UNSURE
