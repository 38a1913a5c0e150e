"""Last words of a process that broke by a mistake of ours."""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

_CRASHED: Final = 70
"""EX_SOFTWARE of sysexits.h."""


def tell_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say where it broke, and end the process; a ``sys.excepthook``.

    Nothing of what it broke on: an exception's text may quote a packet, or a keyword.
    """
    del error
    frames = traceback.extract_tb(trace, limit=-8)
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    sys.stderr.write(f"{kind.__name__} at {places}\n")
    sys.stderr.flush()
    os._exit(_CRASHED)
