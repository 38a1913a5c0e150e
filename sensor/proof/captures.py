"""Captures through the pipeline, for the alerts alone."""

from collections.abc import Iterator, Sequence

from sensor.capture.source import find_captures, open_captures
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.matching.compile import MatchPlan
from sensor.pipeline import Pipeline


def alerts_in(plan: MatchPlan, captures: Sequence[str], notes: list[str] | None = None) -> Iterator[Alert]:
    """Every alert in ``captures``, one after the other, each as if there were no other.

    :param captures: as `open_captures` takes them.
    :param notes: takes one line for each damage of a capture.
    :raises CaptureError: if one cannot be opened or read on.
    """
    settings = Settings()
    for capture in open_captures(find_captures(captures), settings.window):
        pipeline = Pipeline(settings, plan, want_flows=False)
        for batch in capture:
            for results in pipeline.process(batch):
                yield from results.alerts
        for results in pipeline.finish():
            yield from results.alerts
        if notes is not None:
            notes += capture.notes
