"""Reasons of refusal in Japanese: each that the importer gives has one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import signatures.importing
from sensor.cli.import_reasons import reason_in
from signatures.importing.words import ListOptions, import_words
from tests.importing.build import RULES, imported

FATAL = (
    "is a STIX bundle without objects",
    "is neither a STIX bundle nor a MISP event",
    "is not JSON: x",
    "is not UTF-8, UTF-16 or CP932; save it as UTF-8",
    "neither networks (x) nor ports",
)
"""Of a whole file or a wrong argument, told in an error line as all of those are."""


def reasons() -> Iterator[str]:
    """What refusals are given for, with x for whatever stands in place of a value."""
    for path in sorted(Path(signatures.importing.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            given = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("RefusedError", "refuse"):
                    given = [node.args[1]]
                given += [keyword.value for keyword in node.keywords if keyword.arg == "fault"]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(option, reason)":
                given = node.value.elts[1:] if isinstance(node.value, ast.Tuple) else []
            for each in given:
                if isinstance(each, ast.Constant):
                    yield str(each.value)
                elif isinstance(each, ast.JoinedStr):
                    parts = (
                        str(part.value) if isinstance(part, ast.Constant) else "x" for part in each.values
                    )
                    yield "".join(parts)


@pytest.mark.parametrize("reason", sorted({*reasons()} - {*FATAL}))
def test_each_reason_is_there_in_japanese(reason: str) -> None:
    japanese = reason_in("ja", reason)
    assert any(character > "\u3000" for character in japanese), japanese
    assert "{" not in japanese
    assert reason_in("en", reason) == reason


def test_reasons_are_found() -> None:
    found = {*reasons()}
    assert len(found) > 90
    assert {"has no counterpart in a signature", "is no pattern of STIX", *FATAL} <= found
    assert "x: no rule that came in sets it" in found


def test_every_rule_that_is_refused_says_why_in_japanese() -> None:
    refusals = [*imported(RULES.read_text(encoding="utf-8")).refusals]
    refusals += import_words("a\na\n遠隔\n遠隔\n", "x", ListOptions(first_sid=1_000_000)).refusals
    english = [each for each in refusals if reason_in("ja", each.reason) == each.reason]
    assert [each.reason for each in english if not each.reason.startswith("keyword 'a' is one octet")] == []


def test_values_stay() -> None:
    assert reason_in("ja", "$X is not defined: --define X=…") == "$X は定義されていません: --define X=…"
    assert reason_in("ja", "of http: which protocol it is can't be asked").startswith("http の payload: ")
    assert reason_in("ja", "can't be read at '{0}\\n'") == "'{0}\\n' から先を読み取れません"
    assert reason_in("ja", "something else") == "something else"
