"""Standard streams and the EVE output: whatever becomes of them, one line says so, never a traceback."""

import codecs
import errno
import io
import os
import stat
import sys
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from sensor.errors import SensorError

_REPLACE = "watchdog-sensor"
_DRAWN = MappingProxyType({"─": "-", "→": ">", "…": "~"})
"""What tables are drawn with, and as wide a stand-in."""


def prepare_standard_streams() -> None:
    """Make the three standard streams safe to use, whatever the program was started with.

    A descriptor that came closed is opened on nothing, the wrong way round: else the next file that is
    opened (the database!) would take its number, and what is meant for a terminal would land in it.
    Characters that the terminal's encoding lacks are escaped, and those that tables are drawn with replaced.
    """
    codecs.register_error(_REPLACE, _replace_or_escape)
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # lives as long as the program
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_REPLACE)


def _replace_or_escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle what cannot be encoded, one character at a time."""
    assert isinstance(error, UnicodeEncodeError)
    if drawn := _DRAWN.get(error.object[error.start]):
        return drawn, error.start + 1
    error.end = error.start + 1
    return codecs.backslashreplace_errors(error)


def abandon_standard_output() -> None:
    """Nobody takes what is left in the buffer; keep the interpreter from complaining of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def write_utf8(text: str) -> None:
    """Write ``text`` to standard output for programs: UTF-8 and its own line ends, whatever the locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


def check_eve(name: str) -> None:
    """Say that the file cannot be written before anything else is; makes nothing, opens nothing.

    :raises SensorError: if so.
    """
    wanted, target = os.W_OK, Path(name)
    try:
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            wanted, target = os.W_OK | os.X_OK, Path(os.path.realpath(name)).parent
            target.stat()
        else:
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(target, wanted):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(name, error) from error


def _unwritable(name: str, error: OSError) -> SensorError:
    return SensorError(f"EVE output {name} cannot be written: {error.strerror}; choose another file")


class EveOutput:
    """Where EVE JSON goes. Use in ``with``.

    :param name: a file, made or emptied; ``-`` is standard output.
    :raises SensorError: if it cannot be opened; `write` likewise, having cut a file after its last whole
        line.
    """

    def __init__(self, name: str) -> None:
        self._name = "standard output" if name == "-" else name
        self._size = 0
        if name == "-":
            self._descriptor = 1
            return
        try:
            self._descriptor = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
            )
        except OSError as error:
            raise _unwritable(name, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor != 1:
            os.close(self._descriptor)

    def write(self, lines: bytes) -> None:
        """Write whole lines.

        :raises BrokenPipeError: if the reader of a pipe went away.
        """
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, memoryview(lines)[written:])
        except BrokenPipeError:
            raise BrokenPipeError("the reader of the EVE output went away") from None
        except OSError as error:
            self._cut(lines.rfind(b"\n", 0, written) + 1)
            raise SensorError(
                f"EVE output {self._name} cannot be written: {error.strerror}; "
                "free space or choose another file"
            ) from error
        self._size += written

    def _cut(self, length: int) -> None:
        """Leave whole lines behind in a file: ``length`` octets of what was written last."""
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode) and self._descriptor != 1:
            os.ftruncate(self._descriptor, self._size + length)
