"""Clauses say what Suricata's inspection of a buffer would, for whatever contents and octets."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.importing.build import imported
from tests.importing.inspection import Content, fires, inspect

PLACES = ("anywhere", "anywhere", "absolute", "relative", "relative", "relative", "start")


def octets(least: int, most: int) -> st.SearchStrategy[bytes]:
    """Of few different octets, so that contents stand in buffers at all."""
    return st.lists(st.sampled_from(b"aaabA"), min_size=least, max_size=most).map(bytes)


@st.composite
def contents(draw: st.DrawFn, ends: bool) -> Content:
    place = draw(st.sampled_from(PLACES))
    term = draw(octets(1, 2))
    room = len(term) + draw(st.integers(0, 3))
    return Content(
        term,
        negated=place != "relative" and draw(st.integers(0, 7)) == 0,
        nocase=draw(st.booleans()),
        startswith=place == "start",
        endswith=ends and draw(st.booleans()),
        offset=draw(st.none() | st.integers(0, 3)) if place == "absolute" else None,
        depth=draw(st.none() | st.just(room)) if place == "absolute" else None,
        distance=draw(st.none() | st.integers(0, 3)) if place == "relative" else None,
        within=draw(st.none() | st.just(room)) if place == "relative" else None,
    )


@st.composite
def rules(draw: st.DrawFn) -> list[Content]:
    count = draw(st.integers(1, 3))
    return [draw(contents(number == count - 1)) for number in range(count)]


@settings(max_examples=100)
@given(rules(), st.lists(octets(1, 10), min_size=10, max_size=10))
def test_an_imported_rule_finds_what_suricata_finds(rule: list[Content], buffers: list[bytes]) -> None:
    options = " ".join(content.options() for content in rule)
    result = imported(f"alert http any any -> any any (http.uri; {options} sid:1;)")
    assume(result.signatures)
    (signature,) = result.signatures
    for buffer in buffers:
        assert fires(signature.clauses, buffer) == inspect(rule, buffer), (options, signature.clauses)


def test_most_chains_come_in() -> None:
    chain = [Content(b"ab"), Content(b"b.", distance=0, within=6), Content(b"A", distance=2, endswith=True)]
    options = " ".join(content.options() for content in chain)
    result = imported(f"alert http any any -> any any (http.uri; {options} sid:1;)")
    (signature,) = result.signatures
    assert fires(signature.clauses, b"..ab..b.ab.b.xxA")
    assert not fires(signature.clauses, b"..ab..b.A")
