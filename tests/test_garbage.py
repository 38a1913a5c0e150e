"""Nothing that a flow leaves behind waits for the garbage collector, which comes by seldom."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.loader import load_signatures


@pytest.fixture
def collected() -> Iterator[Counter[str]]:
    """Filled, by `look`, with the types of objects that only the collector could free."""
    gc.collect()
    gc.freeze()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield Counter()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize("protocol", ["http", "tcp", "keyword", "tunnel"])
def test_flows_that_ended_leave_nothing(protocol: str, fixtures_dir: Path, collected: Counter[str]) -> None:
    plan = compile_signatures(load_signatures([], builtin=True).signatures)
    pipelines = []  # which refer to themselves, and live as long as their process
    for window in (256, 4 << 20):
        pipeline = Pipeline(Settings(), plan)
        pipelines.append(pipeline)
        for capture in open_captures([str(fixtures_dir / protocol)], window):
            for batch in capture:
                for _ in pipeline.process(batch):
                    pass
            for _ in pipeline.finish():
                pass
        assert pipeline.counters.flows
        gc.collect()
        collected.update(type(each).__module__ for each in gc.garbage)
        gc.garbage.clear()
    assert not [module for module in collected if module.startswith(("sensor", "signatures"))], collected
