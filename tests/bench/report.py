"""The report of a run, for people: the same tables on a terminal (rich) and as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench.measure import Measured
from tests.bench.results import CaptureResult, Results
from tests.bench.terms import Start, TermCost
from tests.bench.yardsticks import SENSOR

_PREPARED: Final = (
    "CPU is user and system time of whole processes, start-up included; the median of the runs. Commands "
    "ran in turns, and ratios are medians of the ratios within a round; CPU/packet is the multiple of the "
    "sensor's. The sensor's modules were compiled "
    "before, as an installed package's are."
)
_WIDTH: Final = 120
"""Columns in a file or a pipe."""


@dataclass(frozen=True, slots=True)
class _Table:
    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: list[str]


def print_tables(results: Results) -> None:
    """Print the report to standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(_first_line(results))
    console.print(_PREPARED)
    for each in _tables(results):
        table = Table(title=each.title, title_justify="left")
        for at, name in enumerate(each.head):
            table.add_column(name, justify="right" if at else "left", no_wrap=True)
        for row in each.rows:
            table.add_row(*row)
        console.print()
        console.print(table)
        for note in each.notes:
            console.print(f"  {note}", markup=False)


def markdown(results: Results) -> str:
    """The report as a Markdown document."""
    parts = ["# Measurements", _first_line(results), _PREPARED]
    for each in _tables(results):
        lines = [
            f"| {' | '.join(row)} |"
            for row in (each.head, ("---", *["---:"] * (len(each.head) - 1)), *each.rows)
        ]
        parts += [f"## {each.title}", "\n".join(lines)]
        if each.notes:
            parts.append("\n".join(f"- {note}" for note in each.notes))
    return "\n\n".join(parts) + "\n"


def _first_line(results: Results) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    return f"{machine}; {results.rounds} rounds, {results.keywords:,} keywords"


def _tables(results: Results) -> Iterator[_Table]:
    if results.starts:
        yield _starts(results.starts)
    for result in results.captures:
        capture = result.capture
        size = f"{capture.packets:,} packets, {capture.octets / 1e6:,.0f} MB"
        title = f"{capture.name}: {size}" + (f", {capture.note}" if capture.note else "")
        yield _fixed_points(title, result)
        yield _commands(capture.name, result)
        if result.stages:
            yield _stages(capture.name, result)
        if result.terms:
            yield _terms(capture.name, result.terms)


def _fixed_points(title: str, result: CaptureResult) -> _Table:
    rows = [
        (
            point.name,
            _short(point.reached),
            f"{'at least' if point.more_is_better else 'at most'} {_short(point.aim)}",
            f"{point.reached / point.aim:.2f}",
            "yes" if point.is_met else "no",
        )
        for point in result.fixed_points()
    ]
    return _Table(title, (SENSOR, "reached", "aim", "reached / aim", "met"), rows, [])


def _commands(name: str, result: CaptureResult) -> _Table:
    sensor = result.of(SENSOR)
    rows, notes = [], []
    for each in result.measured:
        command = each.command
        if not each.samples:
            notes.append(f"{command.name}: failed, {each.failure}")
            continue
        ratio = f"{each.ratio_to(sensor):.2f}" if sensor else ""
        rows.append((command.name, ratio, *_figures(each)))
        if command.note:
            notes.append(f"{command.name}: {command.note}")
    notes += [f"{each.name}: left out, {each.reason}" for each in result.skipped]
    head = (
        "command",
        "CPU/packet",
        "CPU s",
        "least",
        "packets",
        "packets/s",
        "Gbit/s",
        "peak MB",
        "runs",
    )
    return _Table(f"{name}: beside other programs", head, rows, notes)


def _figures(each: Measured) -> tuple[str, ...]:
    command, seconds = each.command, max(each.cpu_seconds, 1e-9)
    return (
        f"{each.cpu_seconds:.2f}",
        f"{min(sample.cpu_seconds for sample in each.samples):.2f}",
        f"{command.packets:,}",
        f"{command.packets / seconds:,.0f}",
        f"{8 * command.octets / seconds / 1e9:.2f}" if command.octets else "",
        "" if command.times_itself else f"{each.peak_octets / 1e6:,.0f}",
        str(len(each.samples)),
    )


def _stages(name: str, result: CaptureResult) -> _Table:
    total = sum(result.stages.values())
    packets = max(1, result.capture.packets)
    rows = [
        (stage, f"{seconds:.3f}", f"{100 * seconds / total:.0f} %", f"{seconds * 1e9 / packets:,.0f}")
        for stage, seconds in sorted(result.stages.items(), key=lambda item: -item[1])
    ]
    rows.append(("total", f"{total:.3f}", "100 %", f"{total * 1e9 / packets:,.0f}"))
    note = "one run in one process, without the interpreter's start; pipeline is what lies between the stages"
    return _Table(f"{name}: by stage", ("stage", "CPU s", "share", "ns a packet"), rows, [note])


def _starts(starts: Sequence[Start]) -> _Table:
    rows, notes = [], []
    for each in starts:
        failure = each.compiled.failure or each.started.failure
        if failure:
            notes.append(f"{each.terms.name}: failed, {failure}")
            continue
        peaks = (f"{run.peak_octets / 1e6:,.0f}" for run in (each.compiled, each.started))
        rows.append(
            (each.terms.name, f"{each.compiled.cpu_seconds:.2f}", f"{each.started.cpu_seconds:.2f}", *peaks)
        )
    notes.append(
        "whole commands on a capture without packets: once with nothing kept on disk, then with what"
    )
    notes.append("that run kept there, if anything; what is not kept is compiled at each start")
    head = ("terms", "compiling, CPU s", "starting, CPU s", "compiling, peak MB", "starting, peak MB")
    return _Table("Starting with terms", head, rows, notes)


def _terms(name: str, costs: Sequence[TermCost]) -> _Table:
    rows = []
    for cost in costs:
        nothing, literals, whole = cost.nothing, cost.literals, cost.whole
        rows.append(
            (
                cost.start.terms.name,
                f"{whole.cpu_seconds:.2f}",
                f"{whole.ratio_to(nothing.whole):.2f}" if nothing else "",
                f"{whole.ratio_to(literals.whole):.2f}" if literals else "",
                f"{cost.cpu_seconds:.2f}",
                f"{cost.cpu_seconds / nothing.cpu_seconds:.2f}" if nothing else "",
                f"{cost.cpu_seconds / literals.cpu_seconds:.2f}" if literals else "",
                f"{whole.peak_octets / 1e6:,.0f}",
            )
        )
    head = ("terms", "CPU s", "/ none", "/ literals", "less start", "/ none", "/ literals", "peak MB")
    notes = [
        "literals: as many ASCII literals; no shipped signatures, no events, no database",
        "sets were compiled before; less start: without what that command takes where there are no packets",
    ]
    return _Table(f"{name}: by number of terms", head, rows, notes)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
