"""Runs one target under atheris, guided by coverage."""

import sys
from collections.abc import Callable
from pathlib import Path

FOUND = Path(".cache/fuzz")
_OPTIONS = ("-rss_limit_mb=8192",)
"""atheris never frees the result of a comparison that it traces, so numpy's arrays add up to as much in some
ten minutes. A longer search is several runs: each begins with what the ones before it found."""


def fuzz(one: Callable[[bytes], None], *seeds: str) -> None:
    """Fuzz ``one`` until it is stopped; what is interesting, and what fails, goes to a folder below FOUND.

    :param one: takes an input; raises where its invariant is broken.
    :param seeds: folders of inputs to begin with, only read.
    """
    # atheris has wheels for Linux on x86-64 only, and tests run the targets without it.
    import atheris  # noqa: PLC0415

    found = FOUND / Path(sys.argv[0]).stem
    found.mkdir(parents=True, exist_ok=True)
    atheris.instrument_all()
    # libFuzzer writes to the first folder that it is given.
    options = [*_OPTIONS, f"-artifact_prefix={found}/", str(found), *seeds]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:]], one)
    atheris.Fuzz()
