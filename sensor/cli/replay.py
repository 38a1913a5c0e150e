"""``watchdog-sensor replay``: captures through the pipeline, with progress and a closing summary."""

import argparse
import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from exporter.printable import printable
from sensor.cli.options import (
    add_builtin_option,
    add_database_option,
    add_language_option,
    add_signatures_option,
    brief,
    check_not_input,
    database_to_write,
    table_width,
    whole_number,
)
from sensor.cli.outputs import EveOutput, check_eve
from sensor.errors import ConfigError
from sensor.places import default_database, plan_cache, subscriber_signatures

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
        description="Read pcap and pcapng captures, extract HTTP metadata, match signatures,\n"
        "log detections.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "captures", nargs="+", metavar="PCAP", help="capture file, directory of them, or - for standard input"
    )
    add_signatures_option(parser, default=[])
    add_builtin_option(parser)
    parser.add_argument(
        "--subscriber",
        action="store_true",
        help="also look for the words of watchdog-sensor keywords, which a replay else leaves alone",
    )
    parser.add_argument(
        "--eve", metavar="FILE", help="write EVE JSON lines to FILE, or - for standard output"
    )
    add_database_option(parser)
    parser.add_argument("--no-db", action="store_true", help="keep nothing in a database")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a capture is damaged")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no summary")
    parser.add_argument(
        "--window",
        type=_octets,
        default=None,
        metavar="OCTETS",
        help="read so much of a capture at once, 1k to 256M (default: 4M)",
    )
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _octets(text: str) -> int:
    scale = {"k": 1 << 10, "m": 1 << 20}.get(text[-1:].lower(), 1)
    digits = text[:-1] if scale > 1 else text
    size = whole_number(digits) * scale
    if not 1 << 10 <= size <= 1 << 28:
        raise argparse.ArgumentTypeError(f"{brief(text)} is not a size from 1k to 256M")
    return size


def _run(options: argparse.Namespace) -> int:
    import gc

    from sensor.capture.source import find_captures
    from sensor.cli.summary import Logged, print_summary
    from sensor.config import Settings
    from sensor.matching.cache import Cache
    from sensor.matching.compile import compile_cached
    from sensor.replay import Replay
    from signatures.loader import load_signatures

    # Everything that can be wrong with the arguments is said before anything is written.
    if options.eve == "":
        raise ConfigError("--eve names no file; write --eve FILE, or - for standard output")
    if options.captures.count("-") > 1:
        raise ConfigError("standard input (-) can be read once only")
    words = [subscriber_signatures()] if options.subscriber else []
    if words and not words[0].exists():
        raise ConfigError(
            "there are no words yet; add some ('watchdog-sensor keywords add'), or leave --subscriber out"
        )
    loaded = load_signatures([*options.signatures, *words], builtin=not options.no_builtin)
    signatures = loaded.signatures
    captures = find_captures(options.captures)
    _check_outputs(options, captures, [Path(each.file) for each in loaded.files])
    plan = compile_cached(signatures, Cache(plan_cache()))
    settings = Settings() if options.window is None else Settings(window=options.window)
    # What is alive now stays so; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    # A batch makes tens of thousands of views and transactions, in no cycle, that live as long as it does.
    gc.set_threshold(100_000, 20, 100)
    with ExitStack() as stack:
        store = None if options.no_db else _begin_run(stack, options, captures, signatures)
        eve = stack.enter_context(EveOutput(options.eve)) if options.eve else None
        progress = None
        if not options.quiet and sys.stderr.isatty():
            from exporter.progress import ReplayProgress

            progress = stack.enter_context(ReplayProgress())
        outcome = Replay(settings, plan, eve=eve, store=store, progress=progress).run(captures)
        logged = None
        if store is not None:
            from sensor.store.records import RunStatus

            logged = Logged(options.db, options.db == default_database(), store.run_id, store.previous_run)
            store.end_run(RunStatus.COMPLETED, store.counts)
    for note in outcome.notes:
        _tell(note)
    if not options.quiet:
        print_summary(
            outcome,
            sys.stderr if options.eve == "-" else sys.stdout,
            options.lang,
            logged=logged,
            width=None if options.eve == "-" else table_width(),
        )
    return 1 if options.strict and outcome.notes else 0


def _tell(note: str) -> None:
    """Show a note on standard error; nobody need be there to read it."""
    with suppress(OSError):
        print(f"watchdog-sensor: {printable(note)}", file=sys.stderr)


def _check_outputs(options: argparse.Namespace, captures: list[str], signatures: list[Path]) -> None:
    if not options.no_db:
        check_not_input(options.db, signatures, "--db")
    if not options.eve or options.eve == "-":
        return
    files = [Path(capture) for capture in captures if capture != "-"]
    check_not_input(Path(options.eve), [*files, *signatures], "--eve")
    if not options.no_db:
        check_not_input(Path(options.eve), [options.db], "--eve")
        # SQLite keeps two files beside a database. One that is yet to be made is known by its name alone.
        if os.path.realpath(options.eve) in {
            os.path.realpath(options.db) + end for end in ("", "-wal", "-shm")
        }:
            raise ConfigError(f"--eve and --db are both {options.eve}; choose two files")
    check_eve(options.eve)


def _begin_run(
    stack: ExitStack, options: argparse.Namespace, captures: list[str], signatures: tuple[Any, ...]
) -> Any:
    """Open the database and log the start of a run."""
    from sensor.store.replay import ReplayStore
    from sensor.store.source import Source, describe_source, digest_signatures
    from sensor.version import version

    def describe(capture: str) -> Source:
        if capture == "-":
            return Source("standard input")
        path = Path(capture)
        # A pipe must not be opened here: its writer would be gone when the replay opens it again.
        return describe_source(path) if path.is_file() else Source(capture)

    sources = [describe(capture) for capture in captures]
    store = stack.enter_context(ReplayStore(database_to_write(options.db), tell=_tell))
    store.begin_run(sources, version=version(), signatures_digest=digest_signatures(signatures))
    return store
