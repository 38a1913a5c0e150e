import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.importing.octets import literal, parse_content, write_content
from signatures.importing.result import RefusedError
from signatures.importing.rule_text import Option, parse_rule, split_rules
from signatures.octets import read_content


def test_escapes_and_quotation_marks() -> None:
    rule = parse_rule(
        r'alert tcp any any -> any any (msg:"a \; (b) \"c\""; content:"x;y"; pcre:"/a\;b/i"; sid:1;)'
    )
    assert [(each.name, each.value) for each in rule.options] == [
        ("msg", r'"a \; (b) \"c\""'),
        ("content", '"x;y"'),
        ("pcre", r'"/a\;b/i"'),
        ("sid", "1"),
    ]


def test_a_header_with_groups() -> None:
    rule = parse_rule("alert tcp [10.0.0.0/8, !10.1.0.0/16] [80, 443] <> $HOME_NET !1:100 (sid:1;)")
    assert rule.src == ("[10.0.0.0/8, !10.1.0.0/16]", "[80, 443]")
    assert (rule.direction, rule.dst) == ("<>", ("$HOME_NET", "!1:100"))


def test_lines_that_go_on() -> None:
    text = (
        "# a\n\nalert tcp a b \\\n -> c d (sid:1;)\n"
        "alert http (\n  sid:2;\n)\nalert x (open\nalert y (sid:3;)"
    )
    found = [each and (each.line, each.lines) for each in split_rules(text)]
    assert found == [None, None, (3, 2), (5, 3), (8, 1), (9, 1)]


def test_a_rule_that_goes_on_at_the_end() -> None:
    found = [each and (each.line, each.lines) for each in split_rules("\nalert x \\\n")]
    assert found == [None, (2, 1)]


def test_options_in_commas() -> None:
    assert Option("content", r'"a,\"b",nocase, depth 5').parts() == [r'"a,\"b"', "nocase", "depth 5"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"abc"', (False, b"abc")),
        ('!"a|0d 0A|b"', (True, b"a\r\nb")),
        (r'"\;\:\"\\"', (False, b';:"\\')),
        ('"|7c|"', (False, b"|")),
        ('"遠隔"', (False, "遠隔".encode())),
        ('"|61|" ', (False, b"a")),
    ],
)
def test_contents(value: str, expected: tuple[bool, bytes]) -> None:
    assert parse_content("content", value) == expected


@pytest.mark.parametrize(
    "value", ["abc", '"abc', '""', '"|6|"', '"|zz|"', '"a|61"', r'"\a"', '"a"b"', '"a\\"']
)
def test_no_contents(value: str) -> None:
    with pytest.raises(RefusedError):
        parse_content("content", value)


@given(st.binary(min_size=1, max_size=40))
def test_octets_are_written_so_that_they_are_read_back(octets: bytes) -> None:
    assert read_content(write_content(octets)) == octets
    assert parse_content("content", f'"{write_content(octets)}"') == (False, octets)


@given(st.binary(min_size=1, max_size=8), st.binary(max_size=16), st.booleans())
def test_a_literal_matches_itself_alone(octets: bytes, text: bytes, nocase: bool) -> None:
    expression = literal(octets, nocase).encode()
    folded = (lambda value: value.lower()) if nocase else bytes
    assert re.search(expression, text + octets + text)
    assert bool(re.search(expression, text)) == (folded(octets) in folded(text))
