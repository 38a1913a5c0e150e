"""What was measured, and the fixed points that it is held against: plain data, no drawing."""

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.measure import Measured
from tests.bench.terms import Start, TermCost
from tests.bench.yardsticks import NDPI, SENSOR, Capture, Skipped

_NDPI_TIMES: Final = 1.8
_PACKETS_A_SECOND: Final = 600e3
_BITS_A_SECOND: Final = 4e9
_FLOOD_PACKETS_A_SECOND: Final = 500e3
_RESIDENT: Final = 150e6


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A figure of the sensor's beside the one aimed at."""

    name: str
    reached: float
    aim: float
    more_is_better: bool

    @property
    def is_met(self) -> bool:
        """Whether this run reached the aim."""
        return self.reached >= self.aim if self.more_is_better else self.reached <= self.aim


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """Everything measured on one capture."""

    capture: Capture
    measured: list[Measured]
    skipped: list[Skipped]
    stages: dict[str, float]
    """CPU seconds of one replay by stage."""
    terms: list[TermCost] = field(default_factory=list)
    """By kind and number of terms; no signature first."""

    def of(self, name: str) -> Measured | None:
        """The command of that name, if it could be run."""
        return next((each for each in self.measured if each.command.name == name and each.samples), None)

    def fixed_points(self) -> Iterator[FixedPoint]:
        """The aims that concern this capture."""
        sensor, ndpi, kind = self.of(SENSOR), self.of(NDPI), self.capture.kind
        if sensor is None:
            return
        rate = self.capture.packets / sensor.cpu_seconds
        if ndpi is not None:
            yield FixedPoint("CPU as a multiple of ndpiReader's", sensor.ratio_to(ndpi), _NDPI_TIMES, False)
        if kind == "http":
            bits = 8 * self.capture.octets / sensor.cpu_seconds
            yield FixedPoint("packets a second of CPU", rate, _PACKETS_A_SECOND, True)
            yield FixedPoint("Gbit a second of CPU", bits / 1e9, _BITS_A_SECOND / 1e9, True)
        if kind == "flood":
            yield FixedPoint("packets a second of CPU", rate, _FLOOD_PACKETS_A_SECOND, True)
        yield FixedPoint("MB resident at the peak", sensor.peak_octets / 1e6, _RESIDENT / 1e6, False)


@dataclass(frozen=True, slots=True)
class Results:
    """Everything measured in one run."""

    machine: dict[str, str]
    rounds: int
    keywords: int
    starts: list[Start] = field(default_factory=list)
    captures: list[CaptureResult] = field(default_factory=list)

    def as_json(self) -> str:
        """Every figure, each run of each command included."""
        return json.dumps(
            {
                "machine": self.machine,
                "rounds": self.rounds,
                "keywords": self.keywords,
                "starts": [_start(start) for start in self.starts],
                "captures": [_capture(result) for result in self.captures],
            },
            indent=2,
        )


def _start(start: Start) -> dict[str, Any]:
    return {
        "name": start.terms.name,
        "compiled": [asdict(sample) for sample in start.compiled.samples],
        "started": [asdict(sample) for sample in start.started.samples],
        "failure": start.compiled.failure or start.started.failure,
    }


def _capture(result: CaptureResult) -> dict[str, Any]:
    capture = result.capture
    sensor = result.of(SENSOR)
    return {
        "name": capture.name,
        "packets": capture.packets,
        "octets": capture.octets,
        "note": capture.note,
        "fixed_points": [asdict(point) | {"is_met": point.is_met} for point in result.fixed_points()],
        "commands": [
            {
                "name": each.command.name,
                "note": each.command.note,
                "packets": each.command.packets,
                "cpu_seconds": each.cpu_seconds,
                "sensor_ratio": sensor.ratio_to(each) if sensor else None,
                "peak_octets": each.peak_octets,
                "samples": [asdict(sample) for sample in each.samples],
            }
            if each.samples
            else {"name": each.command.name, "failure": each.failure}
            for each in result.measured
        ],
        "skipped": [asdict(each) for each in result.skipped],
        "stages": result.stages,
        "terms": [
            {
                "name": cost.start.terms.name,
                "cpu_seconds": cost.whole.cpu_seconds,
                "samples": [asdict(sample) for sample in cost.whole.samples],
            }
            for cost in result.terms
        ],
    }


def machine() -> dict[str, str]:
    """What the figures are of."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load before": load,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
