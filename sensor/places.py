"""Where files lie unless told otherwise: systemd's directories, else the user's (XDG Base Directories).

systemd.exec(5): ``STATE_DIRECTORY``, ``RUNTIME_DIRECTORY`` and ``CONFIGURATION_DIRECTORY`` are set by the
directives of the same name, paths joined by colons.
"""

import os
import sys
from pathlib import Path
from typing import Final

NAME: Final = "watchdog-sensor"
SYSTEM_CONFIGURATION: Final = Path("/etc") / NAME / "config.toml"
SYSTEM_STATE: Final = Path("/var/lib") / NAME
SYSTEM_RUNTIME: Final = Path("/run") / NAME


def default_database() -> Path:
    """Where detections are kept unless told otherwise (XDG Base Directory Specification)."""
    return _user_folder("XDG_STATE_HOME", ".local/state") / NAME / "detections.db"


def service_database() -> Path:
    """The service's database: in systemd's state directory, else where commands look for it."""
    state = _of_systemd("STATE_DIRECTORY")
    return state / "detections.db" if state else default_database()


def subscriber_signatures() -> Path:
    """The subscriber's own words: in the service's state directory for it and root, else the user's own."""
    name = "subscriber.toml"
    if state := _of_systemd("STATE_DIRECTORY"):
        return state / name
    if sys.platform != "win32" and os.geteuid() == 0:
        return SYSTEM_STATE / name
    return _user_folder("XDG_DATA_HOME", ".local/share") / NAME / name


def digest_key() -> Path:
    """The key of what is told of the subscriber's words (``signatures.digest``)."""
    return (_of_systemd("STATE_DIRECTORY") or default_database().parent) / "digest.key"


def plan_cache() -> Path:
    """Where compiled signatures are kept (``sensor.matching.cache``): what is there can be made again."""
    cache = _of_systemd("CACHE_DIRECTORY")
    return (cache or _user_folder("XDG_CACHE_HOME", ".cache") / NAME) / "plans"


def control_socket() -> Path:
    """The service's control socket."""
    if runtime := _of_systemd("RUNTIME_DIRECTORY"):
        return runtime / "control.sock"
    if sys.platform != "win32" and os.geteuid() == 0:
        return SYSTEM_RUNTIME / "control.sock"
    user = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    # Without one, beside the database: private, where a name in /tmp may be anybody's.
    return (user / NAME if user.is_absolute() else default_database().parent) / "control.sock"


def configuration_file() -> Path | None:
    """The configuration file where none is named, None if there is none."""
    folder = _of_systemd("CONFIGURATION_DIRECTORY")
    path = folder / "config.toml" if folder else SYSTEM_CONFIGURATION
    return path if path.exists() else None


def _user_folder(variable: str, usual: str) -> Path:
    """The folder that ``variable`` names, else the ``usual`` one below the user's home."""
    folder = Path(os.environ.get(variable, ""))
    if folder.is_absolute():  # else "consider the path invalid and ignore it"
        return folder
    try:
        return Path.home() / usual
    except RuntimeError:  # a user without a name and a home, as containers have them
        return Path()


def _of_systemd(variable: str) -> Path | None:
    first = Path(os.environ.get(variable, "").partition(":")[0])
    return first if first.is_absolute() else None
