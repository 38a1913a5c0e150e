"""A configuration file read and checked: every mistake with its line, not just the first."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sensor import places
from sensor.configuration import model
from sensor.configuration.keys import TABLES
from sensor.configuration.model import LEAST_WORKER_MEMORY, PARENT_MEMORY, Configuration
from sensor.configuration.values import UnusableError, size_text
from sensor.errors import ConfigError
from sensor.toml import Problem, TomlError, find_names, nearest, parse_toml, type_name

MAX_FILE: Final = 1 << 20
"""Octets of a configuration file: a stop to naming a capture by mistake."""
_MODELS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "capture": model.Capture,
        "signatures": model.Signatures,
        "store": model.Store,
        "eve": model.Eve,
        "metrics": model.Metrics,
        "control": model.Control,
        "limits": model.Limits,
        "log": model.Log,
    }
)
_Report = Callable[[str, str], None]
"""Takes the dotted key and what is wrong."""


def default_configuration() -> Configuration:
    """Everything as it is where nothing is said."""
    return _read_tables({}, Path.cwd(), lambda *_: None)


def load_configuration(path: Path | None = None) -> Configuration:
    """Read ``path``, or the file in the usual place; all defaults where there is none.

    :raises ConfigError: one line for each mistake, ``FILE:LINE: reason``.
    """
    path = path or places.configuration_file()
    if path is None:
        return default_configuration()
    configuration, problems = check_configuration(path)
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    return configuration


def check_configuration(path: Path) -> tuple[Configuration, list[Problem]]:
    """What ``path`` says, with defaults in place of mistakes; and the mistakes, by line."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            octets = stream.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return default_configuration(), [Problem(name, 0, f"can't be read: {reason}")]
    if len(octets) > MAX_FILE:
        return default_configuration(), [Problem(name, 0, f"is larger than {MAX_FILE} octets")]
    try:
        text, document = parse_toml(octets)
    except TomlError as error:
        return default_configuration(), [Problem(name, error.line, error.reason)]
    lines = _find_lines(text)
    problems: list[Problem] = []

    def report(key: str, reason: str) -> None:
        line = lines.get(key) or lines.get(key.partition(".")[0], 0)
        problems.append(Problem(name, line, reason))

    configuration = _read_tables(document, Path(os.path.abspath(path)).parent, report)  # noqa: PTH100  # links stay
    if not problems:
        _check_whole(configuration, report)
    known = {f"{table}.{key}" for table, keys in TABLES.items() for key in keys}
    configuration = replace(
        configuration,
        path=path,
        lines=MappingProxyType({key: line for key, line in lines.items() if key in known}),
    )
    return configuration, sorted(problems, key=lambda problem: problem.line)


def override(configuration: Configuration, given: Mapping[str, object]) -> Configuration:
    """`Configuration.overridden`."""
    problems: list[str] = []
    tables: dict[str, Any] = {}
    options = set(configuration.options)
    for dotted, value in given.items():
        if value is None:
            continue
        table, _, name = dotted.partition(".")
        key = TABLES[table][name]
        options.add(dotted)
        try:
            found = key.read(value, Path.cwd())
        except UnusableError as error:
            problems.append(f"{key.option or dotted} {error}")
            continue
        tables[table] = replace(tables.get(table, getattr(configuration, table)), **{name: found})
    changed = replace(configuration, **tables, options=frozenset(options))
    if not problems:
        _check_whole(changed, lambda _key, reason: problems.append(reason))
    if problems:
        raise ConfigError("\n".join(problems))
    return changed


def _find_lines(text: str) -> dict[str, int]:
    """Line of each table and key, by dotted name."""
    lines: dict[str, int] = {}
    header: tuple[str, ...] = ()
    for name in find_names(text):
        if name.kind == "key":
            path = (*header, *name.path)
        else:
            path = header = name.path
        for end in range(1, len(path) + 1):
            lines.setdefault(".".join(path[:end]), name.line)
    return lines


def _read_tables(document: Mapping[str, Any], folder: Path, report: _Report) -> Configuration:
    for name, value in document.items():
        if name not in TABLES:
            what = "table" if isinstance(value, dict) else "key"
            report(name, f"unknown {what} {name[:64]!r} ({_advice(name, TABLES)})")
    tables = {}
    for name, keys in TABLES.items():
        table = document.get(name, {})
        if not isinstance(table, dict):
            report(name, f"{name} must be a table, [{name}], not {type_name(table)}")
            table = {}
        for unknown in (name for name in table if name not in keys):
            advice = _advice(unknown, keys)
            report(f"{name}.{unknown}", f"unknown key {unknown[:64]!r} in [{name}] ({advice})")
        found = {}
        for key in keys.values():
            try:
                found[key.name] = key.read(table.get(key.name, key.default), folder)
            except UnusableError as error:
                report(f"{name}.{key.name}", f"{key.name} {error}")
                found[key.name] = key.read(key.default, folder)
        tables[name] = _MODELS[name](**found)
    return Configuration(**tables)


def _advice(name: str, known: Mapping[str, object]) -> str:
    """What an unknown name may have been meant to be, and where it may belong."""
    for table, keys in TABLES.items():
        if name in keys:
            return f"it belongs in [{table}]"
    return nearest(name, known)


def _check_whole(configuration: Configuration, report: _Report) -> None:
    """What no value alone can tell."""
    count = configuration.worker_count
    if configuration.worker_memory < LEAST_WORKER_MEMORY:
        needed = size_text(PARENT_MEMORY + count * LEAST_WORKER_MEMORY)
        report("limits.memory", f"memory is too little for {count} workers: {needed} at least")
