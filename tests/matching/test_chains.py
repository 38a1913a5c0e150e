"""A word in any text, through any chain of encodings: it is found; in a text without it, it is not."""

import base64
import binascii
import html
import json
import quopri
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from urllib.parse import quote_from_bytes, quote_plus

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fixtures.pcaps.forms.encoders import (
    CHARSETS,
    every_octet,
    full_width,
    half_width,
    percent_u,
    script_braces,
)
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.matching.scan import Matches, scan_payload
from signatures.model import DEFAULT_FOLDS
from signatures.text.fold import fold
from tests.signatures.build import signature

WORDS = (
    "機密",
    "遠隔操作",
    "リモート",
    "ｱﾝｹｰﾄ",
    "かな入力",
    "表示ソ",
    "Ｗｅｂ会議",
    "anydesk",
    "社内 文書",
    "㈱秘書",
    "が行",
)


def _quoted_printable(octets: bytes) -> bytes:
    if b"\0" in octets or not octets.isascii():  # no lines of text
        return binascii.b2a_qp(octets, istext=False).replace(b"=\n", b"=\r\n")
    return quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")


STEPS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "percent": lambda octets: quote_from_bytes(octets).encode(),
        "percent, + for space": lambda octets: quote_plus(octets).encode(),
        "percent, every octet": lambda octets: every_octet(octets.decode("latin-1"), "latin-1"),
        "quoted-printable": _quoted_printable,
        "base64": base64.b64encode,
        "base64, URL-safe": base64.urlsafe_b64encode,
    }
)
"""What takes octets to ASCII."""
TEXT_STEPS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "JSON": json.dumps,
        "braces": lambda text: script_braces(text).decode(),
        "decimal": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
        "percent, %u": lambda text: percent_u(text).decode(),
    }
)
"""What takes text to ASCII."""
WRITINGS: tuple[Callable[[str], str], ...] = (str, half_width, full_width, str.upper)
TEXT = st.text("機密遠隔操作リモートｱﾝケー゛か゛がんソ表示能ﾄﾞァabcAny ㈱<&%+\\=?\n。、", max_size=24)


@cache
def plan() -> MatchPlan:
    return compile_signatures([signature(word, sid=sid) for sid, word in enumerate(WORDS, 1)])


def scan(octets: bytes) -> Matches:
    return scan_payload(plan(), octets, np.zeros(1, np.int64), np.array([len(octets)]))


@st.composite
def chains(draw: st.DrawFn) -> tuple[str | None, str, tuple[str, ...]]:
    """An escape of text or none, a charset, escapes of octets."""
    escape = draw(st.sampled_from((None, None, *TEXT_STEPS)))
    # Escapes are read in octets: not where each letter of them takes two.
    charsets = [charset for charset in CHARSETS if not (escape and charset.startswith("utf-16"))]
    steps = draw(st.lists(st.sampled_from(tuple(STEPS)), max_size=3 - (escape is not None)))
    return escape, draw(st.sampled_from(charsets)), tuple(steps)


def encode(text: str, chain: tuple[str | None, str, tuple[str, ...]]) -> bytes:
    escape, charset, steps = chain
    octets: bytes = (TEXT_STEPS[escape](text) if escape else text).encode(charset)
    for number, step in enumerate(steps):
        # Base64 of escapes is read if it is of twelve octets at least; of a word itself, however short.
        assume(len(octets) >= 12 or not step.startswith("base64") or not (number or escape))
        octets = STEPS[step](octets)
    return octets


@settings(max_examples=400)
@given(TEXT, st.sampled_from(WORDS), st.sampled_from(WRITINGS), TEXT, chains())
def test_found(
    before: str,
    word: str,
    write: Callable[[str], str],
    after: str,
    chain: tuple[str | None, str, tuple[str, ...]],
) -> None:
    text = before + write(word) + after
    try:
        octets = encode(text, chain)
    except UnicodeEncodeError:
        assume(False)
    folded = fold(text, DEFAULT_FOLDS)
    there = {index for index, each in enumerate(WORDS) if fold(each, DEFAULT_FOLDS) in folded}
    found = scan(octets)
    assert there <= set(found.clause.tolist())
    for clause, reading in zip(found.clause.tolist(), found.readings, strict=True):
        if clause in there:
            assert reading is not None
            shown = reading.text[reading.text_start : reading.text_end]
            assert fold(WORDS[clause], DEFAULT_FOLDS) in fold(shown, DEFAULT_FOLDS)


