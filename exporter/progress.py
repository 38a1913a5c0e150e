"""A progress bar on the terminal, for people who wait."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from exporter.printable import printable
from sensor.capture.source import CaptureFile
from sensor.telemetry import Counters


class ReplayProgress:
    """Shows the capture under way, how far it is, and what was found. Use in ``with``; call it often."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[found]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=5,
        )
        self._name = ""
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, capture: CaptureFile, counters: Counters) -> None:
        """Show where ``capture`` is."""
        if capture.name != self._name or not self._progress.tasks:
            if self._progress.tasks:
                self._progress.remove_task(self._task)
            self._name = capture.name
            self._task = self._progress.add_task(printable(capture.name), total=capture.size, found="")
        found = f"{counters.received:,} packets, {counters.detections:,} detections"
        self._progress.update(self._task, completed=capture.position, found=found)
