"""What is refused, and why; and that no octet of a bundle can change unnoticed."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.bundle.envelope import (
    MAX_BUNDLE,
    PAYLOAD_TYPE,
    Envelope,
    SignatureOf,
    decode_envelope,
    encode_envelope,
)
from signatures.bundle.manifest import BundledFile, Manifest, encode_manifest, shown
from signatures.bundle.refusal import BundleError, Refusal
from signatures.bundle.sign import make_bundle, sign_bundle
from signatures.bundle.verify import Highest, verify_bundle
from tests.signatures.bundle.signing import (
    KEYS,
    NAME,
    NOW,
    OWNERS,
    PUBLIC,
    SENSOR,
    file_of,
    manifest_of,
    signed,
    trust,
)

GOOD = signed(manifest_of())


def refusal(
    bundle: bytes,
    threshold: int = 2,
    now: datetime = NOW,
    sensor: str = SENSOR,
    highest: Highest | None = None,
    minimum_version: int = 1,
) -> tuple[Refusal, str]:
    """Why the bundle is refused."""
    with pytest.raises(BundleError) as caught:
        verify_bundle(bundle, trust(threshold, minimum_version), now, sensor, highest)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 1
    return caught.value.refusal, str(caught.value)


def signed_payload(payload: bytes, kind: str = PAYLOAD_TYPE, ids: tuple[int, ...] = (0, 1)) -> bytes:
    """Any payload, with good signatures."""
    message = Envelope(payload, kind, ()).signed_octets
    signatures = sorted((PUBLIC[number].key_id, KEYS[number].sign(message)) for number in ids)
    return encode_envelope(Envelope(payload, kind, tuple(SignatureOf(*each) for each in signatures)))


def test_good_bundle_says_who_signed_and_what_is_in_it() -> None:
    verified = verify_bundle(GOOD, trust(), NOW, SENSOR)
    assert verified.manifest == manifest_of()
    assert set(verified.signed_by) == set(zip(PUBLIC[:2], OWNERS[:2], strict=True))
    assert verified.others == ()


def test_envelope_is_one_of_dsse() -> None:
    """A reader of its own, by the specification's words."""
    document = msgspec.json.decode(GOOD)
    payload, kind = base64.b64decode(document["payload"]), document["payloadType"].encode()
    message = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
    by_id = {key.key_id: key for key in PUBLIC}
    assert len(document["signatures"]) == 2
    for signature in document["signatures"]:
        assert by_id[signature["keyid"]].verifies(base64.b64decode(signature["sig"]), message)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_octet_changed_is_refused(index: int, value: int) -> None:
    changed = GOOD[:index] + bytes([value]) + GOOD[index + 1 :]
    if changed == GOOD:
        verify_bundle(changed, trust(), NOW, SENSOR)
    else:
        refusal(changed)


def test_every_octet_changed_is_refused_though_the_threshold_could_do_without() -> None:
    bundle = signed(manifest_of(), 0, 1, 3)  # one more than needed, and one whom nobody knows
    assert verify_bundle(bundle, trust(), NOW, SENSOR).others == (PUBLIC[3],)
    for index in range(len(bundle)):
        changed = bytearray(bundle)
        changed[index] ^= 1
        refusal(bytes(changed), threshold=1)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_octets_added_or_cut_off_are_refused(index: int, more: bytes) -> None:
    refusal(GOOD[:index] + more + GOOD[index:])
    assert refusal(GOOD[:index])[0] is Refusal.TAMPERED


@given(st.binary(max_size=200))
def test_any_octets_are_refused(octets: bytes) -> None:
    refusal(octets)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"payload":', b'"payload": '),
        lambda text: text.replace(b'{"payload"', b'{"more":1,"payload"'),
        lambda text: text.replace(b"==", b""),
        lambda text: text.strip(),
        lambda text: text + b"\n",
    ],
    ids=["space", "key", "padding", "no end", "two ends"],
)
def test_the_same_written_otherwise_is_refused(change: Callable[[bytes], bytes]) -> None:
    changed = change(GOOD)
    assert changed != GOOD
    assert refusal(changed)[0] is Refusal.TAMPERED


