"""Digests tell captures and signature sets apart, and know them again."""

import os
import random
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sensor.errors import StoreError
from sensor.store.source import describe_source, digest_signatures
from signatures.model import Signature
from tests.store.alerts import SIGNATURE


def test_small_file_is_digested_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    octets = random.Random(1).randbytes(70_001)
    path.write_bytes(octets)
    source = describe_source(path)
    assert (source.name, source.size) == (str(path), 70_001)
    assert source.digest == sha256((70_001).to_bytes(8, "big") + octets).hexdigest()


def test_copy_has_the_same_digest_and_a_changed_or_grown_one_another(tmp_path: Path) -> None:
    octets = bytearray(random.Random(2).randbytes(3_000_000))
    path = tmp_path / "a.pcap"
    digests = []
    for change in (None, 0, 1_500_000, len(octets) - 1):
        if change is not None:
            # Every sixteenth KiB or so is read in the middle of a file of this size.
            for at in range(change, min(change + 40_000, len(octets))):
                octets[at] ^= 0xFF
        path.write_bytes(octets)
        digests.append(describe_source(path).digest)
    path.write_bytes(octets + b"\x00")
    digests.append(describe_source(path).digest)
    assert len(set(digests)) == 5
    (tmp_path / "b.pcap").write_bytes(octets + b"\x00")
    assert describe_source(tmp_path / "b.pcap").digest == digests[-1]


def test_huge_file_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "sparse.pcap"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    source = describe_source(path)
    assert source.size == 1 << 40
    assert source.digest is not None


def test_pipe_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR)
    assert describe_source(path).digest is None
    os.close(reader)


def test_missing_capture(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        describe_source(tmp_path / "none")


@pytest.mark.parametrize("name", [field.name for field in fields(Signature)])
def test_digest_of_signatures_follows_all_but_where_they_stand(name: str) -> None:
    another: dict[str, Any] = {name: "another"}
    changed = replace(SIGNATURE, **another)
    assert (digest_signatures([SIGNATURE]) == digest_signatures([changed])) is (name == "source")


def test_digest_of_signatures_ignores_their_order() -> None:
    both = [SIGNATURE, replace(SIGNATURE, sid=1)]
    assert digest_signatures(both) == digest_signatures(both[::-1]) != digest_signatures(both[:1])
