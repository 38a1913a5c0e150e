"""A program that confines itself and then tries things: ``python -m tests.worker.confined CASE JSON``.

What came of it goes to standard error as the last line: JSON, by name the errno of what was refused, ``done``
for what was not.
"""

import ctypes
import errno
import json
import mmap
import os
import pwd
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sensor.errors import SensorError
from sensor.worker import libc, sandbox
from sensor.worker.privileges import _Header, _Sets, verify_dropped
from sensor.worker.seccomp import find_seccomp
from tests.worker.attempts import attempts
from tests.worker.programs import start

NOBODY = 65534
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS = 4, 8
_NET_RAW_AND_SETUID = 1 << 13 | 1 << 7


def main() -> None:
    case, options = sys.argv[1], json.loads(sys.argv[2])
    result = CASES[case](options)
    sys.stderr.write("\n" + json.dumps(result) + "\n")


def confine(options: dict[str, Any]) -> list[str]:
    """As the options say: who to be before, who after, what the system lacks."""
    missing: dict[str, Any] = {}
    if "landlock" in options:
        missing["probe_landlock"] = lambda: options["landlock"]
    if not options.get("seccomp", True):
        missing["probe_seccomp"] = lambda: None
    if options.get("user") and os.geteuid() == 0:
        os.setgroups([NOBODY - 1])
    if options.get("start_as_nobody"):
        find_seccomp()  # Imports what this user may have no right to read.
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        if options.get("with_capabilities"):
            libc.prctl(_PR_SET_KEEPCAPS, 1)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        if options.get("with_capabilities"):
            sets = (_Sets * 2)(_Sets(*[_NET_RAW_AND_SETUID] * 3))
            libc.capset(_Header(0x20080522, 0), sets)
        libc.prctl(_PR_SET_DUMPABLE, 1)  # As a program is that was started by this user.
    return sandbox.confine(
        options.get("user"),
        options.get("keep_fds", ()),
        own_capture=options.get("own_capture", False),
        address_space=options.get("address_space"),
        **missing,
    )


def try_all(options: dict[str, Any]) -> dict[str, str]:
    """Each attempt of `attempts`, one after the other."""
    tries = {name: attempt for name, attempt in attempts(options).items() if name not in options["without"]}
    held = confine(options)
    return {
        "held": ",".join(held),
        "pid": str(os.getpid()),
        **{name: outcome(attempt) for name, attempt in tries.items()},
    }


def try_one(options: dict[str, Any]) -> dict[str, str]:
    """One attempt, which may end the process."""
    attempt = attempts(options)[options["attempt"]]
    confine(options)
    return {options["attempt"]: outcome(attempt)}


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except RuntimeError:  # a thread
        return "EPERM"
    return "done"


def wait(options: dict[str, Any]) -> dict[str, Any]:
    """Be looked at from outside until the other end of ``control`` closes."""
    control = socket.socket(fileno=options["control"])
    held = confine(options)
    control.sendall(b"!")
    control.recv(1)
    return {"held": held}


def start_another(options: dict[str, Any]) -> dict[str, Any]:
    """Be the parent of one that waits, until killed."""
    with start("wait", options, [options["control"]]):
        os.close(options["control"])
        signal.pause()
    return {}


def unconfined(_: dict[str, Any]) -> dict[str, Any]:
    """What is found of rights that were not given up."""
    try:
        verify_dropped(pwd.getpwuid(NOBODY))
    except SensorError as error:
        return {"error": str(error)}
    return {}


def with_thread(options: dict[str, Any]) -> dict[str, Any]:
    """Confine with another thread running."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        return refused(options)
    finally:
        stop.set()
        thread.join()


def refused(options: dict[str, Any]) -> dict[str, Any]:
    """What confine says against it."""
    try:
        return {"held": confine(options)}
    except SensorError as error:
        return {"error": str(error)}


def ring(options: dict[str, Any]) -> dict[str, Any]:
    """Read a packet from a ring that was mapped before, and try to send and to map by its socket."""
    packets, control = socket.socket(fileno=options["packets"]), socket.socket(fileno=options["control"])
    mapped = mmap.mmap(packets.fileno(), 1 << 16)
    confine(options)
    control.sendall(b"!")
    while not mapped[0] & 1:  # TP_STATUS_USER
        control.recv(1)
    found = mapped.find(b"seen through the ring")
    tries = {
        "send": lambda: packets.send(bytes(64)),
        "write": lambda: os.write(packets.fileno(), bytes(64)),
        "sendmsg": lambda: packets.sendmsg([bytes(64)]),
        "copy": lambda: os.dup(packets.fileno()),
        "move": lambda: os.dup2(packets.fileno(), control.fileno()),
        "promiscuous": lambda: packets.setsockopt(263, 1, bytes(16)),
        "unfilter": lambda: packets.setsockopt(socket.SOL_SOCKET, 27, 0),
        "answer": lambda: control.send(b"."),
    }
    return {"found": found > 0, **{name: outcome(attempt) for name, attempt in tries.items()}}


def libpcap(options: dict[str, Any]) -> dict[str, Any]:
    """Capture by libpcap, opened here, until a packet came; then stop."""
    from sensor.capture.libpcap import open_live  # noqa: PLC0415
    from sensor.worker.preload import preload  # noqa: PLC0415

    preload()
    control = socket.socket(fileno=options["control"])
    capture = open_live("lo", bpf=f"udp and port {options['port']}")
    confine({**options, "keep_fds": [control.fileno(), capture.fileno()], "own_capture": True})
    control.sendall(b"!")
    octets = b""
    while b"seen by libpcap" not in octets:
        capture.wait(1)
        batch = capture.read_ready()
        octets += b"" if batch is None else batch.octets[: batch.used].tobytes()
    capture.stop()
    while not capture.finished:
        capture.read_ready()
    statistics = capture.statistics()
    return {"delivered": capture.delivered, "received": statistics.received, "dropped": statistics.dropped}


def terminate(options: dict[str, Any]) -> dict[str, Any]:
    """Handle SIGTERM, and one to itself."""
    seen: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    control = socket.socket(fileno=options["control"])
    confine(options)
    control.sendall(b"!")
    control.recv(1)
    with suppress(InterruptedError):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    return {"seen": len(seen)}


def fail(options: dict[str, Any]) -> dict[str, Any]:
    """End by an exception that nobody catches."""
    confine(options)
    raise RuntimeError("the last words") from ValueError("before them")


def crash(options: dict[str, Any]) -> dict[str, Any]:
    """End by a fault in native code."""
    confine(options)
    ctypes.string_at(8)
    return {}


def work(options: dict[str, Any]) -> dict[str, Any]:
    """A worker's work on the captures of a folder, with rights or without."""
    from tests.worker.work import prepare  # noqa: PLC0415  # numpy and all: for this case only

    do, options["keep_fds"] = prepare(Path(options["captures"]))
    held = confine(options) if options["confined"] else []
    return {"held": held, **do()}


CASES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "try_all": try_all,
    "try_one": try_one,
    "wait": wait,
    "start_another": start_another,
    "unconfined": unconfined,
    "with_thread": with_thread,
    "refused": refused,
    "ring": ring,
    "libpcap": libpcap,
    "terminate": terminate,
    "fail": fail,
    "crash": crash,
    "work": work,
}

if __name__ == "__main__":
    main()
