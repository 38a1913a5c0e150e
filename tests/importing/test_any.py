"""Rules, mutated, and any text: the fuzz target's invariant."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.fuzz_import import one
from tests.importing.build import RULES

LINES = [line for line in RULES.read_text(encoding="utf-8").split("\n") if "(" in line]
PIECES = (
    *('"', "|", "\\", ";", ":", "(", ")", "!", ",", "\n", "#", "$HOME_NET", "|41|", "/i", "^", "$", "[", "]"),
    *("nocase;", "depth:3;", "distance:0;", "within:9;", "endswith;", "startswith;", "flow:to_server;"),
    *('content:"ab";', 'content:!"b";', 'pcre:"/a.b/R";', "http.host;", "pkt_data;", "\0", "\u3042", "{"),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from(LINES))
    for piece in draw(st.lists(st.sampled_from(PIECES), max_size=4)):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + piece + line[at + draw(st.integers(0, 3)) :]
    return line.encode()


@settings(max_examples=150)
@given(mutated())
def test_mutated_rules(data: bytes) -> None:
    one(data)


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_octets(data: bytes) -> None:
    one(data)
