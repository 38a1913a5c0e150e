"""Signers, bundles and trust for the tests: keys that are the same in every run."""

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signatures.bundle.keys import PublicKey, public_key_of
from signatures.bundle.manifest import BundledFile, Manifest
from signatures.bundle.sign import make_bundle, sign_bundle
from signatures.bundle.trust import Trust

SENSOR = "0.1.0"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAME = "acme-signatures"
TOML = """\
[[signature]]
sid = {sid}
rev = 1
name = {{ ja = "遠隔操作", en = "remote control" }}
category = "custom"
severity = "low"
buffers = ["http.uri", "payload"]
keywords = ["遠隔操作"]
"""

KEYS = tuple(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(1, 5))
PUBLIC: tuple[PublicKey, ...] = tuple(map(public_key_of, KEYS))
OWNERS = ("Sato", "Suzuki", "Tanaka")


def trust(threshold: int = 2, minimum_version: int = 1) -> Trust:
    """Of the first three keys."""
    return Trust(NAME, threshold, dict(zip(PUBLIC, OWNERS, strict=False)), minimum_version)


def trust_text(threshold: int = 2) -> str:
    """The same, as a file."""
    keys = "".join(
        f'[[key]]\nowner = "{owner}"\npublic = "{key.text}"\n'
        for key, owner in zip(PUBLIC, OWNERS, strict=False)
    )
    assert tomllib.loads(keys)
    return f'name = "{NAME}"\nthreshold = {threshold}\n{keys}'


def file_of(sid: int = 2_000_001, name: str = "a.toml", more: str = "") -> BundledFile:
    """A sound signature file."""
    return BundledFile.of(name, (TOML.format(sid=sid) + more).encode())


def manifest_of(version: int = 1, now: datetime = NOW, **changed: Any) -> Manifest:
    """What a bundle made an hour ago says, good for 30 days."""
    facts: dict[str, Any] = {
        "name": NAME,
        "version": version,
        "created": now - timedelta(hours=1),
        "expires": now + timedelta(days=30),
        "minimum_sensor": SENSOR,
        "signers": tuple(key.text for key in PUBLIC),
        "files": (file_of(2_000_000 + version),),
    }
    return Manifest(**(facts | changed))


def signed(manifest: Manifest, *signers: int) -> bytes:
    """A bundle signed by these keys, the first two unless told."""
    bundle = make_bundle(manifest)
    for number in signers or (0, 1):
        bundle = sign_bundle(bundle, KEYS[number], manifest.minimum_sensor)
    return bundle