def test_threshold_of_two_of_three() -> None:
    for signers in ((0, 1), (0, 2), (2, 1), (0, 1, 2)):
        assert len(verify_bundle(signed(manifest_of(), *signers), trust(), NOW, SENSOR).signed_by) == len(
            signers
        )
    kind, reason = refusal(signed(manifest_of(), 1))
    assert kind is Refusal.TOO_FEW_SIGNERS
    assert "1 of the 2" in reason
    kind, reason = refusal(signed(manifest_of(), 1, 3))
    assert kind is Refusal.TOO_FEW_SIGNERS
    assert PUBLIC[3].key_id in reason


def test_the_same_signer_twice_counts_once() -> None:
    once = signed(manifest_of(), 0)
    assert sign_bundle(once, KEYS[0], SENSOR) == once
    assert refusal(once)[0] is Refusal.TOO_FEW_SIGNERS
    envelope = decode_envelope(once)
    twice = msgspec.structs.replace(envelope, signatures=envelope.signatures * 2)
    assert refusal(encode_envelope(twice))[0] is Refusal.TAMPERED
    # Nor under another name: an id is only where to look for the key.
    other = SignatureOf(PUBLIC[1].key_id, envelope.signatures[0].sig)
    forged = sorted((*envelope.signatures, other), key=lambda each: each.keyid)
    assert refusal(encode_envelope(msgspec.structs.replace(envelope, signatures=tuple(forged))))[0] is (
        Refusal.TAMPERED
    )


def test_order_of_signing_makes_no_difference() -> None:
    assert signed(manifest_of(), 0, 1, 2) == signed(manifest_of(), 2, 0, 1)


def test_unsigned_and_strangers() -> None:
    assert refusal(make_bundle(manifest_of()))[0] is Refusal.TOO_FEW_SIGNERS
    kind, reason = refusal(signed(manifest_of(), 3), threshold=1)
    assert kind is Refusal.UNKNOWN_SIGNER
    assert PUBLIC[3].key_id in reason


def test_signature_for_another_kind_of_payload_does_not_count() -> None:
    payload = encode_manifest(manifest_of())
    other = Envelope(payload, "text/plain", ()).signed_octets
    signatures = sorted((PUBLIC[number].key_id, KEYS[number].sign(other)) for number in (0, 1))
    bundle = Envelope(payload, PAYLOAD_TYPE, tuple(SignatureOf(*each) for each in signatures))
    assert refusal(encode_envelope(bundle))[0] is Refusal.TAMPERED
    assert refusal(signed_payload(payload, "application/vnd.watchdog-sensor.bundle.v2+json"))[0] is (
        Refusal.NEWER_SENSOR
    )


def test_nothing_of_the_payload_is_read_before_enough_have_signed() -> None:
    assert refusal(signed_payload(b"{not JSON", ids=(0,)))[0] is Refusal.TOO_FEW_SIGNERS
    assert refusal(signed_payload(b"{not JSON"))[0] is Refusal.UNUSABLE


def test_trusted_signer_whom_the_bundle_does_not_name() -> None:
    payload = encode_manifest(manifest_of(signers=(PUBLIC[0].text, PUBLIC[1].text)))
    kind, reason = refusal(signed_payload(payload, ids=(0, 1, 2)))
    assert kind is Refusal.UNKNOWN_SIGNER
    assert "does not name" in reason


def test_times() -> None:
    expires = manifest_of().expires
    verify_bundle(GOOD, trust(), expires - timedelta(seconds=1), SENSOR)
    kind, reason = refusal(GOOD, now=expires)
    assert kind is Refusal.EXPIRED
    assert shown(expires) in reason
    kind, reason = refusal(GOOD, now=NOW - timedelta(days=2))
    assert kind is Refusal.CLOCK
    assert "set this machine's clock" in reason


