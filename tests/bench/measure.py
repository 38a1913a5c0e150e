"""Runs commands as whole processes, in turns, and takes what the kernel says they cost.

Machines are shared and noisy. So commands that are to be compared run one after the other, again and
again (A B C A B C …): a slow minute then falls on all of them, and the ratio within a round means more
than either figure. CPU is user plus system time of the process and the children that it waited for.

A process's peak memory includes what its parent had resident when it was started, on Linux: so the
measuring process imports neither numpy nor rich until the last measurement is over.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""What getrusage counts ru_maxrss in, in octets."""
CACHE: Final = "cache"
"""Folder in the working one in which measured commands find what earlier ones kept, and nothing else."""
_SECONDS: Final = 900
"""A command that takes longer is of no use as a yardstick; ``timeout`` ends it, where there is one."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something to measure. It runs in an empty folder of its own."""

    name: str
    argv: tuple[str, ...]
    packets: int
    """How many packets it reads."""
    octets: int
    """Octets on the wire of those packets; 0 where nobody knows (a part of the capture)."""
    note: str = ""
    most_rounds: int = 99
    """Slow commands run in the first so many rounds only."""
    times_itself: bool = False
    """It prints ``{"cpu_seconds": …}`` of the part that counts; the process's own time is left out."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    cpu_seconds: float
    wall_seconds: float
    peak_octets: int


@dataclass(slots=True)
class Measured:
    """A command and its runs so far."""

    command: Command
    samples: list[Sample] = field(default_factory=list)
    failure: str = ""
    """Why it was given up, empty if it was not."""

    @property
    def cpu_seconds(self) -> float:
        """Median over the runs."""
        return median(sample.cpu_seconds for sample in self.samples)

    @property
    def peak_octets(self) -> int:
        """The most that any run had resident."""
        return max(sample.peak_octets for sample in self.samples)

    @property
    def ns_per_packet(self) -> float:
        """CPU time for each packet that it read."""
        return self.cpu_seconds * 1e9 / max(1, self.command.packets)

    def ratio_to(self, other: "Measured") -> float:
        """CPU a packet as a multiple of the other's: median over the rounds that both ran in."""
        ratios = [
            (mine.cpu_seconds / max(1, self.command.packets))
            / max(1e-12, theirs.cpu_seconds / max(1, other.command.packets))
            for mine, theirs in zip(self.samples, other.samples, strict=False)
        ]
        return median(ratios)


def environment(work: Path | None = None) -> dict[str, str]:
    """The environment of measured commands: this one's, but compiled code may be kept.

    :param work: where signatures that were compiled are kept; where the user's are, if it is None.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"XDG_CACHE_HOME": str(work.resolve() / CACHE)} if work else kept


def ask(module: str, *arguments: str, work: Path | None = None) -> dict[str, Any]:
    """Run one of this package's programs, unmeasured, and read the JSON object that it prints."""
    argv = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(argv, env=environment(work), stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(
    commands: Sequence[Command], rounds: int, work: Path, progress: Callable[[str], None]
) -> list[Measured]:
    """Run every command in each round; one that fails once is not tried again."""
    measured = [Measured(command) for command in commands]
    for number in range(rounds):
        for each in measured:
            if each.failure or number >= each.command.most_rounds:
                continue
            progress(f"round {number + 1} of {rounds}: {each.command.name}")
            try:
                each.samples.append(_run(each.command, work))
            except _FailedError as error:
                each.failure = str(error)
    return measured


class _FailedError(Exception):
    """A command could not be run to its end."""


def _run(command: Command, work: Path) -> Sample:
    limit = shutil.which("timeout")
    argv = [limit, str(_SECONDS), *command.argv] if limit else list(command.argv)
    with (
        tempfile.TemporaryDirectory(dir=work, prefix="run-") as folder,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as errors,
    ):
        began = os.times().elapsed
        try:
            process = subprocess.Popen(argv, cwd=folder, env=environment(work), stdout=out, stderr=errors)
        except OSError as error:
            raise _FailedError(f"not started: {error.strerror}") from error
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = os.times().elapsed - began
        if process.returncode:
            raise _FailedError(f"exit status {process.returncode}: {_last_line(errors)}")
        cpu = usage.ru_utime + usage.ru_stime
        if command.times_itself:
            out.seek(0)
            cpu = float(json.load(out)["cpu_seconds"])
        return Sample(cpu, wall, usage.ru_maxrss * _RSS_UNIT)


def _last_line(errors: Any) -> str:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
