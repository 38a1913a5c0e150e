"""The engine finds nothing that a slow search by hand does not, and holds what the fuzz target asks."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from signatures.model import DEFAULT_FOLDS
from tests.fuzz.fuzz_keywords import WORDS, one, scan
from tests.matching.test_chains import STEPS
from tests.matching.test_keywords import RUNS
from tests.reference.keywords import keywords_in

ESCAPED = st.tuples(RUNS, st.sampled_from(tuple(STEPS))).map(lambda drawn: STEPS[drawn[1]](drawn[0]))
OCTETS = st.lists(RUNS | ESCAPED | st.binary(max_size=4), max_size=3).map(b"".join)


@settings(max_examples=60)
@given(OCTETS.filter(lambda octets: len(octets) < 120))
def test_what_is_found_is_there(octets: bytes) -> None:
    found = {WORDS[clause] for clause in scan([octets], [0], always=False).clause.tolist()}
    assert found <= keywords_in(octets, WORDS, DEFAULT_FOLDS)


@example([b"_j\n\0\xb1\xdd\xb9\xb0\xc4\x82\xcc%E3"], b"\3\3\3")
@given(st.lists(OCTETS, min_size=1, max_size=3), st.binary(min_size=3, max_size=3))
def test_whatever_stands_there(runs: list[bytes], tails: bytes) -> None:
    sizes = bytes(min(len(run), 255) for run in runs[:-1])
    one(bytes((len(sizes),)) + sizes + tails[: len(sizes)] + b"".join(runs))
