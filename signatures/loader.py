"""Signature files (TOML 1.0): read, checked, made into one set.

Every mistake is a :class:`Problem` with file, line and reason; nothing else escapes, whatever the file
holds.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor.errors import SignatureError
from sensor.toml import Problem, TomlError, parse_toml
from signatures.model import Owner, SetInfo, Signature, SignatureSet
from signatures.positions import Position, Positions, find_positions
from signatures.validate import Report, report_unknown, validate_signature

BUILTIN = Path(__file__).parent / "builtin"
"""The shipped sets, installed beside this module."""
MAX_FILE = 16 * 1024 * 1024
"""Octets of a signature file: some 100,000 signatures, and a stop to naming a capture by mistake."""
_SHOWN = 10
"""Problems that an error lists; ``signatures check`` lists them all."""


@dataclass(slots=True)
class _Loading:
    """What has been read so far."""

    signatures: list[Signature] = field(default_factory=list)
    files: list[SetInfo] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sids: dict[int, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """How many sound signatures each file held that was read."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check_files` found."""

    problems: list[Problem]
    count: int
    """Signatures of the files that were named; 0 if there are problems."""


def load_signatures(paths: Sequence[Path], builtin: bool = True) -> SignatureSet:
    """Read signature files, and the shipped sets before them.

    :param paths: files, or directories whose ``*.toml`` files are read in order of name.
    :param builtin: whether to read the shipped sets.
    :raises SignatureError: if anything is wrong with any of them; one line for each of the first
        problems.
    """
    loading = _load(paths, builtin)
    if loading.problems:
        lines = [str(problem) for problem in loading.problems[:_SHOWN]]
        if more := len(loading.problems) - len(lines):
            lines.append(f"and {more} more; run: watchdog-sensor signatures check")
        raise SignatureError("\n".join(lines))
    return SignatureSet(tuple(loading.signatures), tuple(loading.files))


def check_files(paths: Sequence[Path], builtin: bool = True) -> Checked:
    """Every problem of the files, in order; sids that the shipped sets use count as taken.

    :param paths: as :func:`load_signatures` takes them. Each is read once: it may be a pipe.
    """
    loading = _load(paths, builtin)
    if loading.problems:
        return Checked(loading.problems, 0)
    named = {_identity(file) for path in paths for file in _files(path, [])}
    return Checked([], sum(loading.counts[file] for file in named))


def _load(paths: Sequence[Path], builtin: bool) -> _Loading:
    loading = _Loading()
    for path in [BUILTIN, *paths] if builtin else paths:
        for file in _files(path, loading.problems):
            _load_file(file, loading)
    return loading


def _files(path: Path, problems: list[Problem]) -> Iterator[Path]:
    try:
        if not path.is_dir():
            yield path
            return
        files = sorted(entry for entry in path.iterdir() if entry.suffix == ".toml")
    except (OSError, ValueError) as error:
        problems.append(Problem(str(path), 0, _os_reason(error)))
        return
    if not files:
        problems.append(Problem(str(path), 0, "no *.toml files in this directory"))
    yield from files


def _identity(file: Path) -> str:
    # Path.resolve() has its own errors for links in a circle, by the version of Python; opening them tells.
    return os.path.realpath(file)


def _os_reason(error: Exception) -> str:
    return f"can't be read: {getattr(error, 'strerror', None) or error}"


def _load_file(file: Path, loading: _Loading) -> None:
    name = str(file)
    try:
        # A shipped file that is checked by name, or a file named twice, is read once.
        identity = _identity(file)
        if identity in loading.counts:
            return
        loading.counts[identity] = 0
        with file.open("rb") as stream:
            octets = stream.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        loading.problems.append(Problem(name, 0, _os_reason(error)))
        return
    before = len(loading.signatures)
    loading.problems += read_text(octets, name, loading.signatures, loading.files, loading.sids)
    loading.counts[identity] = len(loading.signatures) - before


def read_text(
    octets: bytes, name: str, signatures: list[Signature], files: list[SetInfo], sids: dict[int, str]
) -> list[Problem]:
    """Read one file's octets; append what is sound to the lists, and answer what is not.

    :param name: what to call the file in problems and in ``Signature.source``.
    :param sids: where each sid so far comes from (``file:line``); added to.
    """
    if len(octets) > MAX_FILE:
        return [Problem(name, 0, f"is larger than {MAX_FILE} octets")]
    try:
        text, document = parse_toml(octets)
    except TomlError as error:
        return [Problem(name, error.line, error.reason)]
    return _read_document(document, find_positions(text), name, signatures, files, sids)


def _read_document(
    document: dict[str, object],
    positions: Positions,
    name: str,
    signatures: list[Signature],
    files: list[SetInfo],
    sids: dict[int, str],
) -> list[Problem]:
    problems: list[Problem] = []

    def reporter(place: Position) -> Report:
        def report(key: str, reason: str) -> None:
            problems.append(Problem(name, place.of(key.partition(".")[0]), reason))

        return report

    top = reporter(positions.top)
    report_unknown(document, ("signature", "set"), top)
    files.append(_set_info(document.get("set", {}), name, top))
    tables = document.get("signature", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        top("signature", "signature must be written as [[signature]] tables")
        return problems
    if not tables and "set" not in document:  # a subscriber may have removed the last word
        problems.append(Problem(name, 0, "holds no [[signature]]"))
    for index, table in enumerate(tables):
        place = positions.signature(index)
        report = reporter(place)
        source = f"{name}:{place.line}"
        faults = len(problems)
        signature = validate_signature(table, source, report)
        if len(problems) > faults:
            continue
        if signature.sid in sids:
            report("sid", f"sid {signature.sid} is already used at {sids[signature.sid]}")
            continue
        sids[signature.sid] = source
        signatures.append(signature)
    return sorted(problems, key=lambda problem: problem.line)


def _set_info(table: object, name: str, report: Report) -> SetInfo:
    if not isinstance(table, dict):
        report("set", "set must be a table")
        return SetInfo(name)
    keys = ("name", "version", "license")
    report_unknown(table, (*keys, "scope", "last_sid"), report)  # last_sid: of signatures.words alone
    texts = {key: table[key] for key in keys if key in table}
    for key, value in texts.items():
        if not isinstance(value, str):
            report(key, f"{key} must be a string")
    name_, version, license_ = (str(texts.get(key, "")) for key in keys)
    owner = Owner.OPERATOR
    if table.get("scope", owner) not in (Owner.OPERATOR, Owner.SUBSCRIBER):
        report("scope", "scope must be operator or subscriber")
    elif "scope" in table:
        owner = Owner(table["scope"])
    return SetInfo(name, name_, version, license_, owner)
