"""What may be told of a subscriber's word outside the device."""

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import SensorError
from signatures.digest import KEY_LEN, keyed_digest, read_key


def test_digest_is_half_of_hmac_sha_256() -> None:
    whole = hmac.new(b"k" * 32, "機密".encode(), hashlib.sha256).hexdigest()
    assert keyed_digest(b"k" * 32, "機密") == whole[:32]


@given(st.text(st.characters()), st.text(st.characters()))
def test_digests_tell_whether_words_are_the_same_and_depend_on_the_key(one: str, other: str) -> None:
    key = bytes(KEY_LEN)
    assert (keyed_digest(key, one) == keyed_digest(key, other)) == (one == other)
    assert keyed_digest(key, one) != keyed_digest(b"\1" * KEY_LEN, one)


def test_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "of" / "device.key"
    key = read_key(path)
    assert len(key) == KEY_LEN
    assert read_key(path) == key
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert read_key(tmp_path / "another.key") != key


@pytest.mark.posix
def test_key_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "of" / "device.key"
    read_key(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_is_no_key_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    path.write_bytes(b"short")
    with pytest.raises(SensorError, match="no key of 32 octets"):
        read_key(path)
