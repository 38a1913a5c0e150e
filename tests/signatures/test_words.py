"""The subscriber's file, edited: what is meant, nothing else, and no sid twice."""

import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import SignatureError
from signatures.loader import check_files, load_signatures
from signatures.model import Buffer, Category, Fold, Owner, Severity
from signatures.words import DEFAULT_BUFFERS, FIRST_SID, LAST_SID, Change, Terms, add_words, remove_words

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
TERMS = st.builds(
    Terms,
    st.none() | st.lists(st.sampled_from(Buffer), min_size=1, unique=True).map(tuple),
    st.none() | st.sampled_from(Category),
    st.none() | st.sampled_from(Severity),
    st.none() | st.lists(st.sampled_from(Fold), unique=True).map(tuple),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=12),
)
BY_HAND = """\
# mine

[set] # about
scope = "subscriber"
name = "日本 # no comment"
last_sid = 9_000_003   # the last one

# of the first one
[[signature]]  # behind the header
sid = 9000003 # three
rev = 1
name = '''
# no comment
[[signature]]
'''
category = "custom"
severity = "low"
buffers = [
  "http.uri", # here
  "payload",
]
keywords = ["a", ] # only this
[signature.threshold]
type = "limit"
track = "by_src"
count = 1
seconds = 60

# of those below

# of the second one
[[signature]]
sid = 9000010
rev = 7
name = "two"
category = "custom"
severity = "low"
buffers = ["http.uri"]
keywords = ["two", "words"]

# the end
"""


def tables(text: str) -> list[dict[str, Any]]:
    """What ``text`` says of signatures."""
    return list(tomllib.loads(text).get("signature", []))


def comments(text: str) -> list[str]:
    """Every line that is a comment, in order."""
    return [line for line in text.splitlines() if line.startswith("#")]


def test_a_new_file_holds_what_the_loader_takes(tmp_path: Path) -> None:
    text, outcomes = add_words("", ["機密", "社外秘"], Terms())
    path = tmp_path / "words.toml"
    path.write_text(text, encoding="utf-8")
    first, second = load_signatures([path], builtin=False)
    assert [each.sid for each in outcomes] == [first.sid, second.sid] == [FIRST_SID, FIRST_SID + 1]
    assert (first.owner, first.buffers, first.clauses[0].keywords) == (
        Owner.SUBSCRIBER,
        DEFAULT_BUFFERS,
        ("機密",),
    )
    assert "機密" not in str(first.name) + str(first.description), "names leave the device"


@given(st.lists(WORDS, min_size=1, max_size=4), TERMS)
def test_any_word_is_written_as_it_is(words: list[str], terms: Terms) -> None:
    text, outcomes = add_words("", words, terms)
    assert [table["keywords"] for table in tables(text)] == [[each.word] for each in outcomes]
    meant = list(dict.fromkeys(unicodedata.normalize("NFC", word) for word in words))
    assert [each.word for each in outcomes] == meant
    assert all({**table, **terms.given()} == table for table in tables(text))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"), TERMS), max_size=12))
def test_whatever_is_done_no_sid_comes_twice_and_what_was_written_stays(
    steps: list[tuple[bool, str, Terms]],
) -> None:
    text = BY_HAND
    there = {"a": 9000003, "two": 9000010, "words": 9000010}
    used = set(there.values())
    for is_addition, word, terms in steps:
        before = tables(text)
        if is_addition:
            text, (outcome,) = add_words(text, [word], terms)
            if word in there:
                changed = any(each not in before for each in tables(text))
                assert outcome.change == (Change.CHANGED if changed else Change.SAME)
                assert outcome.sid == there[word]
            else:
                assert outcome.sid > max(used)
                used.add(outcome.sid)
                there[word] = outcome.sid
            revisions = {table["sid"]: table["rev"] for table in tables(text)}
            assert revisions[outcome.sid] == outcome.rev
        elif word in there:
            text, (outcome,) = remove_words(text, [word])
            assert outcome.sid == there.pop(word)
        else:
            with pytest.raises(SignatureError, match="no such word"):
                remove_words(text, [word])
    assert {table["sid"] for table in tables(text)} == set(there.values())
    kept = [line for line in comments(BY_HAND) if line not in ("# no comment", "# of the first one")]
    assert [line for line in comments(text) if line in kept] == kept


def test_a_change_leaves_the_rest_of_the_text_alone() -> None:
    text, (outcome,) = add_words(BY_HAND, ["a"], Terms(severity=Severity.HIGH, note="why"))
    assert (outcome.change, outcome.rev) == (Change.CHANGED, 2)
    meant = BY_HAND.replace("rev = 1\n", 'rev = 2\ndescription = "why"\n', 1)
    assert text == meant.replace('severity = "low"', 'severity = "high"', 1)
    again, (outcome,) = add_words(text, ["a"], Terms(severity=Severity.HIGH))
    assert (outcome.change, outcome.rev, again) == (Change.SAME, 2, text)


def test_a_word_goes_with_the_comment_above_it_alone() -> None:
    text, _ = remove_words(BY_HAND, ["a"])
    first, second = BY_HAND.index("\n# of the first one"), BY_HAND.index("\n# of those below")
    # The highest sid was written by hand, and counts from now on.
    assert text == (BY_HAND[:first] + BY_HAND[second:]).replace("9_000_003", "9000010")


def test_sids_written_by_hand_are_not_used_again() -> None:
    text, _ = remove_words(BY_HAND, ["9000010"])
    _, (outcome,) = add_words(text, ["new"], Terms())
    assert outcome.sid == 9000011


def test_what_shares_its_signature_is_left_to_its_writer() -> None:
    for word in ("two", "words"):
        with pytest.raises(SignatureError, match="holds more than this word"):
            remove_words(BY_HAND, [word])
        with pytest.raises(SignatureError, match=r"sid 9000010.*by hand"):
            add_words(BY_HAND, [word], Terms(severity=Severity.HIGH))
        assert add_words(BY_HAND, [word], Terms())[1][0].change is Change.SAME
    text, _ = remove_words(BY_HAND, ["9000010"])
    assert [table["sid"] for table in tables(text)] == [9000003]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[signature]]\nsid = 9000001\nkeywords = ["a"]\n', "no file of words"),
        ('[set]\nscope = "operator"\n', "no file of words"),
        ("[set\n", "line 1 is not TOML"),
        ('set = { scope = "subscriber" }\n', "by hand"),
        (f'[set]\nscope = "subscriber"\nlast_sid = {LAST_SID}\n', "every sid"),
    ],
    ids=["no-set", "operator", "syntax", "inline", "used-up"],
)
def test_what_can_not_be_added_to_is_left_alone(text: str, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        add_words(text, ["b"], Terms())


def test_an_inline_signature_is_not_cut_out() -> None:
    table = "{ sid = 9000001, rev = 1, keywords = ['a'] }"
    text = f'signature = [{table}]\n[set]\nscope = "subscriber"\n'
    with pytest.raises(SignatureError, match="by hand"):
        remove_words(text, ["a"])
    with pytest.raises(SignatureError, match="by hand"):
        add_words(text, ["b"], Terms())


def test_a_file_without_a_word_is_sound(tmp_path: Path) -> None:
    text, _ = add_words("", ["ab"], Terms())
    text, _ = remove_words(text, ["ab"])
    path = tmp_path / "words.toml"
    path.write_text(text, encoding="utf-8")
    assert check_files([path]).problems == []
    assert tables(text) == []
