"""What a confined program might reach: listening sockets, and files that it inherits."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def neighbours(folder: Path) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Listeners of each kind, an open file and a socket that is not connected.

    :returns: options for `tests.worker.confined`, and the descriptors that it inherits.
    """
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        path = folder / "s"
        abstract = f"watchdog-test-{os.getpid()}"
        for address in (str(path), f"\0{abstract}"):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
        file = stack.enter_context(Path(__file__).open("rb"))
        unconnected = stack.enter_context(socket.socket())
        options = {
            "tcp": tcp.getsockname()[1],
            "path": str(path),
            "abstract": abstract,
            "inherited": file.fileno(),
            "unconnected": unconnected.fileno(),
            "keep_fds": [unconnected.fileno()],
        }
        yield options, [file.fileno(), unconnected.fileno()]
