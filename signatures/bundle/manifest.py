"""What a bundle says of itself, and the files that it carries: the payload, JSON in UTF-8.

There is no archive in it and no compression, so there are no paths to climb out by and nothing that grows
when it is unpacked: a file is a name and a text, and 1,000 signatures are some 0.3 MB. The same files and
facts make the same octets, so that a second signer can make the payload again and compare.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from signatures.bundle.keys import PublicKey
from signatures.bundle.refusal import BundleError, Refusal

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
"""A bundle's name: also that of the folder that it is installed in."""
FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\.toml\Z")
"""A file's name: no folder, nothing that a file system or a shell takes for something else."""
MAX_VERSION: Final = 2**53 - 1
"""The largest whole number that every JSON reader holds exactly."""
MAX_FILES: Final = 1000
"""Files of a bundle; sets are split by subject, into tens."""
_SENSOR_VERSION: Final = re.compile(r"\d{1,6}(?:\.\d{1,6}){0,3}")


class BundledFile(msgspec.Struct, frozen=True):
    """A signature file."""

    name: str
    sha256: str
    """Of the text in UTF-8, in hexadecimal."""
    text: str

    @classmethod
    def of(cls, name: str, octets: bytes) -> "BundledFile":
        """The file ``name`` with these octets, which are UTF-8."""
        return cls(name, hashlib.sha256(octets).hexdigest(), octets.decode())


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle's facts and files."""

    name: str
    version: int
    """From 1; each bundle of a name has a higher one than the one before."""
    created: datetime
    expires: datetime
    """From then on it is not installed any more, and one that is installed counts as out of date."""
    minimum_sensor: str
    """The oldest version of the sensor that reads its files, as ``0.1.0``."""
    signers: tuple[str, ...]
    """Public keys that may sign it, as `PublicKey.text`."""
    files: tuple[BundledFile, ...]
    """In the order of their names."""

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The keys of ``signers``."""
        return tuple(map(PublicKey.parse, self.signers))


class _Minimum(msgspec.Struct):
    """Of a payload only what tells whether the rest can be understood."""

    minimum_sensor: str


def encode_manifest(manifest: Manifest) -> bytes:
    """The payload.

    :raises ValueError: with the reason, if `decode_manifest` would not take it.
    """
    check_manifest(manifest)
    return msgspec.json.encode(manifest)


def decode_manifest(payload: bytes, sensor: str) -> Manifest:
    """What a payload holds; whether anybody signed it is for others to say.

    :param sensor: this sensor's version.
    :raises BundleError: if it needs a newer one, or is not made as it should be.
    """
    try:
        needed = msgspec.json.decode(payload, type=_Minimum).minimum_sensor
        if sensor_version(needed) > sensor_version(sensor):
            raise BundleError(
                Refusal.NEWER_SENSOR,
                f"needs sensor {needed}, and this is {sensor}; update the sensor first",
            )
        manifest = msgspec.json.decode(payload, type=Manifest)
        check_manifest(manifest)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise _not_made("what it holds can't be read") from error
    except ValueError as error:
        raise _not_made(str(error)) from error
    return manifest


def _not_made(reason: str) -> BundleError:
    return BundleError(
        Refusal.UNUSABLE, f"was not made as a bundle must be, or was changed: {reason}; ask who made it"
    )


def sensor_version(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with, for comparing; zeros at its end say nothing.

    :raises ValueError: if it begins with none.
    """
    found = _SENSOR_VERSION.match(text)
    if not found:
        raise ValueError(f"{text[:20]!r} is no version of the sensor; write one as 0.1.0")
    numbers = [int(part) for part in found[0].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def check_manifest(manifest: Manifest) -> None:
    """Hold a manifest to what its fields promise.

    :raises ValueError: with the reason.
    """
    if not NAME.match(manifest.name):
        raise ValueError("the name must be 1 to 64 of a-z, 0-9 and -")
    if not 1 <= manifest.version <= MAX_VERSION:
        raise ValueError(f"the version must be a whole number from 1 to {MAX_VERSION}")
    for moment in (manifest.created, manifest.expires):
        if moment.utcoffset() != timedelta(0):  # also keeps clear of the calendar's ends
            raise ValueError("times must be in UTC")
    if manifest.expires <= manifest.created:
        raise ValueError("it must expire after it was made")
    sensor_version(manifest.minimum_sensor)
    keys = manifest.keys
    if not keys or len(set(keys)) < len(keys) or len({key.key_id for key in keys}) < len(keys):
        raise ValueError("it must name its signers, each once")
    _check_files(manifest.files)


def _check_files(files: Sequence[BundledFile]) -> None:
    if not 1 <= len(files) <= MAX_FILES:
        raise ValueError(f"it must hold 1 to {MAX_FILES} files")
    names = [file.name for file in files]
    for file in files:
        if not FILE_NAME.match(file.name):
            raise ValueError(
                "a file's name must be of A-Z, a-z, 0-9, '.', '_' and '-', and end in .toml; "
                f"{file.name[:40]!r} is not"
            )
        if hashlib.sha256(file.text.encode()).hexdigest() != file.sha256:
            raise ValueError(f"{file.name} is not the file that the list names")
    # Some file systems hold A.toml and a.toml for the same.
    if names != sorted(names) or len({name.lower() for name in names}) < len(names):
        raise ValueError("its files must be in the order of their names, each once, whatever the case")


def shown(moment: datetime) -> str:
    """A time for people, local with its offset: ``2026-01-31 09:00+09:00``."""
    try:
        local = moment.astimezone()
    except (OverflowError, ValueError, OSError):  # at the calendar's ends
        local = moment
    return local.isoformat(" ", "minutes")
