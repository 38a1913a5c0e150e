"""The memory ceiling holds, and idle processes are small: real floods, each through a process of its own."""

import json
import subprocess
import sys

import pytest

from tests.bench.floods import FLOODS

TOLD_BY = {
    "syns": "flows_evicted",
    "words": "http.heads_evicted",
    "fragments": "fragments_expired",
    "holes": "reassembly_limited",
    "heads": "http.heads_evicted",
    "bodies": "http.bodies_cut",
    "requests": "http.requests_evicted",
    "memos": "http.requests_evicted",
    "bombs": "http.bodies_cut",
    "alerts": "alerts_forgotten",
}
LEAST_MIB = 96


@pytest.mark.linux
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_stays_under_the_least_ceiling(flood: str) -> None:
    command = [sys.executable, "-m", "tests.bench.floods", f"--memory={LEAST_MIB}", "--scale=1", flood]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    counters = measured["counters"]
    assert counters[TOLD_BY[flood]] > 0
    assert counters["received"] == counters["decoded"]
    assert measured["idle"] < measured["peak"] < LEAST_MIB
