"""Processes without rights that the service starts: workers, and the compiler of signatures."""

import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from typing import Final

SAID_LEN: Final = 2000
"""Last octets of a process's last words that are kept."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process that runs, and the socket to it."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    said: "asyncio.Task[str]"
    """The end of its standard error, once it has ended: why it died, and nothing of any packet or keyword."""


async def start(module: str, *inherited: int) -> Started:
    """Start ``python -m MODULE DESCRIPTOR``; the descriptor is of a socket to the service.

    :param inherited: other descriptors that it needs.
    :raises OSError: if it can't be started.
    """
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-X", "faulthandler", "-m", module, str(theirs.fileno())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(theirs.fileno(), *inherited),
            env=_environment(),
            process_group=0,  # a terminal's Ctrl-C is for the service alone
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    assert process.stderr is not None
    said = asyncio.create_task(_last_words(process.stderr))
    reader, writer = await asyncio.open_connection(sock=ours)
    return Started(process, reader, writer, said)


def status_text(status: int) -> str:
    """How a process ended, for people."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


async def _last_words(stream: asyncio.StreamReader) -> str:
    kept = b""
    while octets := await stream.read(4096):
        kept = (kept + octets)[-SAID_LEN:]
    return kept.decode("utf-8", "backslashreplace").strip()


def _environment() -> dict[str, str]:
    """What such a process's Python needs, and nothing of what the service was told in its own."""
    return {"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}
