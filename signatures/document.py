"""What a signature file says: its ``[set]``, its signatures and its overrides, put beside those before it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from typing import Any, Final

from sensor.toml import Problem, TomlError, parse_toml
from signatures.limits import MAX_SID
from signatures.model import Owner, SetInfo, Signature, SignatureSet
from signatures.overrides import Override, apply_overrides, read_override
from signatures.positions import Position, Positions, find_headers, find_positions
from signatures.validate import validate_signature
from signatures.values import Fields, Report

TOP_KEYS: Final = ("signature", "set", "override")
SET_KEYS: Final = ("name", "version", "license", "scope", "last_sid")


class SetScope(StrEnum):
    """Whose a file may say that it is."""

    OPERATOR = "operator"
    SUBSCRIBER = "subscriber"


@dataclass(slots=True)
class Documents:
    """Files that were read, one after the other; overrides wait until all are."""

    signatures: list[Signature] = field(default_factory=list)
    """The sound ones, as their files state them, sids unique."""
    problems: list[Problem] = field(default_factory=list)
    """Mistakes so far, file after file."""
    _files: list[SetInfo] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)
    """Of every name, in which problems are told."""
    _overrides: list[Override] = field(default_factory=list)
    _sids: dict[int, str] = field(default_factory=dict)
    """Where each sound signature is."""
    _stated: set[int] = field(default_factory=set)
    """Sids of all tables, sound or not."""

    def add(self, octets: bytes, name: str, builtin: bool = False) -> None:
        """Read one file's octets.

        :param name: what to call the file in problems and in ``Signature.source``.
        :param builtin: whether it ships with the sensor.
        """
        self._order.setdefault(name, len(self._order))
        try:
            text, document = parse_toml(octets)
        except TomlError as error:
            self.refuse(name, error.reason, error.line)
            return
        before = len(self.problems)
        self._read(document, text, name, builtin)
        self.problems[before:] = sorted(self.problems[before:], key=lambda problem: problem.line)

    def refuse(self, name: str, reason: str, line: int = 0) -> None:
        """Note why a file is not read; ``line`` is 0 where it is the file's as a whole."""
        self._order.setdefault(name, len(self._order))
        self.problems.append(Problem(name, line, reason))

    def complete(self) -> SignatureSet:
        """Everything that was read, overrides applied; of use only if there are no problems then."""
        used, disabled = apply_overrides(self.signatures, self._overrides, frozenset(self._stated))
        self.problems.sort(key=lambda problem: (self._order[problem.file], problem.line))
        return SignatureSet(tuple(used), tuple(self._files), tuple(disabled))

    def _read(self, document: dict[str, Any], text: str, name: str, builtin: bool) -> None:
        positions = cache(partial(find_positions, text))  # whoever makes no mistake need not wait for it
        top = Fields(document, self._reporter(name, lambda: positions().top))
        top.only(TOP_KEYS)
        info = _set_info(top.table("set"), name, builtin)
        self._files.append(info)
        tables: dict[str, list[dict[str, Any]]] = {}
        for key in ("signature", "override"):
            entries = document.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                top.wrong(key, f"{key} must be written as [[{key}]] tables")
                entries = []
            tables[key] = entries
        # A subscriber may have removed the last word.
        if "set" not in document and not document.get("signature") and not document.get("override"):
            self.refuse(name, "holds no [[signature]]")
        lines = find_headers(text, "signature", len(tables["signature"]))
        for index, table in enumerate(tables["signature"]):
            place = partial(_signature_place, positions, index)
            line = lines[index] if lines else place().line
            self._add_signature(table, f"{name}:{line}", self._reporter(name, place), info.owner)
        for index, table in enumerate(tables["override"]):
            at = positions().override(index)
            report = self._reporter(name, partial(positions().override, index))
            before = len(self.problems)
            override = read_override(Fields(table, report), info.owner, f"{name}:{at.line}", report)
            if len(self.problems) == before:
                self._overrides.append(override)

    def _add_signature(self, table: dict[str, Any], source: str, report: Report, owner: Owner) -> None:
        before = len(self.problems)
        signature = validate_signature(table, source, report, owner)
        self._stated.add(signature.sid)
        if len(self.problems) > before:
            return
        if signature.sid in self._sids:
            report("sid", f"sid {signature.sid} is already used at {self._sids[signature.sid]}")
            return
        self._sids[signature.sid] = source
        self.signatures.append(signature)

    def _reporter(self, name: str, place: Callable[[], Position]) -> Report:
        def report(path: str, reason: str) -> None:
            self.problems.append(Problem(name, place().of(path), reason))

        return report


def _signature_place(positions: Callable[[], Positions], index: int) -> Position:
    return positions().signature(index)


def _set_info(fields: Fields | None, name: str, builtin: bool) -> SetInfo:
    owner = Owner.BUILTIN if builtin else Owner.OPERATOR
    if fields is None:
        return SetInfo(name, owner=owner)
    fields.only(SET_KEYS)
    # Of what a subscriber's words were given, so that none is given again; it is no business of ours.
    fields.integer("last_sid", 0, 0, MAX_SID)
    scope = fields.choice("scope", SetScope, SetScope.OPERATOR)
    if scope is SetScope.SUBSCRIBER and not builtin:
        owner = Owner.SUBSCRIBER
    texts = {
        key: fields.line(key) if fields.value(key) != "" else "" for key in ("name", "version", "license")
    }
    return SetInfo(name, texts["name"], texts["version"], texts["license"], owner)
