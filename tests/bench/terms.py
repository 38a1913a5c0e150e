"""What terms cost, by how many there are and of what kind: whole commands, beside none and plain literals.

The sensor keeps compiled sets on disk if that is worth it. So each set is compiled once, with nothing kept
yet, on a capture without packets: that is what compiling takes, and it leaves what later runs load. The same
command then runs again and again: that is what starting takes. What is not kept is compiled at each start:
the figures of whole runs therefore stand beside figures without the start.
"""

import shutil
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.keywords import Kind, write_signatures
from tests.bench.measure import CACHE, Command, Measured, measure
from tests.bench.yardsticks import Capture

COUNTS: Final = (10, 100, 1_000, 10_000)
QUICK_COUNTS: Final = (10, 1_000)
_KINDS: Final = (Kind.LITERALS, Kind.ASCII, Kind.JAPANESE)
_NO_PACKETS: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
"""A classic capture file of Ethernet (draft-ietf-opsawg-pcap) that ends after its header."""


@dataclass(frozen=True, slots=True)
class TermSet:
    """Terms in a file; one without a file stands for no signature at all."""

    path: Path | None = None
    kind: Kind = Kind.LITERALS
    count: int = 0

    def command(self, capture: Path, packets: int = 0, octets: int = 0) -> Command:
        """A whole run with these terms and no others."""
        program = Path(sys.executable).with_name("watchdog-sensor")
        argv = (str(program), "replay", "--quiet", "--no-db", "--no-builtin")
        named = ("--signatures", str(self.path)) if self.path else ()
        return Command(self.name, (*argv, *named, str(capture)), packets, octets)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.count:,} {self.kind}" if self.path else "no signature"


@dataclass(frozen=True, slots=True)
class Start:
    """What a set costs before there is a packet."""

    terms: TermSet
    compiled: Measured
    """One run, nothing kept on disk."""
    started: Measured
    """Runs with what that one kept."""


@dataclass(frozen=True, slots=True)
class TermCost:
    """What a set costs on a capture, beside the sets it is compared with."""

    start: Start
    whole: Measured
    nothing: "TermCost | None"
    """No signature, on the same capture in the same rounds; None in that one itself."""
    literals: "TermCost | None"
    """As many plain literals; None in those themselves."""

    @property
    def cpu_seconds(self) -> float:
        """CPU of a run without its start: what the packets took."""
        return max(self.whole.cpu_seconds - self.start.started.cpu_seconds, 1e-9)


def write_empty(work: Path) -> Capture:
    """A capture without packets."""
    path = work / "empty.pcap"
    path.write_bytes(_NO_PACKETS)
    return Capture("named", "no packets", path, 0, 0)


def measure_starts(
    counts: Sequence[int], rounds: int, work: Path, progress: Callable[[str], None]
) -> list[Start]:
    """Write sets of so many terms of each kind to ``work`` and start with each; no signature comes first."""
    shutil.rmtree(work / CACHE, ignore_errors=True)
    empty = write_empty(work).path
    sets = [TermSet()]
    for count in counts:
        for kind in _KINDS:
            path = work / f"{kind.name.lower()}-{count}.toml"
            write_signatures(path, count, kind=kind)
            sets.append(TermSet(path, kind, count))
    commands = [each.command(empty) for each in sets]
    compiled = measure(commands, 1, work, lambda text: progress(f"compiling, {text}"))
    started = measure(commands, rounds, work, lambda text: progress(f"starting, {text}"))
    return [Start(*each) for each in zip(sets, compiled, started, strict=True)]


def measure_terms(
    starts: Sequence[Start], capture: Capture, rounds: int, work: Path, progress: Callable[[str], None]
) -> list[TermCost]:
    """Run with each set in turn on a capture; sets that failed are left out."""
    usable = [each for each in starts if each.compiled.samples and each.started.samples]
    commands = [each.terms.command(capture.path, capture.packets, capture.octets) for each in usable]
    costs: list[TermCost] = []
    nothing: TermCost | None = None
    literals: dict[int, TermCost] = {}
    for start, whole in zip(usable, measure(commands, rounds, work, progress), strict=True):
        if not whole.samples:
            progress(f"{start.terms.name}: {whole.failure}")
            continue
        cost = TermCost(start, whole, nothing, literals.get(start.terms.count))
        if not start.terms.path:
            nothing = cost
        elif start.terms.kind is Kind.LITERALS:
            literals[start.terms.count] = cost
        costs.append(cost)
    return costs
