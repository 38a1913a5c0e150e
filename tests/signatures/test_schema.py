"""The schema of signature files: it says what the loader says, as far as a schema can."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from signatures import schema
from signatures.clauses import CLAUSE_KEYS, RELATIVE_KEYS
from signatures.conditions import SCHEDULE_KEYS, SUPPRESS_KEYS, THRESHOLD_KEYS
from signatures.document import SET_KEYS, TOP_KEYS
from signatures.loader import BUILTIN
from signatures.meanings import MEANINGS
from signatures.overrides import OVERRIDE_KEYS
from signatures.samples import SAMPLE_KEYS, TESTS_KEYS
from signatures.validate import KEYS
from tests.signatures.build import read
from tests.signatures.test_clauses import WHOLE
from tests.signatures.test_mistakes import MISTAKES, PAYLOAD
from tests.signatures.test_problems import GOOD
from tests.signatures.test_problems import MISTAKES as OLD_MISTAKES

VALIDATOR = Draft202012Validator(schema.schema())
KNOWN = {
    "set": SET_KEYS,
    "signature": tuple(key for key in KEYS if key not in RELATIVE_KEYS),
    "clause": CLAUSE_KEYS,
    "schedule": SCHEDULE_KEYS,
    "threshold": THRESHOLD_KEYS,
    "suppress": SUPPRESS_KEYS,
    "tests": TESTS_KEYS,
    "sample": SAMPLE_KEYS,
    "override": OVERRIDE_KEYS,
}
ONLY_THE_LOADER = (
    *("can't be used", "must be a name as", "can be looked for in", "control character", "octets in UTF-8"),
    *(
        "lower port first",
        "is an address with",
        "stands for IPv4",
        "wholly excluded",
        "one octet",
        "is longer",
    ),
    *("fold holds", "not look into", "whole day", "like", "sample", "holds a character", "octets of two"),
    *(
        "not a float",
        "has no partner",
        "must be written in",
        "takes networks",
        "twice",
        "hours are written",
        "at most 14",
    ),
)
"""Of what a schema can't tell, or only at the price of expressions that nobody can read."""


def test_the_file_is_what_the_loader_goes_by() -> None:
    assert schema.SCHEMA.read_text(encoding="utf-8") == schema.text()
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize("table", KNOWN)
def test_known_keys_are_the_same(table: str) -> None:
    properties = schema.schema()["$defs"][table]["properties"]
    assert set(properties) == set(KNOWN[table])
    assert all(each["description"] for each in properties.values())


def test_top_keys_are_the_same() -> None:
    assert set(schema.schema()["properties"]) == set(TOP_KEYS)
    assert set(schema.schema()["$defs"]) == set(KNOWN) == set(MEANINGS)


@pytest.mark.parametrize("path", sorted(BUILTIN.glob("*.toml")), ids=lambda path: path.name)
def test_shipped_files_hold_to_it_and_name_it(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []
    first = text.partition("\n")[0].removeprefix("#:schema ")
    assert (path.parent / first).resolve() == schema.SCHEMA.resolve()


def test_a_file_with_every_key() -> None:
    assert list(VALIDATOR.iter_errors(tomllib.loads(WHOLE))) == []


def wrong() -> Iterator[str]:
    """Files with one mistake each that a schema can tell."""
    head = "[[signature]]\n" + "".join(f"{key} = {value}\n" for key, value in GOOD.items())
    for key, value, reason in OLD_MISTAKES:
        if not any(part in reason for part in ONLY_THE_LOADER):
            table = GOOD | {key: value}
            yield "[[signature]]\n" + "".join(f"{each} = {what}\n" for each, what in table.items())
    for more, reason in MISTAKES:
        if not any(part in reason for part in ONLY_THE_LOADER):
            base = head.replace("keywords", "regexes") if more.startswith("contents") else head
            yield base + more + "\n"
    for key in ("sid", "rev", "name", "category", "severity", "buffers"):
        yield "\n".join(line for line in head.splitlines() if not line.startswith(key))
    yield head + PAYLOAD.replace("contents", "content").partition("\n")[2]
    yield "[[override]]\nsid = 1\n"
    yield "[[override]]\nsid = 2000001\nname = 'x'\n"
    yield "[set]\nscope = 'builtin'\n"
    yield "[sets]\n"
    yield ""


def test_both_refuse_the_same() -> None:
    texts = list(wrong())
    assert len(texts) > 50
    for text in texts:
        assert read(text)[1], text
        assert list(VALIDATOR.iter_errors(tomllib.loads(text))), text


@pytest.mark.parametrize(
    "more",
    [
        "src_ports = 80",
        'src_ports = "1-2"',
        'name = { ja = "あ" }',
        'tests = { match = [{ text = "a", encoding = "euc-jp" }, "b"] }',
        "tests = {}",
        'schedule = { hours = ["23:00-01:00"] }',
        "sid = 2_000_001",
        "fold = []",
        "references = []",
        "all = []",
    ],
)
def test_both_take_the_same(more: str) -> None:
    key = more.partition(" ")[0]
    table = {name: value for name, value in GOOD.items() if name != key}
    text = "[[signature]]\n" + "".join(f"{name} = {value}\n" for name, value in table.items()) + more + "\n"
    assert read(text)[1] == []
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []
