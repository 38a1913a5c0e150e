"""A configuration as the file that would say the same, with what each key means and where it came from."""

import json
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from sensor.configuration.keys import TABLES, Key
from sensor.configuration.model import Configuration
from sensor.configuration.values import size_text

_FROM: Final = MappingProxyType(
    {
        "en": {"default": "default", "file": "from {file}, line {line}", "option": "from the command line"},
        "ja": {"default": "既定値", "file": "{file} の {line} 行目", "option": "コマンドラインから"},
    }
)


def show_configuration(configuration: Configuration, language: str) -> str:
    """TOML of every key as it is in effect.

    :param language: ``ja`` or ``en``, of the comments.
    """
    tables = []
    for table, keys in TABLES.items():
        lines = [f"[{table}]"]
        for key in keys.values():
            dotted = f"{table}.{key.name}"
            value = _written(key, configuration.value(dotted))
            origin = _origin(configuration, dotted, language)
            lines += [f"# {key.ja if language == 'ja' else key.en}", f"{key.name} = {value}  # {origin}"]
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def example_configuration(interfaces: Sequence[str] = ()) -> str:
    """A file to begin with: every key, its default as a comment, in Japanese and English.

    :param interfaces: what it is to watch; no comment then.
    """
    parts = []
    for table, keys in TABLES.items():
        parts.append(f"[{table}]")
        for key in keys.values():
            given = key.name == "interfaces" and interfaces
            line = f"{key.name} = {_written(key, tuple(interfaces) if given else key.default)}"
            parts.append(f"# {key.ja}\n# {key.en}\n{line if given else f'# {line}'}")
    return "\n\n".join(parts) + "\n"


def _origin(configuration: Configuration, dotted: str, language: str) -> str:
    text = _FROM[language]
    if dotted in configuration.options:
        return text["option"]
    if line := configuration.lines.get(dotted):
        name = configuration.path.name if configuration.path else ""
        return text["file"].format(file=json.dumps(name, ensure_ascii=False)[1:-1], line=line)
    return text["default"]


def _written(key: Key, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if key.is_size and isinstance(value, int):
        return _quoted(size_text(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(str(entry)) for entry in value)}]"
    if value is None and isinstance(key.default, bool):
        return "false"
    return _quoted("" if value is None else str(value))


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, DEL apart.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
