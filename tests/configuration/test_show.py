"""A configuration as text: it says the same when it is read again."""

import dataclasses
from pathlib import Path

import pytest

from sensor.configuration import (
    Configuration,
    check_configuration,
    default_configuration,
    example_configuration,
    load_configuration,
    show_configuration,
)
from sensor.configuration.keys import TABLES
from tests.configuration.test_read import FULL, written


def said(configuration: Configuration) -> dict[str, object]:
    return {table: getattr(configuration, table) for table in TABLES}


def test_every_key_of_the_model_is_a_key_of_the_file() -> None:
    model = {field.name: field.type for field in dataclasses.fields(Configuration)}
    assert list(model)[: len(TABLES)] == list(TABLES)
    for table, keys in TABLES.items():
        value = getattr(default_configuration(), table)
        assert [field.name for field in dataclasses.fields(value)] == list(keys)
        assert all(key.en.endswith(".") and key.ja.endswith("。") for key in keys.values())


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        FULL,
        "[signatures]\nsubscriber = false\n",
        '[eve]\npath = "a\\u007f\\"\\\\é遠"\n'.replace("\\u007f", "#"),
    ],
)
def test_shown_and_read_again(tmp_path: Path, text: str, language: str) -> None:
    configuration = load_configuration(written(tmp_path, text))
    shown = show_configuration(configuration, language)
    (tmp_path / "again").mkdir()
    again, problems = check_configuration(written(tmp_path / "again", shown))
    assert not problems
    assert said(again) == said(configuration)


def test_it_is_told_where_a_value_came_from(tmp_path: Path) -> None:
    configuration = load_configuration(written(tmp_path, "[capture]\nworkers = 2\nring = '8MiB'\n"))
    shown = show_configuration(configuration.overridden({"capture.ring": "4MiB"}), "en").splitlines()
    assert "workers = 2  # from config.toml, line 2" in shown
    assert 'ring = "4MiB"  # from the command line' in shown
    assert "promiscuous = true  # default" in shown
    japanese = show_configuration(configuration, "ja").splitlines()
    assert "workers = 2  # config.toml の 2 行目" in japanese


def test_example_says_nothing_and_has_every_key(tmp_path: Path) -> None:
    example = example_configuration()
    configuration, problems = check_configuration(written(tmp_path, example))
    assert not problems
    assert said(configuration) == said(default_configuration())
    assert not configuration.lines
    # With its comments taken away it says all defaults.
    keys = {f"{table}.{key}" for table, names in TABLES.items() for key in names}
    text = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and line[2].islower() else line
        for line in example.splitlines()
    )
    again, problems = check_configuration(written(tmp_path, text))
    assert not problems
    assert set(again.lines) == keys
    assert said(again) == said(default_configuration())