def test_versions_only_go_up() -> None:
    first, second, third = (signed(manifest_of(version)) for version in (1, 2, 3))
    highest = Highest(2, verify_bundle(second, trust(), NOW, SENSOR).digest)
    kind, reason = refusal(first, highest=highest)
    assert kind is Refusal.OLDER
    assert "version 1, and 2 was installed before" in reason
    assert verify_bundle(second, trust(), NOW, SENSOR, highest).manifest.version == 2
    assert verify_bundle(third, trust(), NOW, SENSOR, highest).manifest.version == 3
    # A third signature is still the same bundle; other files under the same number are not.
    assert (
        verify_bundle(signed(manifest_of(2), 0, 1, 2), trust(), NOW, SENSOR, highest).digest == highest.digest
    )
    kind, reason = refusal(signed(manifest_of(2, files=(file_of(2_000_009),))), highest=highest)
    assert kind is Refusal.TAMPERED
    assert "other content" in reason
    assert refusal(second, minimum_version=3)[0] is Refusal.OLDER


@pytest.mark.parametrize(
    ("needed", "have", "good"),
    [
        ("0.1", "0.1.0", True),
        ("0.1.1", "0.1.0", False),
        ("0.10", "0.9.9", False),
        ("1", "1.0.0.dev1", True),
        ("0", "0+unknown", True),
    ],
)
def test_newer_sensor(needed: str, have: str, good: bool) -> None:
    bundle = signed_payload(encode_manifest(manifest_of(minimum_sensor=needed)))
    if good:
        assert verify_bundle(bundle, trust(), NOW, have).manifest.minimum_sensor == needed
    else:
        kind, reason = refusal(bundle, sensor=have)
        assert kind is Refusal.NEWER_SENSOR
        assert needed in reason


def test_newer_sensor_is_told_before_what_only_it_can_read() -> None:
    bundle = signed_payload(b'{"minimum_sensor": "9.0", "files": "otherwise"}')
    assert refusal(bundle)[0] is Refusal.NEWER_SENSOR


def test_wrong_name() -> None:
    kind, reason = refusal(signed(manifest_of(name="other")))
    assert kind is Refusal.WRONG_NAME
    assert "other" in reason
    assert NAME in reason


def test_too_large() -> None:
    assert refusal(b" " * (MAX_BUNDLE + 1))[0] is Refusal.TOO_LARGE
    text = "#" * (MAX_BUNDLE * 3 // 4)
    with pytest.raises(ValueError, match="no sensor takes more"):
        make_bundle(manifest_of(files=(BundledFile.of("a.toml", text.encode()),)))


A = file_of()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"files": ()}, "1 to 1000 files"),
        ({"files": (BundledFile.of("../a.toml", b""),)}, "file's name"),
        ({"files": (BundledFile.of("/etc/a.toml", b""),)}, "file's name"),
        ({"files": (BundledFile.of("a.toml\n", b""),)}, "file's name"),
        ({"files": (BundledFile.of(".toml", b""),)}, "file's name"),
        ({"files": (BundledFile.of("a.py", b""),)}, "file's name"),
        ({"files": (BundledFile("a.toml", A.sha256, "x"),)}, "not the file that the list names"),
        ({"files": (A, A)}, "each once"),
        ({"files": (BundledFile.of("A.toml", b""), BundledFile.of("a.toml", b""))}, "each once"),
        ({"files": (BundledFile.of("b.toml", b""), A)}, "in the order"),
        ({"name": "../up"}, "the name"),
        ({"version": 0}, "the version"),
        ({"version": 2**53}, "the version"),
        ({"signers": ()}, "signers"),
        ({"signers": (PUBLIC[0].text, PUBLIC[0].text)}, "signers"),
        ({"signers": ("ed25519:AAAA",)}, "no public key"),
        ({"minimum_sensor": "new"}, "no version"),
        ({"expires": manifest_of().created}, "expire after"),
    ],
)
def test_manifest_that_breaks_a_rule_is_neither_made_nor_taken(changed: dict[str, Any], reason: str) -> None:
    manifest: Manifest = manifest_of(**changed)
    with pytest.raises(ValueError, match=reason):
        make_bundle(manifest)
    kind, told = refusal(signed_payload(msgspec.json.encode(manifest)))
    assert kind is Refusal.UNUSABLE
    assert reason in told


def test_half_a_surrogate_pair_is_no_text() -> None:
    payload = msgspec.json.encode(manifest_of()).replace(b"[[signature", b"\\ud800[[signature")
    assert refusal(signed_payload(payload))[0] is Refusal.UNUSABLE
