"""Makes bundles, and adds signatures to them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signatures.bundle.envelope import (
    MAX_BUNDLE,
    PAYLOAD_TYPE,
    Envelope,
    SignatureOf,
    decode_envelope,
    encode_envelope,
)
from signatures.bundle.keys import PublicKey, public_key_of
from signatures.bundle.manifest import Manifest, decode_manifest, encode_manifest
from signatures.bundle.refusal import BundleError, Refusal
from signatures.bundle.verify import named_signers


def make_bundle(manifest: Manifest) -> bytes:
    """A bundle that nobody has signed yet.

    :raises ValueError: with the reason, if ``manifest`` breaks a rule, or the bundle would be too large.
    """
    octets = encode_envelope(Envelope(encode_manifest(manifest), PAYLOAD_TYPE, ()))
    if len(octets) > MAX_BUNDLE:
        raise ValueError(f"it would have {len(octets):,} octets; no sensor takes more than {MAX_BUNDLE:,}")
    return octets


def read_unverified(bundle: bytes, sensor: str) -> tuple[Manifest, tuple[PublicKey, ...]]:
    """What a bundle says, for its signers to look at, and who of them has signed; nothing vouches for it.

    :raises BundleError: if it is no bundle that this sensor can read, or was changed after it was signed.
    """
    envelope = decode_envelope(bundle)
    manifest = decode_manifest(envelope.payload, sensor)
    return manifest, named_signers(envelope, manifest)


def sign_bundle(bundle: bytes, key: Ed25519PrivateKey, sensor: str) -> bytes:
    """``bundle`` with one signature more; the same one if the key has signed it already.

    :param sensor: this sensor's version.
    :raises BundleError: as `read_unverified`, or if it does not name this key among its signers.
    """
    envelope = decode_envelope(bundle)
    public = public_key_of(key)
    manifest = decode_manifest(envelope.payload, sensor)
    if public not in manifest.keys:
        raise BundleError(
            Refusal.UNKNOWN_SIGNER,
            f"does not name key {public.key_id} among its signers; make it again with --signer {public.text}",
        )
    named_signers(envelope, manifest)  # who signs what was changed vouches for the change
    signatures = {signature.keyid: signature for signature in envelope.signatures}
    signatures[public.key_id] = SignatureOf(public.key_id, key.sign(envelope.signed_octets))
    return encode_envelope(
        Envelope(envelope.payload, envelope.kind, tuple(signatures[key_id] for key_id in sorted(signatures)))
    )
