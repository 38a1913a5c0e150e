"""Runs `tests.worker.confined`, a program that gives up its rights, and says what came of it."""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def start(case: str, options: dict[str, Any], pass_fds: Collection[int] = ()) -> "subprocess.Popen[str]":
    """Start it, with standard error to be read."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "tests.worker.confined", case, json.dumps(options)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(program: "subprocess.Popen[str]") -> dict[str, Any]:
    """What it says at its end."""
    _, said = program.communicate(timeout=120)
    assert program.returncode == 0, said
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def run(case: str, options: dict[str, Any], pass_fds: Collection[int] = ()) -> dict[str, Any]:
    """Start it and wait for its end."""
    return finish(start(case, options, pass_fds))


def run_to_death(case: str, options: dict[str, Any], pass_fds: Collection[int] = ()) -> tuple[int, str]:
    """Exit status and standard error of one that is not to end well."""
    program = start(case, options, pass_fds)
    _, said = program.communicate(timeout=120)
    return program.returncode, said
