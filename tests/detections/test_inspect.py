"""What scanning went through is told: floods of a keyword, and streams whose regexes lost their place."""

import pytest

from fixtures.pcaps.catalogue import ROOT
from sensor.capture.source import open_captures
from sensor.config import DetectionLimits, Settings
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import Signature
from tests.signatures.build import signature

DEMO = ROOT / "http" / "demo.pcapng"


def pipeline_of(looks_for: Signature) -> Pipeline:
    return Pipeline(Settings(), compile_signatures([looks_for]))


def run(pipeline: Pipeline) -> int:
    """Alerts of the demo capture."""
    alerts = 0
    for capture in open_captures([str(DEMO)]):
        for batch in capture:
            alerts += sum(len(results.alerts) for results in pipeline.process(batch))
    return alerts + sum(len(results.alerts) for results in pipeline.finish())


def test_frequent_keywords_are_told_and_fire_once_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    calm, flooded = pipeline_of(signature(contents=(b"e",))), pipeline_of(signature(contents=(b"e",)))
    expected = run(calm)
    monkeypatch.setattr("sensor.matching.literals._FLOOD_BASE", 0)
    monkeypatch.setattr("sensor.matching.literals._FLOOD_PER_RUN", 0)
    assert run(flooded) == expected > 0
    assert calm.counters.scans_flooded == 0
    assert flooded.counters.scans_flooded > 0


def test_streams_whose_regexes_start_anew_are_told() -> None:
    settings = Settings(detection=DetectionLimits(regex_streams=1))
    pipeline = Pipeline(settings, compile_signatures([signature(regexes=("h.st",))]))
    assert run(pipeline) > 0
    assert pipeline.counters.regex_streams_evicted > 0
