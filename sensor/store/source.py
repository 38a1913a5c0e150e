"""What a run read and looked for, as digests, so that a re-run is recognised."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG

from sensor.errors import StoreError
from signatures.model import Signature

_BLOCK_LEN = 16 * 1024
_BLOCK_COUNT = 64


@dataclass(frozen=True, slots=True)
class Source:
    """A capture that a run reads."""

    name: str
    size: int | None = None
    """Octets; None for what is not a file."""
    digest: str | None = None
    """None where it cannot be known before reading: standard input, a pipe."""


def describe_source(path: Path) -> Source:
    """``path`` with its size and digest: SHA-256 of the size and of 64 blocks of 16 KiB, spread evenly.

    A whole SHA-256 of a capture costs more than replaying it. Packet timestamps stand throughout a
    capture, so two captures of one size that agree in the first block, the last one and 62 between
    are the same recording for every purpose but evidence. At most 1 MiB is read; a file up to that
    size is read whole. Raises `StoreError` if it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            stat = os.fstat(file.fileno())
            if not S_ISREG(stat.st_mode):
                return Source(str(path))
            size = stat.st_size
            digest = sha256(size.to_bytes(8, "big"))
            last = max(size - _BLOCK_LEN, 0)
            if size <= _BLOCK_LEN * _BLOCK_COUNT:
                digest.update(file.read(size))
            else:
                for block in range(_BLOCK_COUNT):
                    file.seek(last * block // (_BLOCK_COUNT - 1))
                    digest.update(file.read(_BLOCK_LEN))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; check the file and its permissions") from error
    return Source(str(path), size, digest.hexdigest())


def digest_signatures(signatures: Iterable[Signature]) -> str:
    """SHA-256 of what ``signatures`` say, whatever their order and the files they came from."""
    digest = sha256()
    for signature in sorted(signatures, key=lambda signature: (signature.sid, signature.rev)):
        digest.update(repr(replace(signature, source="")).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
