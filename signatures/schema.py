"""The JSON Schema (draft 2020-12) of signature files, with which editors complete and check them.

    python -m signatures.schema

writes it anew. It is made of what the loader itself goes by, and says what a schema can say: keys, types,
choices and bounds. What contradicts itself only the loader finds.
"""

import json
from collections.abc import Collection, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from signatures import limits
from signatures.clauses import CLAUSE_KEYS, FIRST_KEYS
from signatures.conditions import SCHEDULE_KEYS, SUPPRESS_KEYS, THRESHOLD_KEYS, Protocol, Weekday
from signatures.document import SET_KEYS, TOP_KEYS, SetScope
from signatures.meanings import MEANINGS
from signatures.model import Buffer, Category, Direction, Fold, Role, Scope, Severity, ThresholdKind, Track
from signatures.overrides import OVERRIDE_KEYS
from signatures.samples import ENCODINGS, SAMPLE_KEYS, TESTS_KEYS
from signatures.validate import KEYS, REQUIRED
from signatures.values import LANGUAGES

SCHEMA: Final = Path(__file__).parent / "signature.schema.json"
_Node = dict[str, Any]


def schema() -> _Node:
    """The whole schema."""
    nodes = _nodes()

    def table(name: str, keys: Iterable[str], required: Collection[str] = ()) -> _Node:
        return _described(nodes, name, keys, required)

    tables = {
        "set": table("set", SET_KEYS),
        "signature": table("signature", [key for key in KEYS if key in nodes["signature"]], REQUIRED),
        "clause": table("clause", CLAUSE_KEYS),
        "schedule": {
            **table("schedule", SCHEDULE_KEYS),
            "anyOf": [{"required": ["weekdays"]}, {"required": ["hours"]}],
        },
        "threshold": table("threshold", THRESHOLD_KEYS, THRESHOLD_KEYS),
        "suppress": table("suppress", SUPPRESS_KEYS, SUPPRESS_KEYS),
        "tests": table("tests", TESTS_KEYS),
        "sample": {
            **table("sample", SAMPLE_KEYS),
            "oneOf": [{"required": ["text"]}, {"required": ["hex"], "not": {"required": ["encoding"]}}],
        },
        "override": {**table("override", OVERRIDE_KEYS, ("sid",)), "minProperties": 2},
    }
    top: _Node = {
        "set": {"$ref": "#/$defs/set"},
        **{key: _array({"$ref": f"#/$defs/{key}"}) for key in ("signature", "override")},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signatures of watchdog-sensor",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": [key]} for key in TOP_KEYS],
        "properties": {key: top[key] for key in TOP_KEYS},
        "$defs": tables,
    }


def _described(
    nodes: dict[str, dict[str, _Node]], name: str, keys: Iterable[str], required: Collection[str]
) -> _Node:
    node: _Node = {"type": "object", "additionalProperties": False}
    if required:
        node["required"] = list(required)
    node["properties"] = {}
    for key in keys:
        # What an override changes, and what the first clause says, are a signature's own keys.
        home = next(at for at in (name, "signature", "clause") if key in MEANINGS[at])
        meaning = MEANINGS[home][key]
        node["properties"][key] = {"description": f"{meaning.en}\n{meaning.ja}", **nodes[home][key]}
    return node


def _array(items: _Node, most: int = 0, least: int = 0, **more: Any) -> _Node:
    node = {"type": "array", "items": items, **more}
    if least:
        node["minItems"] = least
    return {**node, "maxItems": most} if most else node


def _texts(most: int, longest: int, **more: Any) -> _Node:
    return _array({"type": "string", "minLength": 1, "maxLength": longest, **more}, most, uniqueItems=True)


def _integer(least: int, most: int) -> _Node:
    return {"type": "integer", "minimum": least, "maximum": most}


def _choice(choices: Iterable[StrEnum]) -> _Node:
    return {"enum": [choice.value for choice in choices]}


def _choices(choices: Iterable[StrEnum], least: int = 0) -> _Node:
    return _array(_choice(choices), least=least, uniqueItems=True)


def _table_of(name: str) -> _Node:
    return {"$ref": f"#/$defs/{name}"}


