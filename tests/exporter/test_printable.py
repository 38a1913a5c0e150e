"""JSON that is safe to print, and says what it said."""

import json
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from exporter.printable import printable_json


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x7f\x9b\u202e\u2028\ufeffあ")))
def test_json_says_the_same_without_controls(text: str) -> None:
    octets = json.dumps({"url": text}, ensure_ascii=False).encode()
    safe = printable_json(octets)
    assert json.loads(safe) == {"url": text}
    found = {category(character) for character in safe.decode() if character < "\U00010000"}
    assert "Cc" not in found
    assert not set("\u200b\u200f\u2028\u202a\u202e\u2066\ufeff") & set(safe.decode())


def test_ordinary_text_stays_as_it_is() -> None:
    octets = '{"signature_ja":"遠隔操作、…→ é ü 　"}'.encode()
    assert printable_json(octets) is octets
