"""``make bench``: what the sensor costs, beside other programs on the same captures in the same run.

Nothing here passes or fails: machines differ, and a shared one differs from minute to minute. Read the
ratios first, then the figures.
"""

import argparse
import compileall
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from tests.bench.keywords import write_signatures
from tests.bench.measure import Command, ask, measure
from tests.bench.results import CaptureResult, Results, machine
from tests.bench.terms import COUNTS, QUICK_COUNTS, measure_starts, measure_terms, write_empty
from tests.bench.yardsticks import (
    Capture,
    Skipped,
    sensor_commands,
    write_rules,
    yardstick_commands,
)

_ROOT: Final = Path(__file__).parents[2]
_KEYWORDS: Final = 1_000
_PACKETS: Final = 1_000_000
_QUICK_PACKETS: Final = 200_000
_ROUNDS: Final = 5
_QUICK_ROUNDS: Final = 2


def main() -> int:
    """Measure and report."""
    options = _arguments()
    with contextlib.ExitStack() as stack:
        if options.keep:
            work: Path = options.keep.resolve()
            work.mkdir(parents=True, exist_ok=True)
        else:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watchdog-bench-")))
        results = _measure(options, work)

    from tests.bench.report import markdown, print_tables  # noqa: PLC0415  # rich: see measure

    print_tables(results)
    if options.json:
        options.json.write_text(results.as_json(), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(results), encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "captures", nargs="*", type=Path, metavar="PCAP", help="captures to measure on as well"
    )
    parser.add_argument("--quick", action="store_true", help="fewer packets, rounds and terms")
    parser.add_argument("--only", action="store_true", help="measure on the named captures alone")
    parser.add_argument(
        "--packets", type=int, metavar="N", help=f"packets of generated captures ({_PACKETS:,})"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"runs of each command ({_ROUNDS})")
    parser.add_argument(
        "--terms", type=int, nargs="+", metavar="N", help="numbers of terms (10 100 1000 10000)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="work in DIR and leave captures and signatures there"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report to FILE as Markdown")
    options = parser.parse_args()
    options.packets = options.packets or (_QUICK_PACKETS if options.quick else _PACKETS)
    options.rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    options.terms = options.terms or (QUICK_COUNTS if options.quick else COUNTS)
    missing = [str(path) for path in options.captures if not path.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    return options


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _say_more(text: str) -> None:
    _say(f"  {text}")


def _measure(options: argparse.Namespace, work: Path) -> Results:
    # A first start compiles what it imports; the figures are to be of later ones.
    for package in ("sensor", "signatures", "exporter"):
        compileall.compile_dir(_ROOT / package, quiet=2)
    signatures = work / "keywords.toml"
    write_signatures(signatures, _KEYWORDS)
    rules = write_rules(work, _KEYWORDS)
    results = Results(machine(), options.rounds, _KEYWORDS)
    _say("starting with terms")
    results.starts.extend(measure_starts(options.terms, options.rounds, work, _say_more))
    # What is compiled once is compiled before anything is timed.
    measure([next(sensor_commands(write_empty(work), signatures))], 1, work, _say_more)
    for capture in _captures(options, work):
        _say(f"{capture.name}: {capture.packets:,} packets, {capture.octets / 1e6:,.0f} MB")
        planned: list[Command | Skipped] = list(sensor_commands(capture, signatures))
        planned += yardstick_commands(capture, signatures, rules)
        commands = [each for each in planned if isinstance(each, Command)]
        measured = measure(commands, options.rounds, work, _say_more)
        _say("  stages")
        skipped = [each for each in planned if isinstance(each, Skipped)]
        try:
            stages = ask("tests.bench.stages", str(capture.path), "--signatures", str(signatures), work=work)
        except subprocess.CalledProcessError as error:  # what was measured is worth a report all the same
            stages = {}
            skipped.append(Skipped("time by stage", f"exit status {error.returncode}, see above"))
        terms = []
        if capture.kind in ("http", "named"):
            terms = measure_terms(results.starts, capture, options.rounds, work, _say_more)
        results.captures.append(CaptureResult(capture, measured, skipped, stages, terms))
        if work in capture.path.parents and not options.keep:
            capture.path.unlink()
    return results


def _captures(options: argparse.Namespace, work: Path) -> Iterator[Capture]:
    """What to measure on; a capture is made when it is asked for."""
    if not options.only:
        yield _generated("http", "HTTP, generated", options.packets, work)
        yield _generated("flood", "SYN flood, generated", options.packets, work)
    for path in options.captures:
        yield _counted(path.name, path.resolve())


def _generated(kind: Literal["http", "flood"], name: str, packets: int, work: Path) -> Capture:
    _say(f"making {name}")
    path = work / f"{kind}.pcap"
    made = ask("tests.bench.generate", kind, str(path), str(packets))
    note = f"{made['flows']:,} flows, {made['requests']:,} requests"
    return Capture(kind, name, path, made["packets"], made["octets"], note)


def _counted(name: str, path: Path) -> Capture:
    held = ask("tests.bench.readers", "count", str(path))
    return Capture("named", name, path, held["packets"], held["octets"])


if __name__ == "__main__":
    sys.exit(main())
