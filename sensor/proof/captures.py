"""Captures through the pipeline, for the alerts alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sensor.capture.source import find_captures, open_captures
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline


def alerts_in(plan: MatchPlan, captures: Sequence[str], notes: list[str] | None = None) -> Iterator[Alert]:
    """Every alert in ``captures``, one after the other, each as if there were no other.

    :param captures: as `open_captures` takes them. Where they are several files, alerts name theirs.
    :param notes: takes one line for each damage of a capture.
    :raises CaptureError: if one cannot be opened or read on.
    """
    settings = Settings()
    files = find_captures(captures)
    for capture in open_captures(files, settings.window):
        pipeline = Pipeline(settings, plan, want_flows=False)
        name = capture.name if len(files) > 1 else ""
        for batch in capture:
            for results in pipeline.process(batch):
                yield from (replace(alert, capture=name) for alert in results.alerts)
        for results in pipeline.finish():
            yield from (replace(alert, capture=name) for alert in results.alerts)
        if notes is not None:
            notes += capture.notes
