"""Keys as people hold them, and the trust file."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import ConfigError
from signatures.bundle.keys import (
    PublicKey,
    generate_private_key,
    parse_private_pem,
    private_pem,
    public_key_of,
)
from signatures.bundle.trust import EXAMPLE, read_trust
from tests.signatures.bundle.signing import KEYS, NAME, OWNERS, PUBLIC, trust, trust_text


def test_keys_come_back_from_their_texts() -> None:
    key = generate_private_key()
    public = public_key_of(key)
    assert public_key_of(parse_private_pem(private_pem(key))) == public
    assert PublicKey.parse(public.text) == public
    assert public.verifies(key.sign(b"text"), b"text")
    assert not public.verifies(key.sign(b"text"), b"other")
    assert public_key_of(generate_private_key()) != public


def test_rfc_8032_test_1() -> None:
    public = PublicKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    assert public.verifies(signature, b"")
    assert not public.verifies(signature, b"x")


@given(st.text(max_size=60))
def test_other_texts_are_no_keys(text: str) -> None:
    with pytest.raises(ValueError, match="no public key"):
        PublicKey.parse(f"ed25519:{text}" if len(text) != 44 else text)


def test_private_keys_that_are_none() -> None:
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    other = x25519.X25519PrivateKey.generate().private_bytes(*formats, serialization.NoEncryption())
    locked = KEYS[0].private_bytes(*formats, serialization.BestAvailableEncryption(b"secret"))
    for octets, reason in ((other, "no Ed25519"), (locked, "encrypted"), (b"", "no private key")):
        with pytest.raises(ValueError, match=reason):
            parse_private_pem(octets)


def test_trust_file() -> None:
    assert read_trust(trust_text().encode(), "trust.toml") == trust()


SECOND = f'[[key]]\nowner = "Again"\npublic = "{PUBLIC[0].text}"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "name must be"),
        (EXAMPLE, "public is no public key"),
        (trust_text() + SECOND, "there twice"),
        (trust_text(threshold=4), "threshold must be a whole number from 1 to 3"),
        (trust_text(threshold=0), "threshold"),
        (trust_text().replace("threshold = 2\n", ""), "threshold"),
        (trust_text().replace("threshold = 2\n", "threshold = true\n"), "threshold"),
        (trust_text().replace("threshold = 2\n", "threshold = 2\nminimum_version = 0\n"), "minimum_version"),
        (trust_text().replace("threshold", "treshold"), "unknown key 'treshold'"),
        (trust_text().replace("owner", "name"), "unknown key 'name'"),
        (trust_text().replace(f'owner = "{OWNERS[1]}"\n', ""), "[[key]] 2 must say owner"),
        (trust_text().replace(NAME, "../x"), "name must be"),
        (f'name = "{NAME}"\nthreshold = 1\nkey = []\n', "[[key]] table"),
        ("= 1", "trust.toml:1: "),
        ("#" * 70_000, "larger"),
    ],
)
def test_trust_file_that_is_none(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_trust(text.encode(), "trust.toml")
    assert reason in str(caught.value)
    assert str(caught.value).startswith("trust.toml")
    assert "\n" not in str(caught.value)
