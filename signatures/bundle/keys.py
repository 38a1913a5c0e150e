"""Ed25519 keys of signers (RFC 8032): private ones in PKCS#8 and PEM (RFC 8410), public ones a short text."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PREFIX: Final = "ed25519:"
_OCTETS: Final = 32
_ID_LEN: Final = 16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A signer's public key."""

    octets: bytes
    """32 of them (RFC 8032, section 5.1.5)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that ``ed25519:BASE64`` stands for.

        :raises ValueError: if it stands for none.
        """
        encoded = text.removeprefix(PREFIX)
        try:
            octets = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if not text.startswith(PREFIX) or len(octets) != _OCTETS or cls(octets).text != text:
            raise ValueError(f"is no public key; write {PREFIX} and 44 characters, as 'bundle keygen' shows")
        return cls(octets)

    @property
    def text(self) -> str:
        """As files and people write it."""
        return PREFIX + base64.b64encode(self.octets).decode()

    @property
    def key_id(self) -> str:
        """A short name: the first 16 hexadecimal digits of its SHA-256. Never what trust rests on."""
        return hashlib.sha256(self.octets).hexdigest()[:_ID_LEN]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` is this key's of ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.octets).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def generate_private_key() -> Ed25519PrivateKey:
    """A new private key, from the system's generator."""
    return Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS#8 in PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def parse_private_pem(octets: bytes) -> Ed25519PrivateKey:
    """The private key of a PEM file.

    :raises ValueError: if it holds no Ed25519 key, or an encrypted one.
    """
    try:
        key = serialization.load_pem_private_key(octets, password=None)
    except TypeError as error:
        raise ValueError("is encrypted; decrypt it first: openssl pkey -in FILE -out NEW") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("holds no private key in PEM; make one with 'bundle keygen'") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("is no Ed25519 key; make one with 'bundle keygen'")  # noqa: TRY004  # octets, not types
    return key


def public_key_of(key: Ed25519PrivateKey) -> PublicKey:
    """The public half."""
    return PublicKey(
        key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
