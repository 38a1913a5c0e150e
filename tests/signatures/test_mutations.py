"""Shipped files, mutated: the fuzz target's invariant, on near-valid TOML."""

from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from signatures.document import TOP_KEYS
from signatures.loader import BUILTIN
from signatures.meanings import MEANINGS
from signatures.model import Buffer, Fold, Owner
from signatures.overrides import read_override
from signatures.validate import validate_signature
from signatures.values import Fields
from tests.fuzz.fuzz_signatures import one

TABLES = [
    "[[signature]]" + table.replace("sid = 1", "sid = 2")  # the former are of shipped files alone
    for path in sorted(BUILTIN.glob("*.toml"))
    for table in path.read_text(encoding="utf-8").split("[[signature]]")[1:]
]
PIECES = (
    *('"', "'", '"""', "'''", "[", "]", "[[", "{", "}", "\\", "\n", "=", ".", ",", "#", "-", "\r\n", "\0"),
    *("\\u0000", "あ", "nan", "1e400", "-1", "9" * 30, "true", "1979-05-27", "[[signature]]\n", "[set]\n"),
    *(
        "[[signature.all]]\n",
        "[[signature.none]]\n",
        "distance = 0\n",
        "[[override]]\n",
        "[signature.tests]\n",
    ),
    *(
        "keywords",
        "contents",
        "regexes",
        "domains",
        "buffers",
        '"http.uri"',
        "name",
        "depth = 1\n",
        "'a|b*'",
        "'\\Qa'",
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """One or two tables with pieces put in, taken out, or put in place of others."""
    text = "".join(draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 12))
        text = text[:at] + draw(st.sampled_from(("", *PIECES))) + text[at + cut :]
    return text


@given(mutated())
def test_mutated_text(text: str) -> None:
    one(text.encode())


@given(mutated(), st.integers(0, 4000), st.binary(max_size=4))
def test_mutated_octets(text: str, at: int, octets: bytes) -> None:
    data = text.encode()
    one(data[:at] + octets + data[at + len(octets) :])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=16))
def test_any_regex(regex: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in regex)
    head = 'sid = 1\nrev = 1\nname = "x"\ncategory = "custom"\nseverity = "low"\n'
    one(f'[[signature]]\n{head}buffers = ["payload", "http.uri"]\nregexes = ["{quoted}"]\n'.encode())


KEYS = st.sampled_from(sorted({*TOP_KEYS, *(key for table in MEANINGS.values() for key in table)})) | st.text(
    max_size=3
)
LEAVES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(
        [*Buffer, *Fold, "by_src", "limit", "22:00-05:00", "mon", "+09:00", "192.0.2.0/24", "|16 03|"]
    ),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=24,
)


@given(st.dictionaries(KEYS, NESTED, max_size=12), st.sampled_from(Owner))
def test_any_nesting_of_values_is_told_as_mistakes(table: dict[str, Any], owner: Owner) -> None:
    """Whatever a table holds, only `report` is called; and what is reported is a path of strings."""
    reports: list[tuple[str, str]] = []

    def report(path: str, reason: str) -> None:
        reports.append((path, reason))

    validate_signature(table, "", report, owner)
    read_override(Fields(table, report), owner, "", report)
    assert all(reason for _, reason in reports)
    known = ("", *table, "sid", "none")  # the last two may be missed, and be there in a clause alone
    assert all(any(f"{path}.".startswith(f"{key}.") or path == key for key in known) for path, _ in reports)


@given(st.dictionaries(KEYS, NESTED, max_size=6))
def test_any_nesting_of_values_as_a_file(document: dict[str, Any]) -> None:
    try:
        text = tomlkit.dumps(document)
    except (ValueError, TypeError):  # tomlkit does not write everything
        return
    one(text.encode("utf-8", "replace"))
