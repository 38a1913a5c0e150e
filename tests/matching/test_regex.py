"""Regexes that would match where there is nothing are refused, and only those."""

import pytest

from signatures.regex import regex_fault

EVERYWHERE = (
    "a*",
    "^",
    "$",
    "(?m)$",
    "^$",
    "^[^a]*$",
    "foo|^$",
    r"\Aa*\z",
    r"\b",
    r"\B",
    r"a|\b",
    r"x?\b",
    r"(a|\b)b*",
    r"[^a]*\b",
)
SOMEWHERE = ("^[^a]+$", r"foo\b", "(?m)foo$", r"\bfoo", r"\w+\b", "^a$", r"\s", r"(?:\(*a)", "[(*]", "(?i)a")


@pytest.mark.parametrize("regex", EVERYWHERE)
@pytest.mark.parametrize("stream", [False, True])
def test_what_takes_no_octet_is_refused(regex: str, stream: bool) -> None:
    assert "it matches" in regex_fault(regex, False, stream)


@pytest.mark.parametrize("regex", SOMEWHERE)
def test_what_takes_an_octet_is_not(regex: str) -> None:
    assert regex_fault(regex, False, True) == ""


@pytest.mark.parametrize("regex", ["(*UTF8)a", "(*UCP)a", "(*UTF8)(*UCP)a"])
def test_other_modes_of_matching_are_refused(regex: str) -> None:
    assert "octets are matched" in regex_fault(regex, False, False)
