"""Bundles and trust files that a command names: read and written, or one line that says why not."""

import os
from pathlib import Path

from sensor.bundles.files import place_new, replace_file
from sensor.errors import ConfigError, SensorError
from signatures.bundle.envelope import MAX_BUNDLE
from signatures.bundle.trust import MAX_TRUST, Trust, read_trust


def read_trust_file(path: Path) -> Trust:
    """The trust file. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            return read_trust(stream.read(MAX_TRUST + 1), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a trust file with --trust") from error


def read_bundle(path: Path) -> bytes:
    """A bundle's octets, no more of them than one may have and one. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BUNDLE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a bundle") from error


def check_new(path: Path) -> None:
    """Keep a new bundle from taking the place of anything. Raises `SensorError`."""
    if os.path.lexists(path):
        raise _there(path)


def write_new_bundle(path: Path, octets: bytes) -> None:
    """Write a bundle where nothing is yet, at once. Raises `SensorError`."""
    try:
        place_new(path, octets)
    except FileExistsError as error:
        raise _there(path) from error
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; free space or write elsewhere") from error


def _there(path: Path) -> SensorError:
    return SensorError(f"{path}: is there already; choose another name for the new bundle")


def write_bundle(path: Path, octets: bytes) -> None:
    """Put a bundle in the place of ``path``, or of what it links to, at once. Raises `SensorError`."""
    try:
        if path.exists() and not path.is_file():  # a device would be replaced for everybody on the machine
            raise SensorError(f"{path}: is no file; write elsewhere")
        replace_file(Path(os.path.realpath(path)), octets)
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; free space or write elsewhere") from error
