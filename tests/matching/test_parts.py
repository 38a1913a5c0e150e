"""Views are made a part of a batch at a time: what is found does not depend on where it was parted."""

import json
from base64 import b64encode
from urllib.parse import quote_from_bytes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.forms.encoders import every_octet
from sensor.matching import layers
from sensor.matching.compile import compile_signatures
from sensor.matching.scan import scan_payload
from tests.signatures.build import signature

WORD = "機密"
PLAN = compile_signatures([signature(WORD, sid=1), signature("遠隔操作", sid=2)])
PIECES = (
    WORD.encode(),
    every_octet(WORD, "utf-8"),
    json.dumps(WORD).encode(),
    WORD.encode("ascii", "xmlcharrefreplace"),
    b64encode(f"社内の{WORD}文書".encode()),
    quote_from_bytes(b64encode("、遠隔操作".encode() * 3) + b"==").encode(),
    every_octet("遠隔操作", "shift_jis"),
    b"%E6%A9%9F",
    b"id=1&q=+",
    b"plain text, ",
    b"\\u6a5f",
)
SEAM = 512
"""More than any piece takes with all that stands around it."""


def found(runs: list[bytes]) -> list[tuple[int, ...]]:
    size = np.array([len(run) for run in runs], np.int64)
    end = np.cumsum(size)
    matches = scan_payload(PLAN, b"".join(runs), end - size, end)
    columns = (matches.clause, matches.run, matches.start, matches.end)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=200).map(b"".join), min_size=1, max_size=4),
    st.integers(1, 400),
)
def test_parts_change_nothing(runs: list[bytes], at_once: int) -> None:
    whole = found(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_AT_ONCE", at_once)
        patch.setattr(layers, "_SPARSE", 1 << 40)
        patch.setattr(layers, "_SEAM", SEAM)
        assert found(runs) == whole


@pytest.mark.parametrize("shift", range(0, 3 * SEAM, 37))
@pytest.mark.parametrize("encoded", [PIECES[4], PIECES[5]])
def test_what_lies_across_a_seam_is_found_once(
    shift: int, encoded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_AT_ONCE", 64)
    monkeypatch.setattr(layers, "_SPARSE", 1 << 40)
    monkeypatch.setattr(layers, "_SEAM", SEAM)
    run = b"%E3 " * (shift // 4) + b" " * (shift % 4) + encoded + b" %E3" * SEAM
    ((_, _, start, end),) = found([run])
    assert shift <= start < end <= shift + len(encoded)


def test_parts_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_AT_ONCE", 1)
    monkeypatch.setattr(layers, "_SPARSE", 1 << 40)
    monkeypatch.setattr(layers, "_SEAM", 8)
    for size in range(64):
        assert found([b"%" * size, b"%E3" * size]) == []
