"""Replay: captures through the pipeline, what comes out to EVE JSON and the store."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from exporter.eve import EveWriter
from sensor.capture.batch import Batch
from sensor.capture.source import CaptureFile, open_captures
from sensor.config import SECOND_NS, Settings
from sensor.detections.results import Results
from sensor.errors import SensorError
from sensor.matching.compile import MatchPlan
from sensor.pipeline import Pipeline
from sensor.telemetry import Counters

_BACKWARDS_NS = SECOND_NS
"""A capture that starts this much before the last packet of the one before it is from another time:
rotated files of one recording overlap less."""

Progress = Callable[[CaptureFile, Counters], None]


class EveError(SensorError):
    """The EVE output cannot be written."""


@dataclass(slots=True)
class Outcome:
    """What a replay did."""

    counters: Counters
    stats: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    """One line for each damage that the captures showed, with the file's name."""
    captures: int = 0
    seconds: float = 0.0


class Replay:
    """One replay of some captures."""

    def __init__(
        self,
        settings: Settings,
        plan: MatchPlan,
        *,
        eve: BinaryIO | None = None,
        store: Any = None,
        progress: Progress | None = None,
    ) -> None:
        """
        :param eve: binary stream for EVE JSON.
        :param store: a ``sensor.store.replay.ReplayStore`` with a run begun; not imported here, since
            asyncio and SQLite cost what a run without a database need not pay.
        """
        self._pipeline = Pipeline(settings, plan, want_flows=eve is not None)
        self._settings = settings
        self._eve = EveWriter(eve) if eve is not None else None
        self._store = store
        self._progress = progress
        self._last_ns = 0

    @property
    def counters(self) -> Counters:
        """What was counted so far."""
        return self._pipeline.counters

    def run(self, paths: list[str]) -> Outcome:
        """Replay captures, in the order given.

        :raises CaptureError: if one cannot be opened.
        :raises EveError: if the EVE output cannot be written.
        :raises StoreError: if the database cannot be written.
        """
        began = time.perf_counter()
        outcome = Outcome(self.counters, {})
        with ExitStack() as stack:
            captures = open_captures(paths, self._settings.window)
            stack.callback(captures.close)  # type: ignore[attr-defined]  # a generator
            for capture in captures:
                outcome.captures += 1
                if self._eve is not None:
                    self._eve.capture = capture.name
                for batch in self._batches(capture):
                    self._hand_on(self._pipeline.process(batch))
                    if self._progress is not None:
                        self._progress(capture, self.counters)
                outcome.notes += [f"{capture.name}: {note}" for note in capture.notes]
        self._hand_on(self._pipeline.finish())
        outcome.stats = self.stats()
        outcome.seconds = time.perf_counter() - began
        if self._eve is not None:
            try:
                self._eve.write_stats(outcome.stats, self._last_ns)
            except OSError as error:
                raise _eve_error(error) from error
        return outcome

    def stats(self) -> dict[str, Any]:
        """The stats event's contents: received = decoded + the sum of rejected."""
        stats: dict[str, Any] = self._pipeline.counters.snapshot()
        stats["flows_active"] = self._pipeline.active_flows
        counters = self._pipeline.http_counters
        stats["http"] = {name: getattr(counters, name) for name in counters.__slots__}
        return stats

    def _batches(self, capture: CaptureFile) -> Iterator[Batch]:
        first = True
        for batch in capture:
            if len(batch):
                if first and int(batch.ts_ns[0]) < self._last_ns - _BACKWARDS_NS:
                    self._hand_on(self._pipeline.finish())
                    self._last_ns = 0
                first = False
                self._last_ns = max(self._last_ns, int(batch.ts_ns.max()))
            yield batch

    def _hand_on(self, results: Results) -> None:
        if self._eve is not None:
            try:
                self._eve.write(results)
            except OSError as error:
                raise _eve_error(error) from error
        if self._store is not None:
            self._store.write(results.alerts)


def _eve_error(error: OSError) -> EveError:
    if isinstance(error, BrokenPipeError):
        return EveError("the reader of the EVE output went away; the replay stopped there")
    return EveError(f"EVE output cannot be written: {error.strerror or error}; free space or choose another file")
