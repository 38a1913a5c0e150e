"""Everything that a worker will ever import, imported.

Afterwards no module can be read. Python and its libraries import some only when they are first needed,
which may be months on, at the first error; those are named here, or made to happen.
"""

import traceback
from collections.abc import Iterable
from importlib import import_module
from typing import Final

_MODULES: Final = (
    "sensor.pipeline",
    "exporter.eve",
    # Codecs by name, and what bytes.decode() looks up.
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    # What describes an exception, and what warns: imported by the interpreter itself.
    "linecache",
    "tokenize",
    "warnings",
    "tracemalloc",
    # Of brotli, zstandard and numpy all is loaded with them but this.
    "numpy._core._methods",
    "numpy.ma",
)


def preload(modules: Iterable[str] = _MODULES) -> None:
    """Import ``modules``, and all that a traceback takes."""
    for name in modules:
        import_module(name)
    error = ExceptionGroup("rehearsal", [ValueError("rehearsal")])
    traceback.format_exception(error)
