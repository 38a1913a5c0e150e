"""Every view is the one that is made by hand, whatever the runs."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.views.make import Wanted
from sensor.matching.views.view import Form
from tests.matching.views.harness import GAP, by_run, made
from tests.reference.views import views

PIECES = {
    Form.PERCENT: "% %4 %41 %e3 %E3%81%82 %u3042 %uD83D %uDe00 %ud83d%ude00 %u %zz %%41 + ++ a b% %2 あ %25",
    Form.UNICODE: r"\ \\ \u \u304 \u3042 3042 \uD83D \uDe00 \ud83d\ude00 \u{ \u{} \u{1F600} 1F } \x \x4 \x41 "
    r"\/ \U0001F600 \U00110000 \u{d800} \" \' \z u ab \u{00000041} \u{000000041}",
    Form.HTML: "& &# # 123 54; &#12354; &#x3042; &#x3042 &#X &#xD800; &#0 &#128; &#x110000; &lt lt &lt; "
    "&#00000000000000065; &#0000000000000065; &#00000000000000000065; &amp; amp; &not notit; &notin; &fjlig; "
    "&NotEqualTilde; &CounterClockwiseContourIntegral; Integrals; &a ; x あ",
    Form.QUOTED_PRINTABLE: "= =4 =41 =E3=81=82 =\r\n \r \n =\n \t =\t a 0A == あ =3d =20=\r\n",
    Form.ENCODED_WORD: "=? ?= =?utf-8?B?6YGg6ZqU5pON5L2c?= =?UTF-8?q?_=E3=81=82a?= "
    "=?Iso-2022-JP?B?GyRCRGEbKEI=?= \t \r\n "
    "\n =?iso-2022-jp?q?=1B$@Da=1B(J?= =?a?B?Q?= =?a?b?QUI?= =?a?B?QU=JD?= =?a?Q??= "
    "=?a?x?b?= a あ ?B? =?a?B?",
    Form.PUNYCODE: "x n - -- xn-- XN--wgv71a119e . .jp xN--eckwd4c 9 wgv71a119e \x07 \x0e \x0c xn--999999 "
    "-xn--a あ xn xn--xn--",
    Form.BASE64: "6YGg6ZqU5pON5L2c 44GC44GE44GG44GI44GK QUJDREVGR0hJSktMTU5P a A 9 + / - _ = \r\n \n \t "
    "abcdefghijklmnopq THIS_IS_A_CONSTANT CamelCaseClassNames ---------------------------------------- "
    "\r あ QUJD VGhpcyBpcyBh",
}
RUNS = {
    form: st.lists(
        st.lists(st.sampled_from([piece.encode() for piece in pieces.split(" ")]), max_size=14).map(b"".join),
        max_size=4,
    )
    for form, pieces in PIECES.items()
}


@given(st.data(), st.sampled_from(list(PIECES)), st.integers(0, 9), GAP, st.booleans())
def test_near_valid_escapes(data: st.DataObject, form: Form, reach: int, gap: bytes, spaces: bool) -> None:
    runs = data.draw(RUNS[form])
    wanted = Wanted(frozenset({form}), spaces)
    found, starts = made(runs, reach, wanted, gap)
    assert by_run(found, starts) == [views(run, reach, wanted) for run in runs]


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(0, 9))
def test_any_octets(runs: list[bytes], reach: int) -> None:
    wanted = Wanted(spaces=True)
    found, starts = made(runs, reach, wanted)
    assert by_run(found, starts) == [views(run, reach, wanted) for run in runs]
