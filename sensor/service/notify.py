"""sd_notify: telling systemd how the service does (sd_notify(3)). Without systemd every call does nothing.

The protocol is one datagram of lines to the socket that the environment names, and does without a library.
"""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

from sensor.status import InterfaceStatus


class Notifier:
    """Says READY, RELOADING, STOPPING, STATUS and WATCHDOG."""

    def __init__(self) -> None:
        address = os.environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self.watchdog_seconds = _watchdog_seconds()
        """How often `alive` must be said at least, 0 if nobody waits for it."""

    def ready(self) -> None:
        """The service does its work, for the first time or again after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def need(self, seconds: float) -> None:
        """A start or a reload may take so long from now on, whatever the unit's time-out says."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000:.0f}")

    def stopping(self) -> None:
        """The service is on its way out."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for people, shown by ``systemctl status``."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The watchdog need not bite."""
        if self.watchdog_seconds:
            self._send("WATCHDOG=1")

    def _send(self, lines: str) -> None:
        if not self._address:
            return
        # Nobody there, or a full socket: the service goes on, and systemd finds out by itself.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto(lines.encode(), self._address)


def _watchdog_seconds() -> float:
    """Half of what systemd waits, as sd_watchdog_enabled(3) advises."""
    try:
        microseconds = int(os.environ.pop("WATCHDOG_USEC", "0"))
        pid = int(os.environ.pop("WATCHDOG_PID", str(os.getpid())))
    except ValueError:
        return 0.0
    return microseconds / 2_000_000 if pid == os.getpid() else 0.0


def summary_of(statuses: Sequence[InterfaceStatus], detections: int) -> str:
    """One line for ``systemctl status``."""
    parts = [
        f"{status.name} {status.state}, {status.packets_per_second:,.0f} packets/s, "
        f"{sum(status.ledger.dropped.values()):,} dropped"
        for status in statuses
    ]
    return "; ".join([*parts, f"{detections:,} detections"])
