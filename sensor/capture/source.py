"""Capture files by path: files, directories, standard input, gzip-compressed or not.

The format is told from the first octets, never from the name. What can be wrong with the arguments is
reported before the first packet is read.
"""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sensor.capture.batch import Batch
from sensor.capture.pcap import PCAP_MAGICS, PcapReader
from sensor.capture.pcapng import SECTION_HEADER_MAGIC, SECTION_ORDER, PcapngReader
from sensor.capture.window import DEFAULT_WINDOW, Window
from sensor.errors import CaptureError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STANDARD_INPUT: Final = "-"

_SNIFF_LEN: Final = 12
_GZIP_MAGIC: Final = b"\x1f\x8b"
_OTHER_FORMATS: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack it with zstd -d"),
    (b"\xfd7zXZ\x00", "xz data: unpack it with xz -d"),
    (b"BZh", "bzip2 data: unpack it with bzip2 -d"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
)


class _Pipe(io.RawIOBase):
    """A pipe, socket or terminal whose first read waits for enough octets to tell the format by.

    A buffered reader peeks at what one read brings, which of a pipe may be a single octet.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._begun = False

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view, got = memoryview(buffer), 0
        while True:
            count = self._raw.readinto(view[got:]) or 0
            got += count
            if not count or self._begun or got >= _SNIFF_LEN:
                self._begun = True
                return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class CaptureFile:
    """One open capture; iterate it once for its batches.

    :raises CaptureError: on construction, if what the stream holds is not a capture.
    """

    def __init__(
        self, stream: io.BufferedReader, name: str, size: int | None = None, window: int = DEFAULT_WINDOW
    ) -> None:
        self.name = name
        self.size = size
        """Octets that the file has (compressed ones if it is), or None if nobody knows (a pipe)."""
        self.notes: list[str] = []
        """One line for each damage found so far."""
        self._stream = stream
        unpacked = _unpack(stream)
        reader = _reader_of(_peek(unpacked, name), name)
        self._window = Window(unpacked, name, window)
        self._reader: Iterable[Batch] = reader(self._window, self.notes)

    @property
    def position(self) -> int:
        """Octets read so far, on the scale of ``size``."""
        if self.size is None:
            return self._window.base + self._window.end
        return self._stream.tell()

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._reader)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def find_captures(paths: Sequence[str]) -> list[str]:
    """Every capture that ``paths`` name, in the order in which :func:`open_captures` opens them.

    :raises CaptureError: as :func:`open_captures` does at once.
    """
    return [file for path in paths for file in _resolve(path)]


def open_captures(paths: Sequence[str], window: int = DEFAULT_WINDOW) -> Iterator[CaptureFile]:
    """Open each capture that ``paths`` name, one after the other.

    :param paths: files, directories (searched recursively, in sorted order, for files that start like
        a capture), ``-`` for standard input.
    :param window: octets read at a time.
    :returns: open captures; each is closed when the next is asked for.
    :raises CaptureError: at once, if a path is missing, unreadable, empty, or no capture, or a
        directory holds none; when it is reached, for a pipe.
    """
    return _open_each(find_captures(paths), window)


def _open_each(files: list[str], window: int) -> Iterator[CaptureFile]:
    for path in files:
        stream, name, size = _open(path)
        with stream, CaptureFile(stream, name, size, window) as capture:
            yield capture


def _resolve(path: str) -> list[str]:
    """The files that one argument names, each looked into unless it is a pipe."""
    if path == STANDARD_INPUT:
        return [path]
    name = _printable(path)
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise _cannot_open(name, error) from error
    if stat.S_ISDIR(mode):
        captures = [file for file in _files_below(path) if _looks_like_capture(file)]
        if not captures:
            raise CaptureError(f"{name}: no pcap or pcapng capture in this directory; name another one")
        return captures
    if stat.S_ISREG(mode):
        stream, _, _ = _open(path)
        with stream:
            _reader_of(_peek(_unpack(stream), name), name)
    return [path]


def _files_below(directory: str) -> list[str]:
    """Regular files, sorted; links to directories are not followed, so that this ends."""

    def fail(error: OSError) -> None:
        raise _cannot_open(_printable(str(error.filename)), error) from error

    files = [Path(folder, file) for folder, _, names in os.walk(directory, onerror=fail) for file in names]
    return sorted(str(file) for file in files if file.is_file())


def _looks_like_capture(path: str) -> bool:
    stream, name, _ = _open(path)
    with stream:
        try:
            _reader_of(_peek(_unpack(stream), name), name)
        except CaptureError:
            return False
    return True


def _open(path: str) -> tuple[io.BufferedReader, str, int | None]:
    name = "standard input" if path == STANDARD_INPUT else _printable(path)
    try:
        # Descriptor 0 itself, not sys.stdin: binary, and left open.
        raw = io.FileIO(0, closefd=False) if path == STANDARD_INPUT else io.FileIO(path)
        status = os.fstat(raw.fileno())
    except OSError as error:
        raise _cannot_open(name, error) from error
    if stat.S_ISREG(status.st_mode):
        return io.BufferedReader(raw), name, status.st_size
    return io.BufferedReader(_Pipe(raw)), name, None


def _unpack(stream: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    try:
        packed = stream.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    except OSError:
        return stream  # the next read reports it
    return gzip.GzipFile(fileobj=stream, mode="rb") if packed else stream


def _peek(stream: io.BufferedReader | gzip.GzipFile, name: str) -> bytes:
    try:
        return stream.peek(_SNIFF_LEN)[:_SNIFF_LEN]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CaptureError(f"{name} is damaged gzip data ({error}); copy it again") from error
    except OSError as error:
        raise _cannot_open(name, error) from error


def _reader_of(start: bytes, name: str) -> type[PcapReader] | type[PcapngReader]:
    """The reader for a stream that starts like this."""
    if start[:4] in PCAP_MAGICS:
        return PcapReader
    if start[:4] == SECTION_HEADER_MAGIC and start[8:12] in SECTION_ORDER:
        return PcapngReader
    if not start:
        raise CaptureError(f"{name} is empty (0 octets); capture it again")
    what = next((text for magic, text in _OTHER_FORMATS if start.startswith(magic)), None)
    if what is None:
        what = f"starts with {start[:4].hex(' ')}; if Wireshark reads it, convert it with editcap -F pcapng"
    raise CaptureError(f"{name} is not a pcap or pcapng capture: {what}")


def _cannot_open(name: str, error: OSError) -> CaptureError:
    if isinstance(error, FileNotFoundError):
        return CaptureError(f"{name} does not exist; check the path")
    if isinstance(error, PermissionError):
        return CaptureError(f"{name} cannot be read: permission denied; ask its owner or change its mode")
    return CaptureError(f"{name} cannot be read: {error.strerror or error}; check the path")


def _printable(path: str) -> str:
    """``path`` on one line, whatever octets it is made of, and to be seen though it has none."""
    return path if path and path.isprintable() else ascii(path)
