"""Fuzz target: any octets in any runs, looked through for keywords in every form.

    python -m tests.fuzz.fuzz_keywords -max_total_time=600

Input: a count n, n lengths of runs, n lengths of what was scanned of them before, their octets. Invariant:
nothing raises; every match lies in its run and ends in what is new; what a person is shown of it folds to the
keyword; each run is looked through by itself, whatever stands beside it; and where runs begin with a
character for sure, a scan that finds too much tells the same keywords as one that does not.
"""

import numpy as np

from sensor.matching.compile import compile_signatures
from sensor.matching.scan import Matches, scan_payload
from signatures.model import DEFAULT_FOLDS
from signatures.text.fold import fold
from tests.fuzz.run import fuzz
from tests.matching.test_scan import columns, flood
from tests.signatures.build import signature

WORDS = ("機密", "遠隔操作", "サーバー", "ｱﾝｹｰﾄ", "anydesk", "社内 文書", "機", "ab", "\\u")
PLAN = compile_signatures([signature(word, sid=sid) for sid, word in enumerate(WORDS, 1)])


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    count = (data[:1] or b"\0")[0] % 4
    sizes, tails, rest = data[1 : 1 + count], data[1 + count : 1 + 2 * count], data[1 + 2 * count :]
    runs = []
    for size in sizes:
        runs.append(rest[:size])
        rest = rest[size:]
    runs.append(rest)
    fresh = [min(tail, len(run)) for tail, run in zip([*tails, *[0] * len(runs)], runs, strict=False)]
    calm = scan(runs, fresh, always=False)
    scan(runs, fresh, always=True)
    assert told(scan(runs, fresh, always=True, cut=False)) == told(scan(runs, fresh, always=False, cut=False))
    assert told(calm) == {
        (at, clause)
        for at, run in enumerate(runs)
        for _, clause in told(scan([run], fresh[at : at + 1], always=False))
    }


def told(matches: Matches) -> set[tuple[int, int]]:
    """Run and clause of each match."""
    return set(zip(matches.run.tolist(), matches.clause.tolist(), strict=True))


def scan(runs: list[bytes], fresh: list[int], *, always: bool, cut: bool = True) -> Matches:
    """Matches in runs, each of which holds what was asked for."""
    start, end = columns([len(run) for run in runs])
    new = start + np.array(fresh, np.int64)
    with flood(always):
        matches = scan_payload(PLAN, b"".join(runs), start, end, new, np.array(fresh, np.int64) * cut)
    assert (start[matches.run] <= matches.start).all()
    assert (matches.start < matches.end).all()
    assert (matches.end <= end[matches.run]).all()
    assert (matches.end > new[matches.run]).all()
    for clause, reading in zip(matches.clause.tolist(), matches.readings, strict=True):
        assert reading is not None
        shown = reading.text[reading.text_start : reading.text_end]
        assert fold(WORDS[clause], DEFAULT_FOLDS) in fold(shown, DEFAULT_FOLDS)
    return matches


if __name__ == "__main__":
    fuzz(one)
