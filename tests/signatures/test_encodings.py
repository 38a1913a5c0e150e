"""Expressions match the octets that they are meant to match, and no others."""

import hyperscan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.encodings import literal_expression, regex_expression
from signatures.regex import regex_flags


def ends(expression: bytes, data: bytes, flags: int = 0) -> list[int]:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[expression], ids=[0], elements=1, flags=[flags])
    found: list[int] = []
    database.scan(data, match_event_handler=lambda _id, _start, end, _flags, _context: found.append(end))
    return found


@given(st.binary(min_size=1, max_size=12), st.booleans())
def test_any_octets_as_a_literal(octets: bytes, case_sensitive: bool) -> None:
    """NUL, newline and everything that is special in an expression too."""
    expression = literal_expression(octets, case_sensitive)
    assert len(octets) in ends(expression, octets)
    swapped = bytes(octets.swapcase())
    assert (len(octets) in ends(expression, swapped)) == (not case_sensitive or swapped == octets)


@pytest.mark.parametrize("octet", range(256))
def test_only_ascii_letters_fold(octet: int) -> None:
    found = ends(literal_expression(bytes([octet]), case_sensitive=False), bytes(range(256)))
    assert [end - 1 for end in found] == sorted({octet, *bytes([octet]).swapcase()})


def test_regexes_fold_ascii_letters_alone() -> None:
    """Every octet, escaped, under the flags that regexes are compiled with."""
    for octet in range(256):
        flags = regex_flags(case_sensitive=False) & ~hyperscan.HS_FLAG_SINGLEMATCH
        found = ends(b"\\x%02x" % octet, bytes(range(256)), flags)
        assert [end - 1 for end in found] == sorted({octet, *bytes([octet]).swapcase()})


def test_a_trail_octet_that_looks_like_a_letter_can_be_kept_from_folding() -> None:
    """Shift_JIS ア is 83 41, and 83 61 is another character: one part folds, the other does not."""
    expression = literal_expression("ア".encode("shift_jis"), True) + literal_expression(b"x", False)
    assert ends(expression, b"\x83\x41X") == [3]
    assert ends(expression, b"\x83\x61x") == []


@pytest.mark.parametrize(
    ("regex", "matches", "differs"),
    [
        ("あ+い", "ああい", "い"),
        ("^あ?b$", "b", "xb"),
        ("(?:あ|い)う", "いう", "うう"),
        (r"[a\]]あ", "]あ", "あ"),
        (r"\[あ", "[あ", "あ"),
        (r"\あ", "あ", "い"),
        (r"a\\あ", "a\\あ", "aあ"),
    ],
)
def test_a_character_outside_ascii_is_one(regex: str, matches: str, differs: str) -> None:
    expression = regex_expression(regex)
    assert len(matches.encode()) in ends(expression, matches.encode())
    assert ends(expression, differs.encode()) == []


@pytest.mark.parametrize("regex", ["[aあ]", "[]あ]", "[^]あ]", "[[:alpha:]あ]", r"[\]あ]", "[あ"])
def test_a_character_outside_ascii_is_refused_in_a_class(regex: str) -> None:
    with pytest.raises(ValueError, match="single octets"):
        regex_expression(regex)


@pytest.mark.parametrize("regex", ["[]a]あ", "[^]]あ", "[[]あ", r"\[あ]", "[[:alpha:]]あ", r"[a\]b]あ"])
def test_after_a_class_it_is_one_again(regex: str) -> None:
    assert regex_expression(regex) == regex.replace("あ", "(?:\\xe3\\x81\\x82)").encode()