@settings(max_examples=400)
@given(TEXT, chains())
def test_not_found(text: str, chain: tuple[str | None, str, tuple[str, ...]]) -> None:
    folded = fold(text, DEFAULT_FOLDS)
    assume(not any(fold(word, DEFAULT_FOLDS) in folded for word in WORDS))
    try:
        octets = encode(text, chain)
    except UnicodeEncodeError:
        assume(False)
    assert scan(octets).clause.tolist() == []


SIDE_BY_SIDE: Mapping[str, Callable[[str], bytes]] = MappingProxyType(
    {
        "percent": lambda character: every_octet(character, "utf-8"),
        "JSON": lambda character: json.dumps(character)[1:-1].encode(),
        "HTML": lambda character: character.encode("ascii", "xmlcharrefreplace"),
        "quoted-printable": lambda character: _quoted_printable(character.encode()),
        "soft break": lambda character: b"=\r\n" + character.encode(),
        "plain": str.encode,
    }
)
"""Ways that a character of a word may be written in beside others that are written otherwise."""


@settings(max_examples=400)
@given(
    TEXT,
    st.sampled_from([word for word in WORDS if word.isalpha()]),
    TEXT,
    st.lists(st.sampled_from(tuple(SIDE_BY_SIDE)), min_size=2, max_size=4, unique=True),
    st.data(),
)
def test_forms_side_by_side(
    before: str, word: str, after: str, forms: list[str], data: st.DataObject
) -> None:
    assume(fold(word, DEFAULT_FOLDS) in fold(before + word + after, DEFAULT_FOLDS))
    ways = data.draw(st.lists(st.sampled_from(forms), min_size=len(word), max_size=len(word)))
    written = b"".join(SIDE_BY_SIDE[way](character) for way, character in zip(ways, word, strict=True))
    octets = before.encode() + written + after.encode()
    assert WORDS.index(word) in scan(octets).clause.tolist()


@pytest.mark.parametrize(
    ("word", "octets"),
    [
        ("社内 文書", rb"\u793e\u5185+\u6587\u66f8"),
        ("社内 文書", b"&#31038;&#20869;+&#25991;&#26360;"),
        ("社内 文書", b"=E7=A4=BE=E5=86=85+=E6=96=87=E6=9B=B8"),
        ("社内 文書", b"=?UTF-8?B?56S+5YaF?=%20=?UTF-8?B?5paH5pu4?="),
        ("機密", b"%u6A5F=?UTF-8?B?5a+G?="),
        ("x機y", b"x\\=\r\nu6a5fy"),
        ("x機y", b"x\\&#117;6a5fy"),
        (
            "遠隔操作機密文書社内",
            b"%E9%81%A0" + b"".join(b"&amp;amp;#x%x;" % ord(each) for each in "隔操作機密文書社内"),
        ),
        (
            "リモート",
            b"%2525E3%252583%2525AA%2525E3%252583%2525A2%2525E3%252=\r\n583%2525BC%2525E3%252583%252588",
        ),
        ("機密", b"=4=\r\n4 s=40 \xe6\xa9\x9f\xe5\xaf\x86"),
        ("@example", b"user=40example.com"),
        (".onion", b"a\r\n=2Eonion"),
    ],
)
def test_what_the_order_of_undoing_might_lose(word: str, octets: bytes) -> None:
    plan = compile_signatures([signature(word, sid=1)])
    assert scan_payload(plan, octets, np.zeros(1, np.int64), np.array([len(octets)])).clause.tolist() == [0]
