"""Indicators of STIX 2.1 bundles and MISP events made into signatures: names, URLs, User-Agents.

A domain stands for the names below it as well, as in MISP's own export to Suricata. Of a URL the host and
the whole target must be the same; those of https are not taken: the sensor would see the name alone.
"""

import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from signatures.importing.octets import literal
from signatures.importing.result import Imported, Refusal, RefusedError, refuse
from signatures.importing.stix_pattern import parse_pattern
from signatures.importing.validity import check_valid
from signatures.importing.words import ListOptions, make_signature
from signatures.model import NAME_BUFFERS, Buffer, Clause, Signature

_USER_AGENT = re.compile(
    r"network-traffic:extensions\.'http-request-ext'\.request_header\.'User-Agent'", re.IGNORECASE
)
_REQUEST_VALUE = "network-traffic:extensions.'http-request-ext'.request_value"
_MISP_TYPES = frozenset({"domain", "hostname", "url", "user-agent"})
_MAX_NAME = 128
"""Characters."""
_CHANGED = re.compile(r"%|\\|//|/\.|[^!-~]")
"""In a target: what is normalised before signatures look at it, or sent in another form."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """What one indicator looks for."""

    number: int
    """Of the object or attribute in its file, from 1."""
    kind: str
    """``domain``, ``url``, ``user-agent``, ``target``, or, to be refused, what it is in its file."""
    value: str
    reference: str
    name: str = ""
    """What people call it; empty if it has no name."""
    like: bool = False
    """Whether ``%`` and ``_`` in the value stand for any characters, and for one."""
    fault: str = ""
    """Why it can't be taken."""


def is_stix(document: object) -> bool:
    """Whether it is a bundle of STIX."""
    return isinstance(document, dict) and document.get("type") == "bundle"


def import_indicators(text: str, name: str, options: ListOptions, now: datetime) -> Imported:
    """A signature for each comparison of each indicator in a STIX bundle or a MISP event.

    :param now: an indicator of STIX says from when until when it is valid.
    :raises RefusedError: if ``text`` is neither.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError("(json)", f"is not JSON: {error}") from error
    found = _of_bundle(document, now) if is_stix(document) else _of_events(document)
    signatures: list[Signature] = []
    refusals: list[Refusal] = []
    seen: set[tuple[str, str, bool]] = set()
    passed_over = 0
    for indicator in found:
        if indicator is None:
            passed_over += 1
            continue
        try:
            key = (indicator.kind, indicator.value, indicator.like)
            if key in seen:
                refuse("(indicator)", "is there already")
            signature = make_signature(
                options,
                len(signatures),
                indicator.kind,
                _clauses(indicator),
                f"{name}:{indicator.number}",
                indicator.reference,
                indicator.name,
            )
        except RefusedError as error:
            refusals.append(Refusal(indicator.number, 0, error.option, error.reason))
            continue
        seen.add(key)
        signatures.append(signature)
    kind, unit = ("STIX 2.1", "object") if is_stix(document) else ("MISP", "attribute")
    return Imported(
        tuple(signatures),
        (1,) * len(signatures),
        tuple(refusals),
        passed_over,
        f"indicators ({kind})",
        unit=unit,
    )


def _of_bundle(document: Any, now: datetime) -> Iterator[Indicator | None]:
    objects = document.get("objects")
    if not isinstance(objects, list):
        raise RefusedError("(json)", "is a STIX bundle without objects")
    for number, entry in enumerate(objects, 1):
        if not isinstance(entry, dict) or entry.get("type") != "indicator" or entry.get("revoked") is True:
            yield None
            continue
        reference = f"stix:{_line(entry.get('id'))}"
        pattern = entry.get("pattern")
        if entry.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
            kind = f"pattern_type {_line(entry.get('pattern_type'))}"
            yield Indicator(number, kind, "", reference, fault="is no pattern of STIX")
            continue
        try:
            check_valid(entry, now)
            comparisons = parse_pattern(pattern)
        except RefusedError as error:
            yield Indicator(number, error.option, "", reference, fault=error.reason)
            continue
        for each in comparisons:
            like = each.operator == "LIKE"
            yield Indicator(
                number, _kind_of(each.path), each.value, reference, _title(entry.get("name")), like
            )


def _kind_of(path: str) -> str:
    if path in ("domain-name:value", "url:value"):
        return "domain" if path.startswith("domain") else "url"
    if path == _REQUEST_VALUE:
        return "target"
    return "user-agent" if _USER_AGENT.fullmatch(path) else path[:64]


def _of_events(document: Any) -> Iterator[Indicator | None]:
    entries = document.get("response", [document]) if isinstance(document, dict) else document
    entries = [entry.get("Event") for entry in _tables(entries)]
    if not entries or not all(isinstance(event, dict) for event in entries):
        raise RefusedError("(json)", "is neither a STIX bundle nor a MISP event")
    events: list[dict[str, Any]] = entries
    number = 0
    for event in events:
        for attribute in _attributes(event):
            number += 1
            kind, value = attribute.get("type"), attribute.get("value")
            if attribute.get("to_ids") is not True or attribute.get("deleted") is True:
                yield None
            elif kind in _MISP_TYPES and isinstance(value, str):
                kind = "domain" if kind == "hostname" else str(kind)
                yield Indicator(number, kind, value, f"misp:{_line(attribute.get('uuid'))}")
            else:
                yield Indicator(number, f"type {_line(kind)}", "", "", fault="is nothing that is looked for")


def _attributes(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (event, *_tables(event.get("Object"))):
        yield from _tables(holder.get("Attribute"))


def _tables(value: object) -> list[dict[str, Any]]:
    """The tables in an array; none if it is no array."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _title(value: object) -> str:
    """A name for one line of a log or a table; empty if ``value`` holds none."""
    if not isinstance(value, str):
        return ""
    plain = "".join(each if each.isprintable() else " " for each in value[: 8 * _MAX_NAME])
    text = " ".join(plain.split())
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"


