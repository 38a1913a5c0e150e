"""Runs an installation again and again, each time killed one line later: a program for test_store.

It prints, for each, which versions were in use and on record when the killed process was gone.
"""

import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from sensor.bundles.store import open_store
from signatures.bundle.verify import verify_bundle
from signatures.loader import check_files
from tests.signatures.bundle.signing import NAME, NOW, SENSOR, manifest_of, signed, trust


def install(into: Path, version: int) -> None:
    """Install a bundle of that version."""
    with open_store(into, NAME) as store:
        bundle = signed(manifest_of(version))
        store.install(verify_bundle(bundle, trust(), NOW, SENSOR, store.state.ever))


def die_at_line(number: int) -> None:
    """Kill this process when it is about to run that line of sensor.bundles, counted from now."""
    left = number

    def local(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return local

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local if f"sensor{os.sep}bundles" in frame.f_code.co_filename else None

    sys.settrace(trace)


def main(home: Path) -> None:
    """Install version 2 over 1, killed at line 1, 2, 3, …, until it gets to its end."""
    # Beside the shipped sets each of the hundreds of installations would check those too.
    mock.patch("sensor.bundles.store.check_files", partial(check_files, builtin=False)).start()
    ready = home / "ready"
    install(ready, 1)
    for number in range(1, 2000):
        into = home / f"at-{number}"
        shutil.copytree(ready, into, symlinks=True)
        child = os.fork()
        if not child:
            die_at_line(number)
            install(into, 2)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{into.name} {'killed' if os.WIFSIGNALED(status) else 'done'}\n")
        sys.stdout.flush()  # else the next child writes it too
        if not os.WIFSIGNALED(status):
            break


if __name__ == "__main__":
    main(Path(sys.argv[1]))
