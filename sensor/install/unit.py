"""The systemd unit (systemd.unit(5), systemd.exec(5)), which lies beside this module as data."""

import os
import sys
from pathlib import Path
from typing import Final

from sensor.places import NAME

UNIT_NAME: Final = f"{NAME}.service"
UNIT_PATH: Final = Path("/etc/systemd/system") / UNIT_NAME
"""Where an administrator's units are: packages have /usr/lib/systemd/system."""
ENABLED_PATH: Final = UNIT_PATH.parent / "multi-user.target.wants" / UNIT_NAME
"""The link that ``systemctl enable`` makes."""


def unit_text(command: list[str]) -> str:
    """The unit that starts ``command``, an absolute path and its arguments, as ``command run``."""
    template = Path(__file__).with_name(UNIT_NAME).read_text("utf-8")
    return template.replace("@command@", " ".join(map(_quoted, command)))


def service_command() -> list[str]:
    """How this very installation is started."""
    script = Path(sys.executable).with_name(NAME)
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "sensor.cli"]


def _quoted(word: str) -> str:
    """``word`` for ExecStart=, where systemd reads quotes, escapes, specifiers and variables."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped.replace("/", "").replace("-", "").replace(".", "").isalnum() else f'"{escaped}"'