def _line(value: object) -> str:
    return re.sub(r"[^ -~]", "?", str(value))[:80]


def _clauses(indicator: Indicator) -> tuple[Clause, ...]:
    value = indicator.value
    if indicator.fault:
        raise RefusedError(indicator.kind, indicator.fault)
    if indicator.kind == "user-agent":
        return (_text(Buffer.HTTP_USER_AGENT, value, indicator.like),)
    if indicator.kind == "target":
        _check_target(value)
        return (_text(Buffer.HTTP_URI, value, indicator.like),)
    if indicator.like:
        raise RefusedError("LIKE", f"of a {indicator.kind}")
    if indicator.kind == "domain":
        buffers = tuple(sorted(NAME_BUFFERS, key=list(Buffer).index))
        return (Clause(buffers, domains=(value.strip().lower().rstrip("."),)),)
    if indicator.kind == "url":
        return _url(value.strip())
    raise RefusedError(indicator.kind, "is nothing that is looked for")


def _url(value: str) -> tuple[Clause, ...]:
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise RefusedError("url", f"can't be read: {error}") from error
    if url.scheme != "http":
        raise RefusedError(f"url {_line(url.scheme)}", "only the target of http can be seen")
    if not host or url.username is not None:
        raise RefusedError("url", "has no host, or a user")
    try:
        host = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        if not re.fullmatch(r"[a-z0-9._-]+", host):
            raise RefusedError("url", "has a host that is no name in ASCII") from None
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    _check_target(target)
    at_port = r"(?::80)?" if port in (None, 80) else f":{port}"
    name = rf"\A{literal(host.rstrip('.').encode(), False)}\.?{at_port}\z"
    return (
        Clause((Buffer.HTTP_HOST,), regexes=(name,)),
        Clause(
            (Buffer.HTTP_URI,), contents=(target.encode(),), case_sensitive=True, at_start=True, at_end=True
        ),
    )


def _check_target(target: str) -> None:
    if _CHANGED.search(target):
        raise RefusedError("url", "is written otherwise when it is normalised")


def _text(buffer: Buffer, value: str, like: bool) -> Clause:
    if not like:
        return Clause((buffer,), contents=(value.encode(),), case_sensitive=True, at_start=True, at_end=True)
    parts = [
        "[\\x00-\\xff]*" if each == "%" else "." if each == "_" else literal(each.encode(), False)
        for each in re.split(r"([%_])", value)
    ]
    return Clause((buffer,), regexes=(rf"\A{''.join(parts)}\z",), case_sensitive=True)
