"""``watchdog-sensor signatures test``: what signatures say of themselves, and what captures show."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.options import add_language_option, brief, table_width, whole_number
from sensor.cli.outputs import write_utf8
from sensor.cli.signatures_check import own_sids
from sensor.errors import ConfigError

if TYPE_CHECKING:
    from exporter.proof_table import Expected, Proved
    from signatures.model import Signature

_EPILOG = """\
examples:
  watchdog-sensor signatures test my.toml
  watchdog-sensor signatures test my.toml --positive seen.pcap 9000001 9000002=3
  watchdog-sensor signatures test my.toml --negative clean.pcap --negative more/

Samples stand in [signature.tests] of a signature. Each is sent through the same code that a
line is watched with, as a packet or a request of its own that meets the signature's ports,
networks, protocol and direction. Left out meanwhile is what one sample can't meet: schedule,
threshold, suppression, flags. Captures are read with all of that. Without FILE, the shipped
signatures are tested. A service proves the samples too before it takes signatures into use.
"""


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``test`` to ``signatures``."""
    test = actions.add_parser(
        "test",
        help="run the samples of signatures, and captures",
        description="Send the samples that signatures hold, and captures, through the real matching and\n"
        "detection; say which fail, and exit with 1 if any does.",
        epilog=_EPILOG,
    )
    test.add_argument("files", nargs="*", type=Path, metavar="FILE", help="TOML file, or directory of them")
    test.add_argument(
        "--positive",
        action="append",
        default=[],
        nargs="+",
        metavar=("PCAP", "SID[=COUNT]"),
        help="capture in which each of these signatures must fire, or exactly so often",
    )
    test.add_argument(
        "--negative",
        action="append",
        default=[],
        metavar="PCAP",
        help="capture in which none of the tested signatures may fire; may be repeated",
    )
    test.add_argument("--format", choices=("table", "json"), default="table", help="(default: %(default)s)")
    add_language_option(test)
    test.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.proof_table import Proved, render_proof
    from sensor.capture.source import find_captures
    from sensor.proof.samples import prove
    from signatures.loader import load_signatures

    loaded = load_signatures(options.files)
    own = own_sids(loaded, options.files) if options.files else {each.sid for each in loaded}
    tested = [signature for signature in loaded if signature.sid in own]
    wanted = [_wanted(each, own) for each in options.positive]
    find_captures([*(path for path, _ in wanted), *options.negative])
    failures: dict[int, list[tuple[str, str]]] = {}
    by_sid = {signature.sid: signature for signature in tested}
    for failure in prove(tested, limit=sum(len(each.samples) for each in tested)):
        name = _sample_name(by_sid[failure.sid], failure.sample)
        failures.setdefault(failure.sid, []).append((name, failure.reason.value))
    proved = [
        Proved(each.sid, each.name, len(each.samples), tuple(failures.get(each.sid, ())))
        for each in tested
        if each.samples
    ]
    expected = _read_captures(loaded.signatures, own, wanted, options.negative)
    if options.format == "json":
        write_utf8(_json(proved, expected))
    else:
        text = render_proof(
            proved, expected, options.lang, unproved=len(tested) - len(proved), width=table_width()
        )
        sys.stdout.write(text)
    return 0 if not failures and all(each.is_met for each in expected) else 1


def _wanted(words: Sequence[str], own: set[int]) -> tuple[str, dict[int, int | None]]:
    """A capture, and how many alerts of which signatures it must show."""
    path, *sids = words
    if not sids:
        raise ConfigError(f"--positive {path}: name the signatures that must fire in it: --positive PCAP SID")
    wanted: dict[int, int | None] = {}
    for text in sids:
        sid, has_count, count = text.partition("=")
        number = whole_number(sid)
        if number not in own or (has_count and whole_number(count) < 0):
            raise ConfigError(
                f"--positive: {brief(text)} names none of the tested signatures; write SID or SID=COUNT"
            )
        wanted[number] = whole_number(count) if has_count else None
    return path, wanted


def _sample_name(signature: "Signature", index: int) -> str:
    """A sample as its file has it: ``match 1`` is the first."""
    sample = signature.samples[index]
    number = sum(each.matches is sample.matches for each in signature.samples[: index + 1])
    return f"{'match' if sample.matches else 'no_match'} {number}"


def _read_captures(
    signatures: "Sequence[Signature]",
    own: set[int],
    positive: Sequence[tuple[str, dict[int, int | None]]],
    negative: Sequence[str],
) -> "list[Expected]":
    if not positive and not negative:
        return []
    from exporter.printable import printable
    from exporter.proof_table import Expected
    from sensor.matching.compile import compile_signatures
    from sensor.proof.captures import alerts_in

    plan = compile_signatures(signatures)
    notes: list[str] = []
    expected = []
    for path, wanted in positive:
        fired = Counter(alert.signature.sid for alert in alerts_in(plan, [path], notes))
        expected += [Expected(path, sid, fired[sid], count) for sid, count in wanted.items()]
    for path in negative:
        fired = Counter(alert.signature.sid for alert in alerts_in(plan, [path], notes))
        found = [Expected(path, sid, count, 0) for sid, count in sorted(fired.items()) if sid in own]
        expected += found or [Expected(path, None, 0, 0)]
    for note in notes:
        print(f"watchdog-sensor: {printable(note)}", file=sys.stderr)
    return expected


def _json(proved: "Sequence[Proved]", expected: "Sequence[Expected]") -> str:
    import json

    rows = {
        "signatures": [
            {
                "sid": each.sid,
                "samples": each.samples,
                "failures": [{"sample": sample, "reason": reason} for sample, reason in each.failures],
            }
            for each in proved
        ],
        "captures": [
            {
                "capture": each.capture,
                "sid": each.sid,
                "alerts": each.alerts,
                "expected": each.wanted,
                "met": each.is_met,
            }
            for each in expected
        ],
    }
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
