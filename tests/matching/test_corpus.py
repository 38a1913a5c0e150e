"""Every form of every word, in real Japanese text: all are found, and nothing else is."""

import pytest

from fixtures.pcaps.forms.encoders import FORMS
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from tests.matching.corpus import texts, words
from tests.matching.measure import measure, passages
from tests.signatures.build import signature

WORDS = words()[::2]
"""Half of the words: the other half's texts must not be taken for them."""


@pytest.fixture(scope="module")
def plan() -> MatchPlan:
    return compile_signatures([signature(word, sid=sid) for sid, word in enumerate(WORDS, 1)])


@pytest.mark.parametrize("form", FORMS)
def test_in_passages(plan: MatchPlan, form: str) -> None:
    score = measure(plan, WORDS, passages(texts(), 600), FORMS[form])
    assert score.there > 100
    assert score.missed == ()
    assert score.mistaken == ()


@pytest.mark.parametrize("form", FORMS)
def test_alone(plan: MatchPlan, form: str) -> None:
    # Two kanji in UTF-16 may be four letters of ASCII, or one letter and one kanji in UTF-8: behind another
    # letter nothing tells which.
    told = [word for word in words() if not (" behind " in form and _is_other_text(word))]
    score = measure(plan, WORDS, told, FORMS[form])
    assert score.there > 100
    assert score.missed == ()
    assert score.mistaken == ()


def _is_other_text(word: str) -> bool:
    for charset in ("utf-16-le", "utf-16-be"):
        try:
            word.encode(charset).decode()
        except UnicodeDecodeError:
            continue
        return not word.isascii()
    return False
