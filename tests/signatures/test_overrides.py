"""Overrides: what they change, who may, and whose a file is."""

from pathlib import Path

import pytest

from signatures.document import Documents
from signatures.loader import check_files, load_signatures
from signatures.model import Owner, Severity, SignatureSet, Suppression, Track
from signatures.overrides import OVERRIDE_KEYS

BUILTIN = """\
[[signature]]
sid = {sid}
rev = 1
name = "x"
category = "custom"
severity = "low"
buffers = ["http.uri"]
contents = ["abc"]
"""
SHIPPED = BUILTIN.format(sid=1000001) + BUILTIN.format(sid=1000002) + "subscriber_may_disable = true\n"
SUBSCRIBER = '[set]\nscope = "subscriber"\n'
OWN = SUBSCRIBER + BUILTIN.format(sid=9000001)


def load(*texts: str) -> tuple[SignatureSet, list[str]]:
    """The shipped file and others, in order."""
    documents = Documents()
    documents.add(SHIPPED.encode(), "shipped", builtin=True)
    for index, text in enumerate(texts):
        documents.add(text.encode(), str(index))
    loaded = documents.complete()
    return loaded, [str(problem) for problem in documents.problems]


def override(sid: int, *lines: str) -> str:
    return "\n".join(("[[override]]", f"sid = {sid}", *lines, ""))


def test_an_operator_changes_what_is_shipped_and_what_subscribers_have() -> None:
    changes = override(
        1000001,
        'severity = "high"',
        'dst_networks = ["192.0.2.0/24"]',
        'suppress = [{ track = "by_src", networks = ["::1"] }]',
    )
    loaded, mistakes = load(OWN, changes + override(9000001, "enabled = false"))
    assert mistakes == []
    assert [(each.sid, each.owner) for each in loaded] == [(1000001, Owner.BUILTIN), (1000002, Owner.BUILTIN)]
    first = loaded.signatures[0]
    assert first.severity is Severity.HIGH
    assert first.dst_networks == ("192.0.2.0/24",)
    assert first.suppressions == (Suppression(Track.BY_SRC, ("::1/128",)),)
    assert [(each.sid, each.owner) for each in loaded.disabled] == [(9000001, Owner.SUBSCRIBER)]
    assert [info.owner for info in loaded.files] == [Owner.BUILTIN, Owner.SUBSCRIBER, Owner.OPERATOR]


def test_a_subscriber_switches_off_what_may_be_and_changes_what_is_his_own() -> None:
    loaded, mistakes = load(
        OWN + override(1000002, "enabled = false") + override(9000001, 'severity = "critical"')
    )
    assert mistakes == []
    assert [each.sid for each in loaded] == [1000001, 9000001]
    assert loaded.signatures[1].severity is Severity.CRITICAL
    assert [each.sid for each in loaded.disabled] == [1000002]


def test_what_an_operator_allows_counts_wherever_the_file_stands() -> None:
    theirs = SUBSCRIBER + override(1000001, "enabled = false")
    allowed = override(1000001, "subscriber_may_disable = true", 'severity = "medium"')
    loaded, mistakes = load(theirs, allowed)
    assert mistakes == []
    assert [(each.sid, each.severity) for each in loaded.disabled] == [(1000001, Severity.MEDIUM)]
    forbidden = override(1000002, "subscriber_may_disable = false")
    theirs = SUBSCRIBER + override(1000002, "enabled = false")
    assert load(theirs, forbidden)[1] == ["0:4: signature 1000002 may be changed by the operator alone"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (override(1000009, "enabled = false"), "0:2: there is no signature 1000009: name its file too"),
        (
            override(1000001),
            "0:1: an override that changes nothing: see enabled, severity, threshold, suppress, …",
        ),
        (
            override(1000001, 'name = "y"'),
            f"0:3: unknown key 'name' (known: {', '.join(OVERRIDE_KEYS)})",
        ),
        (override(1000001, 'enabled = "no"'), "0:3: enabled must be true or false, not a string"),
        (override(1000001, "threshold = {}", "enabled = false"), "0:3: type is missing"),
        (
            override(1000001, 'direction = "to_client"'),
            "0:3: signature 1000001: to_client never holds: what is looked into goes to the server",
        ),
        (
            SUBSCRIBER + override(1000001, "enabled = false"),
            "0:4: signature 1000001 may be changed by the operator alone",
        ),
        (
            SUBSCRIBER + override(1000002, "enabled = false", 'severity = "low"'),
            "0:3: signature 1000002 may be switched off by a subscriber (enabled), not changed otherwise",
        ),
        ("override = 1\n", "0:1: override must be written as [[override]] tables"),
        (
            SUBSCRIBER + BUILTIN.format(sid=2000001),
            "0:4: a subscriber's sid must be from 9000000 to 9999999",
        ),
        (
            BUILTIN.format(sid=1500000),
            "0:2: sids from 1000000 to 1999999 are those of shipped signatures: take one from 2000000 on",
        ),
        (
            '[set]\nscope = "builtin"\n' + BUILTIN.format(sid=2000001),
            "0:2: unknown scope 'builtin' (known: operator, subscriber)",
        ),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    assert load(text)[1][0] == problem


def test_two_overrides_of_one_key() -> None:
    first = override(1000001, 'severity = "low"')
    second = override(1000001, 'severity = "high"', "enabled = false")
    assert load(first, second)[1] == ["1:3: severity of 1000001 is already overridden at 0:1"]
    assert load(first, override(1000001, "enabled = false"))[1] == []


def test_a_signature_with_a_mistake_is_no_unknown_one() -> None:
    text = BUILTIN.format(sid=2000001).replace("low", "lowest") + override(2000001, "enabled = false")
    assert load(text)[1] == ["0:6: unknown severity 'lowest' (did you mean low?)"]


def test_shipped_files_override_nothing() -> None:
    documents = Documents()
    documents.add((SHIPPED + override(1000001, "enabled = false")).encode(), "shipped", builtin=True)
    assert [problem.reason for problem in documents.problems] == [
        "shipped files override nothing: change the signature itself"
    ]


def test_mistakes_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    overriding = tmp_path / "a.toml"
    overriding.write_text(override(2000009, "enabled = false"))
    wrong = tmp_path / "b.toml"
    wrong.write_text(BUILTIN.format(sid=2000001).replace("rev = 1", "rev = 0"))
    assert [str(problem) for problem in check_files([overriding, wrong]).problems] == [
        f"{overriding}:2: there is no signature 2000009: name its file too",
        f"{wrong}:3: rev must be from 1 to 2147483648",
    ]


def test_a_file_of_overrides_alone(tmp_path: Path) -> None:
    path = tmp_path / "local.toml"
    path.write_text(override(1005001, "enabled = false"))
    assert check_files([path]).problems == []
    alone = load_signatures([])
    changed = load_signatures([path])
    assert len(changed) == len(alone) - 1
    assert [signature.sid for signature in changed.disabled] == [1005001]
