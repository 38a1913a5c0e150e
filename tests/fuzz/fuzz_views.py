"""Fuzz target: any octets in any runs, as views and views of views.

    python -m tests.fuzz.fuzz_views -max_total_time=600

Input: reach, a count n, n lengths of runs, their octets. Invariant: nothing raises; the views are the scalar
reference's, run by run; nothing is dropped of so few octets; and origins, of views of views too, lie in the
run that their region is of, and ascend within it.
"""

import numpy as np

from sensor.matching.views.make import Wanted, make_views
from sensor.matching.views.origin import Origins
from sensor.matching.views.view import View
from tests.fuzz.run import fuzz
from tests.matching.views.harness import by_run, made, origins_of
from tests.reference.views import views

WANTED = Wanted(spaces=True)


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    reach, count = data[:1] or b"\0", data[1:2] or b"\0"
    sizes, rest = data[2 : 2 + count[0] % 8], data[2 + count[0] % 8 :]
    runs = []
    for size in sizes:
        runs.append(rest[:size])
        rest = rest[size:]
    runs.append(rest)
    found, starts = made(runs, reach[0] % 64, WANTED)
    assert by_run(found, starts) == [views(run, reach[0] % 64, WANTED) for run in runs]
    assert found.dropped == 0
    for outer in found.views:
        bounded(outer, origins_of(outer), outer.region_run.tolist(), starts, runs)
        inner = make_views(outer.octets, outer.region_start, outer.region_end, reach[0] % 64, WANTED)
        for view in inner.views:
            inner_runs = outer.region_run[view.region_run].tolist()
            bounded(view, origins_of(view, outer), inner_runs, starts, runs)


def bounded(view: View, origins: Origins, of_run: list[int], starts: list[int], runs: list[bytes]) -> None:
    """Hold that a view's origins lie in the run that its regions say."""
    for start, end, run in zip(view.region_start.tolist(), view.region_end.tolist(), of_run, strict=True):
        place = np.arange(start, end)
        origin, origin_end = origins.starts(place), origins.ends(place)
        assert start < end
        assert (np.diff(origin) >= 0).all()
        assert (origin < origin_end).all()
        assert starts[run] <= origin[0]
        assert origin_end.max() <= starts[run] + len(runs[run])


if __name__ == "__main__":
    fuzz(one)
