"""CPU time of one replay, stage by stage.

The functions and methods that the pipeline calls are wrapped from outside, so that the product has no
hooks. Each moment counts for the innermost stage under way (a flow that ends while packets are tracked
has its last octets parsed: that is parsing). What is in no wrapped call counts for ``pipeline``.
"""

import argparse
import gc
import importlib
import json
import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from time import process_time
from types import MappingProxyType
from typing import Any, Final

from sensor.capture.source import CaptureFile
from sensor.config import Settings
from sensor.matching.cache import Cache
from sensor.matching.compile import compile_cached
from sensor.places import plan_cache
from sensor.replay import Replay
from signatures.loader import load_signatures

STAGES: Final = MappingProxyType(
    {
        "decode": ("sensor.pipeline:decode_batch", "sensor.pipeline:count_events"),
        "fragments": ("sensor.reassembly.fragments:FragmentReassembler.reassemble",),
        "flow": (
            "sensor.flow.track:FlowTracker.track",
            "sensor.flow.track:FlowTracker.end_replaced",
            "sensor.flow.track:FlowTracker.end",
            "sensor.pipeline:update_history",
            "sensor.pipeline:flow_records",
        ),
        "reassembly": (
            "sensor.reassembly.stream:StreamReassembler.reassemble",
            "sensor.reassembly.stream:StreamReassembler.finish",
            "sensor.reassembly.stream:StreamReassembler.forget",
        ),
        "join": ("sensor.reassembly.join:Joiner.join", "sensor.reassembly.join:Joiner.forget"),
        "http": (
            "sensor.protocols.http_flows:HttpFlows.parse",
            "sensor.protocols.http_flows:HttpFlows.finish",
            "sensor.protocols.http_flows:HttpFlows.forget",
        ),
        "match payload": ("sensor.detections.inspect:Inspector.inspect_payload",),
        "match fields": (
            "sensor.detections.inspect:Inspector.inspect_requests",
            "sensor.detections.inspect:Inspector.inspect_bodies",
        ),
        "eve": ("exporter.eve:EveWriter.write",),
    }
)
"""What is wrapped, by stage: ``module:name`` or ``module:Class.method``."""


class Stopwatch:
    """Charges CPU time to the innermost of the stages under way."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._under_way = ["pipeline"]
        self._since = process_time()

    def _charge(self) -> None:
        now = process_time()
        stage = self._under_way[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def enter(self, stage: str) -> None:
        """``stage`` begins."""
        self._charge()
        self._under_way.append(stage)

    def leave(self) -> None:
        """The innermost stage ends."""
        self._charge()
        self._under_way.pop()

    def wrap(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, timed."""

        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            self.enter(stage)
            try:
                return call(*arguments, **named)
            finally:
                self.leave()

        return timed

    def iterate(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        """``items``, the making of each timed."""
        step = self.wrap(stage, lambda: next(items, None))
        while (item := step()) is not None:
            yield item


def wrap_stages(watch: Stopwatch, replace: Callable[[Any, str, Any], None] = setattr) -> None:
    """Put every stage under the watch.

    :param replace: sets an attribute; for the rest of this process unless told otherwise.
    :raises AttributeError: if the pipeline has no such function any more: ``STAGES`` is out of date.
    """
    for stage, places in STAGES.items():
        for place in places:
            module, _, path = place.partition(":")
            *owners, name = path.split(".")
            owner = importlib.import_module(module)
            for each in owners:
                owner = getattr(owner, each)
            replace(owner, name, watch.wrap(stage, getattr(owner, name)))
    iterate = CaptureFile.__iter__
    replace(CaptureFile, "__iter__", lambda capture: watch.iterate("capture", iterate(capture)))


def main() -> None:
    """Replay a capture as ``replay --no-db --eve /dev/null`` does; print seconds by stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture")
    parser.add_argument("--signatures", type=Path, required=True)
    options = parser.parse_args()
    watch = Stopwatch()
    wrap_stages(watch)
    watch.enter("signatures")
    loaded = load_signatures([options.signatures], builtin=True)
    plan = compile_cached(loaded.signatures, Cache(plan_cache()))
    watch.leave()
    gc.collect()
    gc.freeze()  # as the command does
    with Path(os.devnull).open("wb", buffering=1 << 20) as eve:
        Replay(Settings(), plan, eve=eve).run([options.capture])
    watch.enter("end")
    print(json.dumps(watch.seconds))


if __name__ == "__main__":
    main()
