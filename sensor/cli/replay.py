"""``watchdog-sensor replay``: captures through the pipeline, with progress and a closing summary."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from sensor.cli.options import add_database_option, add_language_option, table_width
from sensor.errors import ConfigError, SensorError

_EPILOG = """\
examples:
  watchdog-sensor replay capture.pcapng
  watchdog-sensor replay --signatures my.toml --eve events.json recordings/
  tcpdump -w - -i eth0 | watchdog-sensor replay --no-db --eve - -
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``replay`` to the command line."""
    parser = commands.add_parser(
        "replay",
        help="read captures and log what the signatures detect",
        description="Read pcap and pcapng captures, extract HTTP metadata, match signatures, log detections.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("captures", nargs="+", metavar="PCAP", help="capture file, directory of them, or - for standard input")
    parser.add_argument(
        "--signatures",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="signature file or directory, beside the shipped ones; may be repeated",
    )
    parser.add_argument("--no-builtin", action="store_true", help="leave the shipped signatures out")
    parser.add_argument("--eve", metavar="FILE", help="write EVE JSON lines to FILE, or - for standard output")
    add_database_option(parser)
    parser.add_argument("--no-db", action="store_true", help="log nothing to a database")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a capture is damaged")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument(
        "--window", type=_octets, default=None, metavar="OCTETS", help="octets of a capture read at once (4M)"
    )
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _octets(text: str) -> int:
    scale = {"k": 1 << 10, "m": 1 << 20}.get(text[-1:].lower(), 1)
    digits = text[:-1] if scale > 1 else text
    if not digits.isdigit() or not 1 << 10 <= int(digits) * scale <= 1 << 28:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size from 1k to 256M")
    return int(digits) * scale


def _run(options: argparse.Namespace) -> int:
    import gc

    from sensor.config import Settings
    from sensor.matching.compile import compile_signatures
    from sensor.replay import Replay
    from signatures.loader import load_signatures

    if options.captures.count("-") > 1:
        raise ConfigError("standard input (-) can be read once only")
    signatures = load_signatures(options.signatures, builtin=not options.no_builtin).signatures
    plan = compile_signatures(signatures)
    settings = Settings() if options.window is None else Settings(window=options.window)
    # What is alive now stays so; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    with ExitStack() as stack:
        eve = stack.enter_context(_open_eve(options.eve)) if options.eve else None
        store = None if options.no_db else _begin_run(stack, options, signatures)
        progress = None
        if not options.quiet and sys.stderr.isatty():
            from exporter.progress import ReplayProgress

            progress = stack.enter_context(ReplayProgress())
        replay = Replay(settings, plan, eve=eve, store=store, progress=progress)
        outcome = replay.run(options.captures)
        if store is not None:
            from sensor.store.records import RunCounts, RunStatus

            counts = RunCounts(outcome.counters.received, outcome.counters.decoded, outcome.counters.rejected)
            store.end_run(RunStatus.COMPLETED, counts)
    for note in outcome.notes:
        print(f"watchdog-sensor: {note}", file=sys.stderr)
    if not options.quiet:
        from sensor.cli.summary import print_summary

        to_standard_output = options.eve != "-"
        print_summary(
            outcome,
            sys.stdout if to_standard_output else sys.stderr,
            options.lang,
            database=None if store is None else options.db,
            run_id=None if store is None else store.run_id,
            previous_run=None if store is None else store.previous_run,
            width=table_width() if to_standard_output else None,
        )
    return 1 if options.strict and outcome.notes else 0


def _open_eve(name: str) -> Any:
    if name == "-":
        return _StandardOutput()
    try:
        return open(name, "wb", buffering=1 << 20)  # noqa: SIM115  # the caller's ExitStack closes it
    except OSError as error:
        raise SensorError(f"EVE output {name} cannot be written: {error.strerror}; choose another file") from error


class _StandardOutput:
    """Standard output as a binary stream that stays open."""

    def __enter__(self) -> BinaryIO:
        return sys.stdout.buffer

    def __exit__(self, *_: object) -> None:
        sys.stdout.buffer.flush()


def _begin_run(stack: ExitStack, options: argparse.Namespace, signatures: tuple[Any, ...]) -> Any:
    """Open the database and log the start of a run."""
    from sensor.store.replay import ReplayStore
    from sensor.store.source import Source, describe_source, digest_signatures
    from sensor.version import version

    sources = [
        Source("standard input") if capture == "-" else describe_source(file)
        for capture in options.captures
        for file in _files(capture)
    ]
    store = stack.enter_context(ReplayStore(options.db))
    store.begin_run(sources, version=version(), signatures_digest=digest_signatures(signatures))
    return store


def _files(capture: str) -> list[Path]:
    path = Path(capture)
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
