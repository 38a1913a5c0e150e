"""Everything that a worker will ever import, imported.

Afterwards no module can be read. Python and its libraries import some only when they are first needed,
which may be months on, at the first error; those are named here, or made to happen. So is the one table that
is a file.
"""

import traceback
from collections.abc import Iterable
from importlib import import_module
from typing import Final

from signatures.text.fold import kanji_forms

_MODULES: Final = ("sensor.pipeline", "exporter.eve")
_LATER: Final = (
    "numpy.ma",  # numpy.unique asks it whether an array is masked
    # Files are read as ASCII, and traces written as whatever the locale is.
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.utf_8",
    # Keywords are looked for in these.
    "encodings.cp1252",
    "encodings.cp932",
    "encodings.euc_jp",
    "encodings.punycode",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    # What describes an exception or a warning: imported by the interpreter itself.
    "linecache",
    "tokenize",
    "tracemalloc",
)


def preload(modules: Iterable[str] = _MODULES) -> None:
    """Import ``modules``, by default a capture worker's, and all that libraries and a traceback take."""
    for name in (*modules, *_LATER):
        import_module(name)
    kanji_forms()
    error = ExceptionGroup("rehearsal", [ValueError("rehearsal")])
    traceback.format_exception(error)
