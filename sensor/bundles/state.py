"""What is known of the bundles that a folder holds or held: one JSON file, which outlives them."""

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from sensor.errors import SensorError
from signatures.bundle.verify import Highest

STATE_FILE: Final = "state.json"
_MAX_STATE: Final = 64 * 1024
"""Octets; two records are some hundred."""


class Record(msgspec.Struct, frozen=True):
    """A version that is on the disk."""

    folder: str
    """Its folder's name below ``versions``."""
    version: int
    digest: str
    """`Verified.digest` of its bundle."""
    expires: datetime


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The memory of one bundle's folder."""

    highest: int = 0
    """The highest version ever installed; 0 for none. It never goes down."""
    digest: str = ""
    """Of that version's bundle."""
    held: int = 0
    """The version that a rollback turned away from, which an update does not bring back; 0 for none."""
    records: tuple[Record, ...] = ()
    url: str = ""
    """Where the last update came from, and what the server called it (RFC 9110, section 8.8.3)."""
    etag: str = ""

    @property
    def ever(self) -> Highest | None:
        """The highest version ever installed, if any was."""
        return Highest(self.highest, self.digest) if self.highest else None


def read_state(folder: Path) -> State:
    """The state of a bundle's folder; that of an empty one where nothing was ever installed.

    :raises SensorError: if it can't be read. Going on without it could bring an old version back.
    """
    path = folder / STATE_FILE
    try:
        with path.open("rb") as stream:
            octets = stream.read(_MAX_STATE + 1)
        return msgspec.json.decode(octets, type=State)
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; run it as the owner of the folder") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise SensorError(
            f"{path}: is damaged; put it back from a backup, or remove it if an older version may come back"
        ) from error


def encode_state(state: State) -> bytes:
    """The file."""
    return msgspec.json.encode(state) + b"\n"
