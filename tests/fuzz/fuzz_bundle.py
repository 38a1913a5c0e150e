"""Fuzz target: any octets as a bundle, as what a bundle's signers signed, and as a trust file.

    python -m tests.fuzz.fuzz_bundle -max_total_time=600

Invariant: octets that nobody signed are refused, whatever they are, with a reason of one line and no other
error; so are those that were signed, unless they say all that a bundle must, and then they come back octet
for octet of the same meaning and name no file outside their folder; a trust file is read or refused so too.
"""

from pathlib import PurePosixPath, PureWindowsPath

from sensor.errors import ConfigError
from signatures.bundle.envelope import PAYLOAD_TYPE, Envelope, SignatureOf, encode_envelope
from signatures.bundle.manifest import Manifest, decode_manifest, encode_manifest
from signatures.bundle.refusal import BundleError
from signatures.bundle.trust import read_trust
from signatures.bundle.verify import verify_bundle
from tests.fuzz.run import fuzz
from tests.signatures.bundle.signing import KEYS, NOW, PUBLIC, SENSOR, trust


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    assert _verified(data) is None
    message = Envelope(data, PAYLOAD_TYPE, ()).signed_octets
    signatures = sorted((key.key_id, KEYS[number].sign(message)) for number, key in enumerate(PUBLIC[:2]))
    bundle = Envelope(data, PAYLOAD_TYPE, tuple(SignatureOf(*each) for each in signatures))
    manifest = _verified(encode_envelope(bundle))
    if manifest is not None:
        assert decode_manifest(encode_manifest(manifest), SENSOR) == manifest
        for file in manifest.files:
            assert PurePosixPath(file.name).name == PureWindowsPath(file.name).name == file.name
    try:
        read_trust(data, "trust.toml")
    except ConfigError as error:
        _hold_to_one_line(error)


def _verified(octets: bytes) -> Manifest | None:
    try:
        return verify_bundle(octets, trust(), NOW, SENSOR).manifest
    except BundleError as error:
        _hold_to_one_line(error)
        return None


def _hold_to_one_line(error: Exception) -> None:
    assert str(error)
    assert "\n" not in str(error)


if __name__ == "__main__":
    fuzz(one)
