"""Payload regexes across chunks, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.compile import compile_signatures
from sensor.matching.stream import StreamMatch, StreamScanner
from signatures.model import Buffer, Signature
from tests.matching.strategies import VALUES, signatures, spelt
from tests.reference.matching import regex_ends
from tests.signatures.build import signature


@given(
    signatures(Buffer.PAYLOAD, regexes=True),
    st.lists(st.tuples(st.integers(0, 2), VALUES), max_size=12),
)
def test_any_cut_finds_the_same(made: list[Signature], chunks: list[tuple[int, bytes]]) -> None:
    scanner = StreamScanner(compile_signatures(made))
    found: dict[int, list[StreamMatch]] = {0: [], 1: [], 2: []}
    for key, octets in chunks:
        found[key] += scanner.scan(key, octets)
    for key, before in found.items():
        matches = before + scanner.close(key)
        whole = b"".join(octets for chunk_key, octets in chunks if chunk_key == key)
        expected = []
        for index, one in enumerate(clause for each in made for clause in each.clauses):
            for regex in one.regexes:
                end = next(iter(regex_ends(whole, spelt(regex), one.case_sensitive)), None)
                if end is not None and (not one.depth or end <= one.depth):
                    expected.append((index, end))
        assert sorted(matches) == sorted(expected)
    assert len(scanner) == 0


def test_end_of_stream_is_known_at_its_close() -> None:
    scanner = StreamScanner(compile_signatures([signature(regexes=("^ab.*z$",))]))
    assert scanner.scan(7, b"a") == []
    assert scanner.scan(8, b"ab") == []
    assert scanner.scan(7, b"bz") == []
    assert scanner.close(7) == [StreamMatch(0, 3)]
    assert scanner.close(7) == []
    assert scanner.close(8) == []


def test_each_regex_matches_once_in_a_stream() -> None:
    scanner = StreamScanner(compile_signatures([signature(regexes=("ab", "b+"))]))
    assert scanner.scan(1, b"xab") == [StreamMatch(0, 3), StreamMatch(0, 3)]
    assert scanner.scan(1, b"ab") == []
    assert scanner.scan(2, b"ab") == [StreamMatch(0, 2), StreamMatch(0, 2)]
    scanner.close_all()
    assert len(scanner) == 0


def test_the_stream_that_was_quiet_longest_goes_first() -> None:
    scanner = StreamScanner(compile_signatures([signature(regexes=("abc", "a$"))]), max_streams=2)
    scanner.scan(1, b"a")
    scanner.scan(2, b"ab")
    scanner.scan(1, b"b")
    assert scanner.scan(3, b"x") == []
    assert scanner.evicted == 1
    assert len(scanner) == 2
    assert scanner.scan(1, b"c") == [StreamMatch(0, 3)]
    assert scanner.scan(2, b"c") == []
    assert scanner.evicted == 2
    scanner.close_all()


def test_depth_bounds_where_a_match_ends() -> None:
    scanner = StreamScanner(compile_signatures([signature(regexes=("ab",), depth=4)]))
    assert scanner.scan(1, b"xx") == []
    assert scanner.scan(1, b"ab") == [StreamMatch(0, 4)]
    assert scanner.scan(2, b"xxxab") == []
    scanner.close_all()


def test_without_payload_regexes_nothing_is_opened() -> None:
    plan = compile_signatures([])
    assert not plan.has_payload_regexes
    scanner = StreamScanner(plan)
    assert scanner.scan(1, b"abc") == []
    assert len(scanner) == 0


def test_depth_counts_from_the_start_of_the_stream() -> None:
    """After a gap, too, where a stream is opened anew in its middle."""
    scanner = StreamScanner(compile_signatures([signature(regexes=("ab",), depth=6)]))
    assert scanner.scan(1, b"xxab", 2) == [StreamMatch(0, 4)]
    assert scanner.scan(2, b"xxxab", 2) == []
    scanner.close(2)
    assert scanner.scan(2, b"xxxab") == [StreamMatch(0, 5)]
    scanner.close_all()
