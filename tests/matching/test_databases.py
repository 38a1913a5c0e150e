"""Databases that one process compiled and another loaded find what a plan of one's own finds."""

from collections.abc import Callable, Iterator
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import SensorError
from sensor.matching.compile import compile_signatures, dump_databases, load_plan
from sensor.matching.plan import MatchPlan
from sensor.matching.scan import scan_datagrams, scan_fields, scan_payload
from sensor.matching.stream import StreamScanner
from signatures.loader import load_signatures
from signatures.model import Buffer, Signature
from tests.matching.strategies import VALUES, signatures
from tests.matching.test_scan import columns, flood, found
from tests.signatures.build import signature

EVERY_BUFFER = st.tuples(
    *(signatures(buffer, regexes=True, domains=buffer is Buffer.HTTP_HOST) | st.just([]) for buffer in Buffer)
).map(lambda made: [one for each in made for one in each])
MIXED = [
    signature("alpha"),
    signature("beta", buffers=(Buffer.HTTP_HOST,), domains=("b.example",)),
    signature(regexes=("al.ha",)),
]


def everything_found(plan: MatchPlan, values: list[bytes]) -> Iterator[object]:
    """By every scan that there is, in calm and in a flood."""
    start, end = columns([len(value) for value in values])
    joined = np.frombuffer(b"".join(values), np.uint8)
    for always in (False, True):
        with flood(always):
            yield found(scan_payload(plan, joined, start, end))
            yield found(scan_datagrams(plan, joined, start, end))
            yield [found(scan_fields(plan, buffer, values)) for buffer in Buffer]
    scanner = StreamScanner(plan)
    yield [
        scanner.scan(key, value, 0) if plan.has_payload_regexes else None for key, value in enumerate(values)
    ]
    scanner.close_all()


@given(EVERY_BUFFER, st.lists(VALUES, max_size=8))
def test_a_loaded_plan_finds_what_a_compiled_one_does(made: list[Signature], values: list[bytes]) -> None:
    compiled, loaded = compile_signatures(made), load_plan(made, dump_databases(made))
    assert loaded.signatures == compiled.signatures
    assert loaded.payload_tail == compiled.payload_tail
    assert loaded.payload_reach == compiled.payload_reach
    assert list(everything_found(loaded, values)) == list(everything_found(compiled, values))


def test_loading_compiles_nothing() -> None:
    made = load_signatures([]).signatures
    databases = dump_databases(made)
    with patch("sensor.matching.compile._Compiler.database", side_effect=AssertionError):
        assert load_plan(made, databases).buffers


def test_no_signature_takes_no_database() -> None:
    assert dump_databases([]) == []
    assert not load_plan([], []).buffers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda databases: databases[:-1], "fewer"),
        (lambda _databases: [], "fewer"),
        (lambda databases: [*databases, databases[0]], "more"),
        (lambda databases: [*databases[:-1], b""], "can't be loaded"),
        (lambda databases: [*databases[:-1], databases[-1][:-1]], "can't be loaded"),
        (lambda databases: [*databases[:-1], with_octet(databases[-1], 4)], "DatabaseVersionError"),
        (lambda databases: [*databases[:-1], with_octet(databases[-1], len(databases[-1]) // 2)], "can't be"),
        (lambda databases: [b"", *databases[1:]], "not of these signatures"),
    ],
    ids=["fewer", "none", "more", "empty", "short", "version", "damaged", "no table"],
)
def test_databases_that_are_of_something_else(
    change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    with pytest.raises(SensorError, match=said):
        load_plan(MIXED, change(dump_databases(MIXED)))


def with_octet(database: bytes, at: int) -> bytes:
    """``database`` with one octet changed."""
    return database[:at] + bytes([database[at] ^ 1]) + database[at + 1 :]
