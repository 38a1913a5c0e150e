"""The signed envelope: DSSE 1.0 in one JSON object, and only in one way of writing it.

What is signed is the payload's octets with their type and length before them (the pre-authentication
encoding), so nothing of the payload is read before its signatures hold. JSON can say the same in many ways,
and no signature covers the envelope itself: so a file must be, octet for octet, what `encode_envelope` makes.
"""

from typing import Final

import msgspec

from signatures.bundle.refusal import BundleError, Refusal

PAYLOAD_TYPE: Final = "application/vnd.watchdog-sensor.bundle.v1+json"
MAX_BUNDLE: Final = 64 * 1024 * 1024
"""Octets of a bundle's file: three of the largest signature files that the loader takes."""
MAX_SIGNATURES: Final = 32
"""Each costs a verification over the whole payload; an operator has a handful of signers."""


class SignatureOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature."""

    keyid: str
    """`PublicKey.key_id`: says which key to try, and proves nothing."""
    sig: bytes


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "payloadType"}):
    """The payload's octets, and signatures over them, each signer's once, in the order of their ids."""

    payload: bytes
    kind: str
    signatures: tuple[SignatureOf, ...]

    @property
    def signed_octets(self) -> bytes:
        """What signers sign: DSSE's PAE."""
        kind = self.kind.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


def encode_envelope(envelope: Envelope) -> bytes:
    """The file: one line of JSON."""
    return msgspec.json.encode(envelope) + b"\n"


def decode_envelope(octets: bytes) -> Envelope:
    """The envelope that a file holds; its signatures are not verified.

    :raises BundleError: if it is none, or written in another way.
    """
    if len(octets) > MAX_BUNDLE:
        raise BundleError(Refusal.TOO_LARGE, f"is larger than {MAX_BUNDLE:,} octets; ask who made it")
    try:
        envelope = msgspec.json.decode(octets, type=Envelope)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise _not_intact() from error
    if envelope.kind != PAYLOAD_TYPE:
        raise BundleError(
            Refusal.NEWER_SENSOR,
            "is of a kind that this sensor does not know; a newer sensor may: update the sensor",
        )
    ids = [signature.keyid for signature in envelope.signatures]
    ordered = len(ids) <= MAX_SIGNATURES and ids == sorted(set(ids))
    if not ordered or encode_envelope(envelope) != octets:
        raise _not_intact()
    return envelope


def _not_intact() -> BundleError:
    return BundleError(
        Refusal.TAMPERED, "is no bundle, or was changed or cut after it was made; fetch it again"
    )
