"""Views of runs in one shape with the reference's, and octets that are nearly escapes."""

import numpy as np
from hypothesis import strategies as st

from sensor.matching.views.make import Views, Wanted, make_views
from sensor.matching.views.origin import Origins
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
        assert (view.region_start[1:] >= view.region_end[:-1]).all()
        assert view.region_start[0] == 0
        assert len(view) >= view.region_end[-1]
        origins = origins_of(view)
        for start, end, run in zip(
            view.region_start.tolist(), view.region_end.tolist(), view.region_run.tolist(), strict=True
        ):
            place = np.arange(start, end)
            columns = (
                view.octets[place],
                *(tell(place) - starts[run] for tell in (origins.starts, origins.ends)),
            )
            region = list(zip(*(column.tolist() for column in columns), strict=True))
            found[run].setdefault(view.form, []).append(region)
    for each in found:
        # The reference reads one text after another, from each of its first letters.
        each.get(Form.BASE64, []).sort(key=lambda region: region[0][1])
    return found


def texts(form: Form, octets: bytes, reach: int = 1 << 20, *, spaces: bool = False) -> list[bytes]:
    """What each region of the view reads."""
    views, starts = made([octets], reach, Wanted(frozenset({form}), spaces))
    return [bytes(octet for octet, _, _ in region) for region in by_run(views, starts)[0].get(form, [])]


def origins_of(view: View, outer: View | None = None) -> Origins:
    """Of a view; or of one of ``outer``'s octets, made with its regions as runs, back to its source."""
    return Origins.of([(0, view.origin)], None if outer is None else origins_of(outer))
