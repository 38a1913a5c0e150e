"""A worker's end of the socket to its parent: never waits, and never holds more than it may.

A parent whose disk hangs must not stop a worker from reading packets. What it does not take in time is
kept up to a bound; then events go first, detections last, and both are counted.
"""

import socket
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec

from sensor.worker.messages import (
    MAX_CONFIGURE,
    Alerts,
    EveLines,
    MessageError,
    ToParent,
    ToWorker,
    Unframer,
    frame,
    to_worker,
)

EVE_BOUND: Final = 8 << 20
"""Octets that may wait when events are still taken: seconds of the parent's absence."""
ALERT_BOUND: Final = 24 << 20
"""As `EVE_BOUND`, of detections: some 50,000."""
_READ: Final = 1 << 18


class ParentGoneError(Exception):
    """The parent closed its end, or died."""


class Channel:
    """Messages to and from the parent."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._unframer = Unframer(MAX_CONFIGURE)
        self._waiting: deque[tuple[memoryview, int, int]] = deque()
        """What is left of each message, and the detections and events in it."""
        self.waiting_octets = 0
        self.alerts_waiting = 0
        self.eve_events_waiting = 0
        self.alerts_lost = 0
        self.eve_events_lost = 0

    def fileno(self) -> int:
        """Descriptor to poll."""
        return self._connection.fileno()

    def receive(self) -> Iterator[ToWorker]:
        """What the parent said meanwhile.

        :raises ParentGoneError: if it is gone.
        """
        while True:
            try:
                octets = self._connection.recv(_READ)
            except BlockingIOError:
                return
            except ConnectionError as error:
                raise ParentGoneError from error
            if not octets:
                raise ParentGoneError
            for body in self._unframer.feed(octets):
                try:
                    yield to_worker.decode(body)
                except msgspec.MsgspecError as error:
                    raise MessageError(f"the parent speaks another version: {error}") from error

    def send(self, message: ToParent) -> None:
        """Say ``message``, soon.

        :raises ParentGoneError: if nobody is there.
        """
        alerts = len(message.alerts) if isinstance(message, Alerts) else 0
        events = message.lines.count(b"\n") if isinstance(message, EveLines) else 0
        if events and self.waiting_octets > EVE_BOUND:
            self.eve_events_lost += events
            return
        if alerts and self.waiting_octets > ALERT_BOUND:
            self.alerts_lost += alerts
            return
        octets = frame(message)
        self._waiting.append((memoryview(octets), alerts, events))
        self.waiting_octets += len(octets)
        self.alerts_waiting += alerts
        self.eve_events_waiting += events
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes.

        :raises ParentGoneError: if nobody is there.
        """
        while self._waiting:
            part, alerts, events = self._waiting[0]
            try:
                sent = self._connection.send(part)
            except BlockingIOError:
                return
            except ConnectionError as error:
                raise ParentGoneError from error
            self.waiting_octets -= sent
            if sent < len(part):
                self._waiting[0] = part[sent:], alerts, events
            else:
                self._waiting.popleft()
                self.alerts_waiting -= alerts
                self.eve_events_waiting -= events

    def close(self) -> None:
        """Send the rest, waiting for the parent to take it, and close."""
        self._connection.setblocking(True)
        with suppress(ParentGoneError):
            self.flush()
        self._connection.close()
