"""Every form on the wire, in bodies cut in two: each word is found in each, once, and read right."""

from urllib.parse import unquote

import pytest

from fixtures.pcaps.catalogue import ROOT
from fixtures.pcaps.forms.encoders import CHARSETS, FORMS
from signatures.model import DEFAULT_FOLDS
from signatures.text.fold import fold
from tests.golden.replay import replay

WORDS = {9100010: "機密", 9100011: "リモート", 9100012: "anydesk"}


@pytest.mark.parametrize("capture", [*CHARSETS, "others"])
def test_each_word_is_found_in_each_form(capture: str) -> None:
    events = replay(ROOT / "forms" / f"{capture}.pcap")
    found = {
        (unquote(event["http"]["url"])[1:], event["alert"]["signature_id"]): event["alert"]
        for event in events
        if event["event_type"] == "alert" and event["alert"]["signature_id"] in WORDS
    }
    of_charset = {form for form in FORMS if form.split(",")[0] in CHARSETS}
    forms = [form for form in FORMS if form.split(",")[0] == capture]
    forms = forms or [form for form in FORMS if form not in of_charset]
    assert found.keys() == {(form, sid) for form in forms for sid in WORDS}
    for (_, sid), alert in found.items():
        read = alert["text"][alert["text_start"] : alert["text_end"]]
        assert fold(read, DEFAULT_FOLDS) == fold(WORDS[sid], DEFAULT_FOLDS)
