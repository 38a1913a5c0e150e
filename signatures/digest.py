"""What may be told of a subscriber's word outside the device: a digest that only its key makes again.

HMAC-SHA-256 (RFC 2104, FIPS 198-1). A plain hash of a word is guessed from a dictionary in seconds; with a
key that never leaves the device it tells whoever sees two of them that the words are the same, and no more.
"""

import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from sensor.errors import SensorError

KEY_LEN: Final = 32
"""Octets: as long as the digest (RFC 2104, section 3)."""
_SHOWN_LEN: Final = 16
"""Octets of the digest that are shown: RFC 2104, section 5, lets half of them be left out, and no less."""


def keyed_digest(key: bytes, text: str) -> str:
    """What stands for ``text``: 32 hexadecimal digits, the same for the same key and text."""
    # What a file of any origin says may hold a lone surrogate.
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")[:_SHOWN_LEN].hex()


def read_key(path: Path) -> bytes:
    """The key of this device: ``path``, made (0600) by whoever asks first.

    :returns: `KEY_LEN` octets.
    :raises SensorError: if it can't be read or made, or is none.
    """
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; the key of digests must be readable") from error
    if len(key) != KEY_LEN:
        raise SensorError(f"{path}: is no key of {KEY_LEN} octets; remove it, and a new one is made")
    return key


def _make_key(path: Path) -> None:
    """Make the key whole or not at all; who comes second finds the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_LEN))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink()
