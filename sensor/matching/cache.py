"""What was compiled, kept on disk: words take a second to compile, very many half a minute.

A file's name is the digest of all that its content depends on, so a file is right or is not found: there is
nothing to invalidate. Hyperscan trusts what it loads, so a file counts only if nobody but its owner, who is
the one who runs this, may write to it. It holds keywords, so nobody else may read it either.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

import sensor.matching
import signatures
from sensor.errors import SensorError
from signatures.model import Signature

_KEPT: Final = 8
"""Files: a few sets that somebody works on, each some megabytes for a thousand keywords."""
_SUFFIX: Final = ".plan"


class Cache:
    """Compiled sets in a directory. One that can't be used holds nothing, and that is all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, loaded: Sequence[Signature]) -> list[bytes] | None:
        """What was `put` for the same signatures; None if there is nothing."""
        if not _is_worth_it(loaded):
            return None
        try:
            return _read(self._path(loaded))
        except (OSError, SensorError, msgspec.MsgspecError):
            return None

    def put(self, loaded: Sequence[Signature], dumped: list[bytes]) -> None:
        """Keep what ``loaded`` were compiled to, if it is worth it."""
        if _is_worth_it(loaded):
            with suppress(OSError):
                _write(self._path(loaded), dumped)
                _prune(self._directory)

    def _path(self, loaded: Sequence[Signature]) -> Path:
        return self._directory / f"{digest(loaded)}{_SUFFIX}"


def _is_worth_it(loaded: Sequence[Signature]) -> bool:
    """Whether there is any keyword: the tables that its forms are made with take a second to build."""
    return any(clause.keywords for each in loaded for clause in each.clauses)


def digest(loaded: Sequence[Signature]) -> str:
    """Of all that what is compiled depends on, in hexadecimal digits."""
    hashed = hashlib.sha256(_tool_digest())
    for each in loaded:
        hashed.update(msgspec.msgpack.encode(each.clauses))
    return hashed.hexdigest()


@lru_cache(maxsize=1)
def _tool_digest() -> bytes:
    """Of Hyperscan, and of the code that says what is compiled: a version would not tell each change."""
    hashed = hashlib.sha256(metadata.version("hyperscan").encode())
    for package in (sensor.matching, signatures):
        for path in _sources(Path(next(iter(package.__path__)))):
            hashed.update(path.read_bytes())
    return hashed.digest()


def _sources(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".txt", ".tsv"))


def _read(path: Path) -> list[bytes]:
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            raise PermissionError(f"{path} may be another's")
        octets = stream.read()
    with suppress(OSError):
        path.touch()  # what was used last is kept longest
    # The digest in front tells a file that was cut or damaged before Hyperscan looks into it.
    if hashlib.sha256(octets[32:]).digest() != octets[:32]:
        raise SensorError(f"{path} is damaged")
    return msgspec.msgpack.decode(octets[32:], type=list[bytes])


def _write(path: Path, dumped: list[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    octets = msgspec.msgpack.encode(dumped)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(hashlib.sha256(octets).digest())
            stream.write(octets)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _prune(directory: Path) -> None:
    files = sorted(directory.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files[_KEPT:]:
        path.unlink(missing_ok=True)
