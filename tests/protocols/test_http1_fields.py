"""Field sections: what was read before has no bearing on what is read now."""

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.http1_fields import FieldParser, Fields

NAMES = st.sampled_from(
    [b"Host", b"host", b"User-Agent", b"Content-Length", b"X", b"X ", b" Host", b"a b", b""]
)
COLONS = st.sampled_from([b":", b":", b": ", b""])
VALUES = st.sampled_from([b"a", b"5", b"5, 6", b"Host", b"x: y", b""])
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r\n ", b"\n\t", b"\r", b"\r\n\r\n"])
SECTIONS = st.lists(st.tuples(NAMES, COLONS, VALUES, ENDS), max_size=5).map(
    lambda lines: b"".join(part for line in lines for part in line)
)


def new_parser() -> FieldParser:
    """A parser that has read nothing, with memos so small that they overflow."""
    return FieldParser("request", max_lines=4, max_entries=3)


@given(st.lists(SECTIONS, max_size=6), SECTIONS)
def test_memos_change_nothing(before: list[bytes], section: bytes) -> None:
    parser, fresh = new_parser(), new_parser()
    for each in before:
        parser.parse(each)
    assert asdict(parser.parse(section)) == asdict(fresh.parse(section))
    again, plain = parser.parse_plain(section), fresh.parse_plain(section)
    assert (again is None) == (plain is None)


def test_a_name_known_from_before_still_needs_its_colon() -> None:
    parser = new_parser()
    assert parser.parse(b"Host: a.example").has_host
    assert parser.parse(b"Host\r\nX: y").anomalies == ("http.request_field_missing_colon",)


def test_a_line_without_an_end_says_nothing() -> None:
    assert asdict(new_parser().parse(b"")) == asdict(Fields())
