"""The installed command as a stranger runs it: a process of its own, real files, a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.pcaps.catalogue import ROOT

DEMO = ROOT / "http" / "demo.pcapng"
DEMO_PACKETS = 622
SMALL = ROOT / "http" / "keep_alive.pcap"
CUT = ROOT / "capture" / "cut_record.pcap"

_FSIZE = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""
# Root without capabilities owns its files but may not pass over their modes. The checkout stays
# readable, which for user nobody it need not be.
_NO_OVERRIDE = """
import ctypes, os, sys
if os.geteuid() == 0:
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""
_CLOSED = """
import os, sys
for descriptor in sys.argv[1].split(","):
    os.close(int(descriptor))
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    status: int
    octets: bytes
    err: str

    @property
    def out(self) -> str:
        return self.octets.decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as EVE JSON."""
        return [json.loads(line) for line in self.octets.splitlines()]

    @property
    def line(self) -> str:
        """The one line on standard error that says what is wrong."""
        assert "Traceback" not in self.err, self.err
        (line,) = self.err.splitlines()
        return line


@dataclass(frozen=True, slots=True)
class Sensor:
    """Runs ``watchdog-sensor``."""

    command: Path
    home: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The tester's environment without what would change the output."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LC_", "LANG", "XDG_", "PYTHON", "COLUMNS", "LINES"))
        }
        own = {
            "HOME": str(self.home),
            # Beside the homes of all tests, so that what one compiled the next one loads.
            "XDG_CACHE_HOME": str(self.home.parent / "cache"),
            "TZ": "Asia/Tokyo",
            "LANG": "C.UTF-8",
            "PYTHONWARNINGS": "default",
        }
        return kept | own | dict(extra or {})

    def __call__(
        self,
        *args: str | bytes | Path,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        before: Sequence[str] = (),
    ) -> Done:
        """Run it to its end, with an empty standard input unless one is given."""
        done = subprocess.run(
            [*before, self.command, *args],
            input=stdin or b"",
            capture_output=True,
            env=self.environment(env),
            cwd=cwd or self.home,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def start(self, *args: str | Path) -> "subprocess.Popen[bytes]":
        """Start it with pipes for its three streams, and go on."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.command, *args],
            env=self.environment(),
            cwd=self.home,
            bufsize=0,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )


def with_file_limit(octets: int) -> list[str]:
    """Words before a command that let no file of its grow past ``octets``: a disk that gets full."""
    return [sys.executable, "-c", _FSIZE, str(octets)]


def without_override() -> list[str]:
    """Words before a command that hold it to the modes of files, root too."""
    return [sys.executable, "-c", _NO_OVERRIDE]


def with_closed(*descriptors: int) -> list[str]:
    """Words before a command that start it without these streams."""
    return [sys.executable, "-c", _CLOSED, ",".join(map(str, descriptors))]
