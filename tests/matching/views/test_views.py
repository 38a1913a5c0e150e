"""Views of views, bounds, and what no view is made of."""

import urllib.parse
from base64 import b64encode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.views import encoded_words, make, punycode_names
from sensor.matching.views.make import Wanted, make_views
from sensor.matching.views.view import Form, View
from tests.fuzz.fuzz_views import one
from tests.matching.views.harness import by_run, made, origins_of

WORD = "遠隔操作".encode()


def view_of(octets: bytes, form: Form, reach: int = 64) -> View:
    (view,) = made([octets], reach, Wanted(frozenset({form})))[0].views
    return view


@given(st.binary(max_size=80))
def test_the_invariant_of_the_fuzz_target(data: bytes) -> None:
    one(data)


def test_a_view_of_a_view_tells_places_of_the_source() -> None:
    source = b"id=1&q=" + urllib.parse.quote(b64encode(WORD + b" ")).replace("=", "%3D").encode() + b"&x"
    outer = view_of(source.replace(b"6Y", b"%36%59"), Form.PERCENT)
    found = make_views(
        outer.octets, outer.region_start, outer.region_end, 64, Wanted(frozenset({Form.BASE64}))
    )
    view = found.views[0]
    origins = origins_of(view, outer)
    assert view.form == Form.BASE64
    at = view.octets.tobytes().index(WORD)
    assert origins.starts(np.array([at])) == source.index(b"6Y")
    assert origins.ends(np.array([at + len(WORD) - 1])) == source.index(b"6Y") + 4 + 16


def test_nothing_is_made_of_plain_octets() -> None:
    text = b"100% of R&D; a = b - c, C:\\new\\temp, see README and the words of http://example.com/some/path"
    for octets in (text, WORD, b"", b"%", b"\\", b"&", b"=", b"-"):
        assert made([octets], 9, Wanted(spaces=True))[0].views == ()
    assert make_views(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64), 9).views == ()


def test_only_wanted_forms() -> None:
    octets = b"%41 \\u0041 &#65; =C1 =?a?q?a?= xn--wgv71a119e " + b64encode(WORD)
    assert {view.form for view in made([octets], 0, Wanted())[0].views} == set(Form)
    for form in Form:
        assert [view.form for view in made([octets], 0, Wanted(frozenset({form})))[0].views] == [form]
    assert made([octets], 0, Wanted(frozenset()))[0].views == ()


def test_reach_joins_and_parts_regions() -> None:
    octets = b"0123456789%41abcdef%42ghijkl"
    for reach, expected in (
        (0, [b"A", b"B"]),
        (2, [b"89Aab", b"efBgh"]),
        (3, [b"789AabcdefBghi"]),
        (64, [b"0123456789AabcdefBghijkl"]),
    ):
        regions = by_run(*made([octets], reach, Wanted(frozenset({Form.PERCENT}))))[0][Form.PERCENT]
        assert [bytes(octet for octet, _, _ in region) for region in regions] == expected


def test_octets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_BUDGET_BASE", 0)
    monkeypatch.setattr(make, "_BUDGET_PER_OCTET", 2)
    octets = b64encode(bytes(range(96)))
    views, _ = made([octets, octets, b"%41"], 64, Wanted())
    assert views.dropped == 4  # all readings of the second
    assert {view.form: len(view) for view in views.views} == {Form.PERCENT: 1, Form.BASE64: 4 * 96}


def test_words_and_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded_words, "_WORDS_BASE", 1)
    monkeypatch.setattr(punycode_names, "_LABELS_BASE", 1)
    views, _ = made([b"=?a?q?b?= c =?a?q?d?= xn--wgv71a119e.xn--wgv71a119e"], 0, Wanted())
    assert views.dropped == 2
    assert {view.form: len(view.region_start) for view in views.views} == {
        Form.ENCODED_WORD: 1,
        Form.PUNYCODE: 1,
    }


@pytest.mark.parametrize("before", [b"", b":", b'{"d":"\\n', b"\x80A", b"abc"])
def test_a_long_text_is_read_whatever_is_in_front(before: bytes) -> None:
    octets = np.random.default_rng(1).bytes(9000)
    view = view_of(before + b64encode(octets), Form.BASE64)
    assert octets in view.octets.tobytes()


@pytest.mark.parametrize("letters", [b"", b"x" * 28, b"x" * 40])
def test_an_old_name_before_many_letters(letters: bytes) -> None:
    assert view_of(b"AT&ampT" + letters, Form.HTML).octets.tobytes() == b"AT&T" + letters
