"""Views of runs in one shape with the reference's, and octets that are nearly escapes."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sensor.matching.views.make import Views, Wanted, make_views
from sensor.matching.views.view import Form, View
from tests.reference.views import Region

GAP = st.sampled_from((b"", b"", b"%", b"41", b"u3042", b"=\r\n", b"QUJD"))
"""What may lie between runs: nothing, or what would go on with an escape."""


def join(runs: list[bytes], gap: bytes = b"") -> tuple[bytes, list[int]]:
    """The octets of all runs with ``gap`` before each and behind the last, and where each run starts."""
    joined, starts = gap, []
    for run in runs:
        starts.append(len(joined))
        joined += run + gap
    return joined, starts


def made(runs: list[bytes], reach: int, wanted: Wanted, gap: bytes = b"") -> tuple[Views, list[int]]:
    joined, starts = join(runs, gap)
    start = np.array(starts, np.int64)
    end = start + np.array([len(run) for run in runs], np.int64)
    return make_views(np.frombuffer(joined, np.uint8), start, end, reach, wanted), starts


def by_run(views: Views, starts: list[int]) -> list[dict[Form, list[Region]]]:
    """Regions of each form and run, places relative to their run."""
    found: list[dict[Form, list[Region]]] = [{} for _ in starts]
    for view in views.views:
        assert view.region_start.tolist() == [0, *view.region_end.tolist()[:-1]]
        assert view.region_end[-1] == len(view) == view.origin.shape[0] == view.origin_end.shape[0]
        for start, end, run in zip(
            view.region_start.tolist(), view.region_end.tolist(), view.region_run.tolist(), strict=True
        ):
            columns = (view.octets, view.origin - starts[run], view.origin_end - starts[run])
            region = list(zip(*(column[start:end].tolist() for column in columns), strict=True))
            found[run].setdefault(view.form, []).append(region)
    return found


def texts(form: Form, octets: bytes, reach: int = 1 << 20, *, spaces: bool = False) -> list[bytes]:
    """What each region of the view reads."""
    views, starts = made([octets], reach, Wanted(frozenset({form}), spaces))
    return [bytes(octet for octet, _, _ in region) for region in by_run(views, starts)[0].get(form, [])]


def seen_through(view: View, outer: View) -> View:
    """A view of ``outer.octets``, made with its regions as runs, as a view of ``outer``'s source."""
    return replace(
        view,
        origin=outer.origin[view.origin],
        # The last octet decides; base64's line breaks and soft breaks may leave none behind it.
        origin_end=outer.origin_end[view.origin_end - 1],
        region_run=outer.region_run[view.region_run],
    )