def _nodes() -> dict[str, dict[str, _Node]]:
    """What each key of each table holds."""
    boolean: _Node = {"type": "boolean"}
    line: _Node = {"type": "string", "pattern": r"\S", "maxLength": limits.MAX_TEXT}
    translations = {
        "anyOf": [
            line,
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": dict.fromkeys(LANGUAGES, line),
            },
        ]
    }
    port: _Node = {"anyOf": [_integer(0, 65535), {"type": "string", "pattern": "^[0-9]{1,5}-[0-9]{1,5}$"}]}
    ports = {"anyOf": [*port["anyOf"], _array(port, limits.MAX_PORTS, least=1)]}
    network = r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$"
    networks = _array(
        {"type": "string", "pattern": f"^!?{network}"}, limits.MAX_NETWORKS, least=1, uniqueItems=True
    )
    flags = _texts(limits.MAX_FLAGS, limits.MAX_FLAG, pattern="^[A-Za-z0-9_.-]+$")
    samples = _array({"anyOf": [{"type": "string", "minLength": 1}, _table_of("sample")]}, limits.MAX_SAMPLES)
    string = {"type": "string"}
    clause: dict[str, _Node] = {
        "buffers": _choices(Buffer, least=1),
        "keywords": _texts(limits.MAX_TEXTS, limits.MAX_KEYWORD_CHARACTERS),
        "contents": _texts(limits.MAX_TEXTS, 5 * limits.MAX_OCTETS),  # |00| for each octet, with spaces
        "regexes": _texts(limits.MAX_REGEXES, limits.MAX_REGEX),
        "domains": _texts(limits.MAX_TEXTS, 253, pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)+$"),
        "fold": _choices(Fold),
        "case_sensitive": boolean,
        "offset": _integer(0, limits.MAX_POSITION),
        "depth": _integer(0, limits.MAX_POSITION),
        "at_start": boolean,
        "at_end": boolean,
        "distance": _integer(-limits.MAX_DISTANCE, limits.MAX_DISTANCE),
        "within": _integer(1, limits.MAX_DISTANCE),
    }
    return {
        "set": {
            "name": string,
            "version": string,
            "license": string,
            "scope": _choice(SetScope),
            "last_sid": _integer(0, limits.MAX_SID),
        },
        "clause": clause,
        "signature": {
            **{key: clause[key] for key in FIRST_KEYS},
            "sid": _integer(1, limits.MAX_SID),
            "rev": _integer(1, limits.MAX_SID),
            "name": translations,
            "description": translations,
            "category": _choice(Category),
            "severity": _choice(Severity),
            "direction": _choice(Direction),
            "src_ports": ports,
            "dst_ports": ports,
            "src_networks": networks,
            "dst_networks": networks,
            "protocols": _choices(Protocol, least=1),
            "ordered": boolean,
            "scope": _choice(Scope),
            **{role.value: _array(_table_of("clause"), limits.MAX_CLAUSES) for role in Role},
            "schedule": _table_of("schedule"),
            "threshold": _table_of("threshold"),
            "suppress": _array(_table_of("suppress"), limits.MAX_SUPPRESSIONS),
            "sets": flags,
            "needs": flags,
            "needs_not": flags,
            "silent": boolean,
            "tests": _table_of("tests"),
            "subscriber_may_disable": boolean,
            "references": _array(line, limits.MAX_REFERENCES, uniqueItems=True),
        },
        "schedule": {
            "weekdays": _choices(Weekday, least=1),
            "hours": _array(
                {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"},
                limits.MAX_HOURS,
                least=1,
                uniqueItems=True,
            ),
            "utc_offset": {"type": "string", "pattern": "^[+-][01][0-9]:[0-5][0-9]$"},
        },
        "threshold": {
            "type": _choice(ThresholdKind),
            "track": _choice(Track),
            "count": _integer(1, limits.MAX_COUNT),
            "seconds": _integer(1, limits.MAX_SECONDS),
        },
        "suppress": {
            "track": _choice([track for track in Track if track is not Track.BY_RULE]),
            "networks": _array({"type": "string", "pattern": f"^{network}"}, limits.MAX_NETWORKS, least=1),
        },
        "tests": dict.fromkeys(TESTS_KEYS, samples),
        "sample": {
            "text": {"type": "string", "minLength": 1},
            "hex": {"type": "string", "pattern": r"^\s*([0-9A-Fa-f]\s*[0-9A-Fa-f]\s*)+$"},
            "encoding": {"enum": list(ENCODINGS)},
            "buffer": _choice(Buffer),
        },
        "override": {"sid": _integer(1, limits.MAX_SID), "enabled": boolean},
    }


def text() -> str:
    """The file's."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write the file anew."""
    SCHEMA.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
