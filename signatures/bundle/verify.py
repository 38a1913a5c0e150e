"""Whether a bundle may be used.

The order matters: size, then the envelope, then as many trusted signatures as the threshold asks for; only
then is the payload read. A signature that is there must be good, also one that the threshold could do
without: so no octet of a bundle can change without its being refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from signatures.bundle.envelope import Envelope, decode_envelope
from signatures.bundle.keys import PublicKey
from signatures.bundle.manifest import Manifest, decode_manifest, shown
from signatures.bundle.refusal import BundleError, Refusal
from signatures.bundle.trust import Trust

_CLOCK_SKEW: Final = timedelta(days=1)
"""How far this clock may lag behind the makers'. More, and it can't tell what has expired."""


@dataclass(frozen=True, slots=True)
class Highest:
    """The highest version of a bundle that was ever installed."""

    version: int
    digest: str
    """`Verified.digest` of it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle that may be used."""

    manifest: Manifest
    digest: str
    """SHA-256 of the payload, in hexadecimal: the same whoever has signed."""
    signed_by: tuple[tuple[PublicKey, str], ...]
    """The trusted keys that signed, and whose they are."""
    others: tuple[PublicKey, ...] = ()
    """Keys that signed too, and are not in the trust file."""


def verify_bundle(
    octets: bytes, trust: Trust, now: datetime, sensor: str, highest: Highest | None = None
) -> Verified:
    """Hold a bundle against what is trusted, the time, this sensor, and what was installed before.

    :param now: the time, aware of its zone.
    :param sensor: this sensor's version.
    :raises BundleError: with the reason to refuse it.
    """
    envelope = decode_envelope(octets)
    signed_by = _trusted_signers(envelope, trust)
    manifest = decode_manifest(envelope.payload, sensor)
    others = named_signers(envelope, manifest, [key for key, _ in signed_by])
    digest = hashlib.sha256(envelope.payload).hexdigest()
    _check_facts(manifest, digest, trust, highest)
    _check_times(manifest, now)
    return Verified(manifest, digest, signed_by, others)


def _trusted_signers(envelope: Envelope, trust: Trust) -> tuple[tuple[PublicKey, str], ...]:
    trusted = {key.key_id: (key, owner) for key, owner in trust.keys.items()}
    signed_by: list[tuple[PublicKey, str]] = []
    unknown: list[str] = []
    message = envelope.signed_octets
    for signature in envelope.signatures:
        found = trusted.get(signature.keyid)
        if found is None:
            unknown.append(signature.keyid)
        elif found[0].verifies(signature.sig, message):
            signed_by.append(found)
        else:
            raise BundleError(
                Refusal.TAMPERED,
                f"was changed after {found[1]} (key {signature.keyid}) signed it; fetch it again",
            )
    if len(signed_by) >= trust.threshold:
        return tuple(signed_by)
    if not envelope.signatures:
        raise BundleError(Refusal.TOO_FEW_SIGNERS, "is not signed; sign it with 'bundle sign'")
    if not signed_by:
        raise BundleError(
            Refusal.UNKNOWN_SIGNER,
            f"is signed by nobody whom the trust file names, only by key {_ids(unknown)}; do not use it",
        )
    raise BundleError(
        Refusal.TOO_FEW_SIGNERS,
        f"is signed by {len(signed_by)} of the {trust.threshold} trusted signers that it needs"
        + (f", and by unknown key {_ids(unknown)}" if unknown else "")
        + "; ask for the missing signatures",
    )


def _ids(ids: list[str]) -> str:
    """A few key ids for a line; strangers wrote them."""
    shown = [key_id[:16] if key_id.isascii() and key_id.isalnum() else "?" for key_id in ids[:3]]
    return ", ".join(shown) + (" …" if len(ids) > len(shown) else "")


def named_signers(
    envelope: Envelope, manifest: Manifest, known: Sequence[PublicKey] = ()
) -> tuple[PublicKey, ...]:
    """Who of those that the bundle itself names has signed it, beside those ``known`` to have.

    What that is worth is another question: only trusted signers vouch for who they may be.

    :raises BundleError: if one signature is false, or of a key that is not named.
    """
    named = {key.key_id: key for key in manifest.keys}
    others: list[PublicKey] = []
    message = envelope.signed_octets
    for signature in envelope.signatures:
        key = named.get(signature.keyid)
        if key is None:
            raise BundleError(
                Refusal.UNKNOWN_SIGNER,
                f"is signed by key {_ids([signature.keyid])}, which it does not name; fetch it again",
            )
        if key in known:
            continue
        if not key.verifies(signature.sig, message):
            raise BundleError(
                Refusal.TAMPERED, f"holds a false signature of key {key.key_id}; fetch it again"
            )
        others.append(key)
    return tuple(others)


def _check_facts(manifest: Manifest, digest: str, trust: Trust, highest: Highest | None) -> None:
    if manifest.name != trust.name:
        raise BundleError(
            Refusal.WRONG_NAME,
            f"is bundle {manifest.name}, and the trust file is for {trust.name}; name the right one",
        )
    if manifest.version < trust.minimum_version:
        raise BundleError(
            Refusal.OLDER,
            f"is version {manifest.version}; the trust file asks for {trust.minimum_version} or later",
        )
    if highest is None or manifest.version > highest.version:
        return
    if manifest.version < highest.version:
        raise BundleError(
            Refusal.OLDER,
            f"is version {manifest.version}, and {highest.version} was installed before; "
            "fetch a newer one, or go back with 'bundle rollback'",
        )
    if digest != highest.digest:
        raise BundleError(
            Refusal.TAMPERED,
            f"has the number of version {highest.version} that was installed before, and other content; "
            "ask who signed it",
        )


def _check_times(manifest: Manifest, now: datetime) -> None:
    if now + _CLOCK_SKEW < manifest.created:
        raise BundleError(
            Refusal.CLOCK,
            f"was made at {shown(manifest.created)}, and it is {shown(now)} here; set this machine's clock",
        )
    if now >= manifest.expires:
        raise BundleError(Refusal.EXPIRED, f"expired on {shown(manifest.expires)}; fetch a newer one")
