"""``make bench-match``: what finding words costs and finds, by number of words and by form.

Speed is in nanoseconds an octet of scanning alone, on text and on octets like those of a line; the ratio to
as many plain ASCII literals, measured in turn in the same run, is what to read. Times are of the processor.
"""

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from fixtures.pcaps.forms.encoders import FORMS
from sensor.matching.compile import compile_signatures, dump_databases, load_plan
from sensor.matching.plan import MatchPlan
from sensor.matching.scan import scan_payload
from signatures.model import Signature
from tests.bench.keywords import make_ascii, make_japanese
from tests.matching.corpus import texts, words
from tests.matching.measure import measure, passages
from tests.signatures.build import signature

_OCTETS: Final = 4 << 20
_ROUNDS: Final = 5
_COUNTS: Final = (10, 100, 1_000, 10_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.match", description=__doc__)
    parser.add_argument(
        "--counts", type=int, nargs="+", default=_COUNTS, metavar="N", help="numbers of words"
    )
    parser.add_argument("--no-forms", action="store_true", help="leave recall and precision out")
    options = parser.parse_args()
    console = Console(width=110)
    console.print(_speed(options.counts))
    if not options.no_forms:
        console.print(_forms())


def _signatures(words: Sequence[str]) -> list[Signature]:
    return [signature(word, sid=sid) for sid, word in enumerate(words, 1)]


def _literals(words: Sequence[str]) -> list[Signature]:
    return [
        replace(each, clauses=(replace(each.clauses[0], keywords=(), contents=(word.encode(),)),))
        for each, word in zip(_signatures(words), words, strict=True)
    ]


def _samples() -> dict[str, bytes]:
    """What is scanned: some megabytes each."""
    sources = sorted(Path(os.__file__).parent.glob("*.py"))
    english = b"".join(path.read_bytes() for path in sources)
    japanese = "\n".join(texts()).encode()
    return {
        "English": (english * 2)[:_OCTETS],
        "Japanese": (japanese * (_OCTETS // len(japanese) + 1))[:_OCTETS],
        "random": random.Random(1).randbytes(_OCTETS),
    }


def _speed(counts: Sequence[int]) -> Table:
    samples = _samples()
    dump_databases(_signatures(make_ascii(1)))  # tables that any word takes are read once a process
    table = Table(title="Scanning, ns an octet (and as a multiple of as many ASCII literals)")
    for heading in ("words", "kind", "compiled in s", "MiB", "loaded in s", *samples):
        table.add_column(heading, justify="right")
    for count in counts:
        kinds = {
            "ASCII literals": _literals(make_ascii(count)),
            "ASCII words": _signatures(make_ascii(count)),
            "Japanese words": _signatures(make_japanese(count)),
        }
        plans, rows = {}, {}
        for kind, made in kinds.items():
            began = time.process_time()
            dumped = dump_databases(made)
            compiled = time.process_time()
            plans[kind] = load_plan(made, dumped)
            loaded = time.process_time()
            size = sum(map(len, dumped)) / (1 << 20)
            taken = (f"{compiled - began:.2f}", f"{size:.1f}", f"{loaded - compiled:.3f}")
            rows[kind] = [f"{count:,}", kind, *taken]
        for octets in samples.values():
            times = _in_turn([partial(_scan, plan, octets) for plan in plans.values()])
            for (kind, row), seconds in zip(rows.items(), times, strict=True):
                ratio = "" if kind == "ASCII literals" else f" ({seconds / times[0]:.1f})"
                row.append(f"{seconds / len(octets) * 1e9:.2f}{ratio}")
        for row in rows.values():
            table.add_row(*row)
        table.add_section()
    return table


def _scan(plan: MatchPlan, octets: bytes) -> None:
    """Runs of 16 KiB, as streams are in a batch."""
    start = np.arange(0, len(octets), 16 << 10)
    scan_payload(plan, octets, start, np.minimum(start + (16 << 10), len(octets)))


def _in_turn(calls: Sequence[Callable[[], None]]) -> list[float]:
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
    return list(map(median, taken))


def _forms() -> Table:
    wanted = words()[::2]
    plan = compile_signatures(_signatures(wanted))
    table = Table(title=f"{len(wanted)} words in real Japanese text, by form")
    for heading in ("form", "there", "found", "wrong", "recall", "precision"):
        table.add_column(heading, justify="left" if heading == "form" else "right")
    for form, encode in FORMS.items():
        score = measure(plan, wanted, [*passages(texts(), 600), *words()], encode)
        cells = (f"{score.there:,}", f"{score.found:,}", f"{score.wrong:,}")
        table.add_row(form, *cells, f"{score.recall:.4f}", f"{score.precision:.4f}")
    return table


if __name__ == "__main__":
    main()
