"""The READMEs of signatures: every example loads, and every key, choice and bound is in them."""

import re
import tomllib
from pathlib import Path

import pytest

import signatures
from signatures import limits
from signatures.loader import MAX_FILE, check_files
from signatures.meanings import MEANINGS
from signatures.model import Buffer, Category, Fold, Severity

HERE = Path(signatures.__path__[0])
READMES = {"en": "README.md", "ja": "README.ja.md"}


def text_of(language: str) -> str:
    return (HERE / READMES[language]).read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", text_of(language), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", READMES)
def test_every_example_is_a_file(language: str, tmp_path: Path) -> None:
    found = examples(language)
    assert len(found) >= 6
    for index, example in enumerate(found):
        (tmp_path / f"{index}.toml").write_text(example, encoding="utf-8")
        assert check_files([tmp_path / f"{index}.toml"]).problems == []
    assert check_files([tmp_path]).problems == []  # all of them together too


def test_both_languages_have_the_same_examples() -> None:
    assert [*map(tomllib.loads, examples("en"))] == [*map(tomllib.loads, examples("ja"))]


@pytest.mark.parametrize("language", READMES)
def test_every_key_is_explained(language: str) -> None:
    text = text_of(language)
    for keys in MEANINGS.values():
        for key, meaning in keys.items():
            told = getattr(meaning, language).replace("\\", "\\\\").replace("|", "\\|")
            assert f"| `{key}` | {told} |\n" in text


@pytest.mark.parametrize("language", READMES)
def test_every_choice_is_named(language: str) -> None:
    text = text_of(language)
    for choices in (Buffer, Category, Fold, Severity):
        assert [choice for choice in choices if f"`{choice}`" not in text] == []


@pytest.mark.parametrize("language", READMES)
def test_bounds_are_those_of_the_loader(language: str) -> None:
    at_most = [
        f"{limits.MAX_KEYWORD_CHARACTERS}, {limits.MAX_OCTETS}",
        f"{limits.MAX_OCTETS}",
        f"{limits.MAX_TEXTS:,}",
        f"{limits.MAX_REGEXES}, {limits.MAX_REGEX:,}",
        f"{limits.MAX_CLAUSES}",
        f"{limits.MAX_NETWORKS}",
        f"{limits.MAX_SAMPLES}, {limits.MAX_SAMPLES}, {limits.MAX_SAMPLE:,}",
        f"{MAX_FILE:,}",
    ]
    assert limits.MAX_PORTS == limits.MAX_NETWORKS
    section = re.split(r"^## (?:Bounds|上限)$", text_of(language), flags=re.MULTILINE)[1]
    assert re.findall(r"^\| .* \| (.*) \|$", section, re.MULTILINE)[2:] == at_most
