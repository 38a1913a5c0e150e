"""Files of the system that are written whole or not at all."""

import os
import tempfile
from pathlib import Path

from sensor.errors import SensorError


def write_file(path: Path, text: str) -> None:
    """Make or replace ``path``, readable by all, and the folders above it.

    :raises SensorError: if it can't be written; nothing has changed then.
    """
    octets = text.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(octets)
                os.fchmod(stream.fileno(), 0o644)
                os.fsync(stream.fileno())
            os.replace(temporary, path)  # noqa: PTH105  # of a name that is text
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108
            raise
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; run it with sudo") from error


def remove_file(path: Path) -> bool:
    """Remove ``path``; False if it was not there.

    :raises SensorError: if it can't be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; run it with sudo") from error
    return True
