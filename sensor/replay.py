"""Replay: captures through the pipeline, what comes out to EVE JSON and the store."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.eve import EveWriter, Stream
from sensor.capture.batch import NOT_A_PACKET, Batch
from sensor.capture.numbering import PacketNumbers
from sensor.capture.source import CaptureFile, find_captures, open_captures
from sensor.config import SECOND_NS, Settings
from sensor.detections.alert import Alert
from sensor.detections.results import Results
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.store.records import RunCounts
from sensor.telemetry import Counters

_BACKWARDS_NS = SECOND_NS
"""A capture that starts this much before the last packet of the one before it is from another time:
rotated files of one recording overlap less."""

Progress = Callable[[CaptureFile, Counters], None]


@dataclass(slots=True)
class Outcome:
    """What a replay did."""

    counters: Counters
    stats: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    """One line for each damage that the captures showed, each with the capture's name."""
    captures: int = 0
    seconds: float = 0.0


class Replay:
    """One replay of some captures."""

    def __init__(
        self,
        settings: Settings,
        plan: MatchPlan,
        *,
        eve: Stream | None = None,
        store: Any = None,
        progress: Progress | None = None,
    ) -> None:
        """Set the stages up.

        :param eve: where EVE JSON goes, in whole lines.
        :param store: a ``sensor.store.replay.ReplayStore`` with a run begun; not imported here, since
            asyncio and SQLite cost what a run without a database need not pay.
        """
        self._pipeline = Pipeline(settings, plan, want_flows=eve is not None)
        self._settings = settings
        self._stream = eve
        self._eve: EveWriter | None = None
        self._numbers: PacketNumbers | None = None
        self._store = store
        self._progress = progress
        self._last_ns = 0

    @property
    def counters(self) -> Counters:
        """What was counted so far."""
        return self._pipeline.counters

    def run(self, paths: Sequence[str]) -> Outcome:
        """Replay captures, in the order given; once only.

        :param paths: as `open_captures` takes them.
        :raises CaptureError: if one cannot be opened or read on.
        :raises StoreError: if the database cannot be written. What the EVE stream raises is passed on.
        """
        began = time.perf_counter()
        outcome = Outcome(self.counters, {})
        files = find_captures(paths)
        if len(files) > 1:
            self._numbers = PacketNumbers()
        if self._stream is not None:
            self._eve = EveWriter(self._stream, self._numbers)
        with ExitStack() as stack:
            captures = open_captures(files, self._settings.window)
            stack.callback(captures.close)  # type: ignore[attr-defined]  # a generator
            for file, capture in zip(files, captures, strict=True):
                outcome.captures += 1
                for batch in self._batches(file, capture):
                    for results in self._pipeline.process(batch):
                        self._hand_on(results)
                    if self._progress is not None:
                        self._progress(capture, self.counters)
                outcome.notes += capture.notes
        self._finish()
        outcome.stats = self.stats()
        outcome.seconds = time.perf_counter() - began
        if self._eve is not None:
            self._eve.write_stats(outcome.stats, self._last_ns)
        return outcome

    def stats(self) -> dict[str, Any]:
        """The stats event's contents: received = decoded + the sum of rejected."""
        stats: dict[str, Any] = self._pipeline.counters.snapshot()
        stats["flows_active"] = self._pipeline.active_flows
        counters = self._pipeline.http_counters
        stats["http"] = {name: getattr(counters, name) for name in counters.__slots__}
        return stats

    def _batches(self, file: str, capture: CaptureFile) -> Iterator[Batch]:
        """The capture's batches, with packet numbers that tell it from the others."""
        base = 0 if self._numbers is None else self._numbers.begin(file)
        first = True
        for batch in capture:
            times = batch.ts_ns[batch.link_type != NOT_A_PACKET]
            if len(times):
                if first and int(times[0]) < self._last_ns - _BACKWARDS_NS:
                    self._finish()
                    self._last_ns = 0
                first = False
                self._last_ns = max(self._last_ns, int(times.max()))
            batch.first_number += base
            yield batch

    def _finish(self) -> None:
        for results in self._pipeline.finish():
            self._hand_on(results)

    def _hand_on(self, results: Results) -> None:
        # The database first: an interrupt between the two leaves no event of what the database lacks.
        if self._store is not None:
            counters = self.counters
            self._store.counts = RunCounts(counters.received, counters.decoded, dict(counters.rejected))
            self._store.write([self._place(alert) for alert in results.alerts])
        if self._eve is not None:
            self._eve.write(results)

    def _place(self, alert: Alert) -> Alert:
        """The alert with its packet's number in its own capture."""
        if self._numbers is None:
            return alert
        capture, number = self._numbers.locate(alert.packet_number)
        return replace(alert, capture=capture, packet_number=number)
