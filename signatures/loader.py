"""Signature files (TOML 1.0): read, checked, made into one set.

Every mistake is a :class:`Problem` with file, line and reason; nothing else escapes, whatever the file
holds.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor.errors import SignatureError
from sensor.toml import Problem
from signatures.document import Documents
from signatures.model import SignatureSet

BUILTIN = Path(__file__).parent / "builtin"
"""The shipped sets, installed beside this module."""
MAX_FILE = 16 * 1024 * 1024
"""Octets of a signature file: some 100,000 signatures, and a stop to naming a capture by mistake."""
_SHOWN = 10
"""Problems that an error lists; ``signatures check`` lists them all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check_files` found."""

    problems: list[Problem]
    count: int
    """Signatures of the files that were named; 0 if there are problems."""
    loaded: SignatureSet = field(default_factory=SignatureSet, compare=False)
    """What `load_signatures` makes of the same files; empty if there are problems."""


def load_signatures(paths: Sequence[Path], builtin: bool = True) -> SignatureSet:
    """Read signature files, and the shipped sets before them.

    :param paths: files, or directories whose ``*.toml`` files are read in order of name, but for hidden ones,
        which editors leave there.
    :param builtin: whether to read the shipped sets.
    :raises SignatureError: if anything is wrong with any of them; one line for each of the first
        problems.
    """
    documents, _counts = _load(paths, builtin)
    loaded = documents.complete()
    if problems := documents.problems:
        lines = [str(problem) for problem in problems[:_SHOWN]]
        if more := len(problems) - len(lines):
            lines.append(f"and {more} more; run: watchdog-sensor signatures check")
        raise SignatureError("\n".join(lines))
    return loaded


def check_files(paths: Sequence[Path], builtin: bool = True) -> Checked:
    """Every problem of the files, in order; sids that the shipped sets use count as taken.

    :param paths: as :func:`load_signatures` takes them. Each is read once: it may be a pipe.
    """
    documents, counts = _load(paths, builtin)
    loaded = documents.complete()
    if documents.problems:
        return Checked(documents.problems, 0)
    named = {_identity(file) for path in paths for file in _files(path, Documents())}
    return Checked([], sum(counts[file] for file in named), loaded)


def _load(paths: Sequence[Path], builtin: bool) -> tuple[Documents, dict[str, int]]:
    """What the files hold, and how many sound signatures each has that was read."""
    documents = Documents()
    counts: dict[str, int] = {}
    for path in [BUILTIN, *paths] if builtin else paths:
        for file in _files(path, documents):
            _load_file(file, documents, counts)
    return documents, counts


def _files(path: Path, documents: Documents) -> Iterator[Path]:
    try:
        if not path.is_dir():
            yield path
            return
        # A link may be put to another folder, a newer bundle's, meanwhile: all files are of one of them.
        folder = path.resolve() if path.is_symlink() else path
        files = sorted(entry for entry in folder.glob("[!.]*.toml"))
    except (OSError, ValueError) as error:
        documents.refuse(str(path), _os_reason(error))
        return
    if not files:
        documents.refuse(str(path), "no *.toml files in this directory")
    for file in files:
        # Whoever names a pipe writes to it; nobody may ever write to one that lies about.
        if os.path.exists(file) and not os.path.isfile(file):  # noqa: PTH110, PTH113  # those of Path may raise
            documents.refuse(str(file), "can't be read: is no file")
        else:
            yield file


def _identity(file: Path) -> str:
    # Path.resolve() has its own errors for links in a circle, by the version of Python; opening them tells.
    return os.path.realpath(file)


def _os_reason(error: Exception) -> str:
    return f"can't be read: {getattr(error, 'strerror', None) or error}"


def _load_file(file: Path, documents: Documents, counts: dict[str, int]) -> None:
    name = str(file)
    try:
        # A shipped file that is checked by name, or a file named twice, is read once.
        identity = _identity(file)
        if identity in counts:
            return
        counts[identity] = 0
        with file.open("rb") as stream:
            octets = stream.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        documents.refuse(name, _os_reason(error))
        return
    if len(octets) > MAX_FILE:
        documents.refuse(name, f"is larger than {MAX_FILE} octets")
        return
    before = len(documents.signatures)
    documents.add(octets, name, builtin=Path(identity).parent == Path(_identity(BUILTIN)))
    counts[identity] = len(documents.signatures) - before
