"""The trust file (TOML): whose signatures count for which bundle, and how many of them are needed.

It comes to the device with its configuration, never with a bundle: no bundle can change whom to trust.
"""

from dataclasses import dataclass
from typing import Final

from sensor.errors import ConfigError
from sensor.toml import TomlError, parse_toml
from signatures.bundle.keys import PublicKey
from signatures.bundle.manifest import MAX_VERSION, NAME

MAX_TRUST: Final = 64 * 1024
"""Octets: hundreds of keys."""
EXAMPLE: Final = """\
name = "acme-signatures"
threshold = 2

[[key]]
owner = "Sato"
public = "ed25519:…"
"""


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign a bundle."""

    name: str
    """The only name that a bundle may have."""
    threshold: int
    """How many of ``keys`` must have signed."""
    keys: dict[PublicKey, str]
    """Public keys and whose they are."""
    minimum_version: int = 1
    """The lowest version that is taken, also where none was ever installed."""


def read_trust(octets: bytes, file: str) -> Trust:
    """The trust that a file states.

    :param file: what to call it in errors.
    :raises ConfigError: with file, line and what to write instead.
    """
    if len(octets) > MAX_TRUST:
        raise ConfigError(f"{file}: is larger than {MAX_TRUST:,} octets; name a trust file")
    try:
        _, document = parse_toml(octets)
    except TomlError as error:
        where = f"{file}:{error.line}" if error.line else file
        raise ConfigError(f"{where}: {error.reason}; mend it") from error
    try:
        return _trust(document)
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error


def _trust(document: dict[str, object]) -> Trust:
    _known(document, ("name", "threshold", "minimum_version", "key"), "the file")
    name, tables = document.get("name"), document.get("key")
    if not isinstance(name, str) or not NAME.match(name):
        raise ValueError('name must be the bundle\'s: name = "acme-signatures"')
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ValueError("write each signer's key as a [[key]] table with owner and public")
    keys: dict[PublicKey, str] = {}
    for number, table in enumerate(tables, start=1):
        key, owner = _key(table, f"[[key]] {number}")
        if key.key_id in {other.key_id for other in keys}:
            raise ValueError(f"[[key]] {number} is there twice; each signer counts once, remove one")
        keys[key] = owner
    threshold = _whole(document, "threshold", 1, len(keys))
    return Trust(name, threshold, keys, _whole(document, "minimum_version", 1, MAX_VERSION, default=1))


def _key(table: dict[str, object], where: str) -> tuple[PublicKey, str]:
    _known(table, ("owner", "public"), where)
    owner, public = table.get("owner"), table.get("public")
    if not isinstance(owner, str) or not owner.strip() or not isinstance(public, str):
        raise ValueError(f'{where} must say owner = "…" and public = "ed25519:…"')
    try:
        return PublicKey.parse(public), owner
    except ValueError as error:
        raise ValueError(f"{where}: public {error}") from error


def _known(table: dict[str, object], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise ValueError(f"{where} has an unknown key {key[:40]!r}; there are {', '.join(keys)}")


def _whole(document: dict[str, object], key: str, first: int, last: int, default: int | None = None) -> int:
    value = document.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
        raise ValueError(f"{key} must be a whole number from {first} to {last}")
    return value
