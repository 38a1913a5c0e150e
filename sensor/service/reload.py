"""Signatures in use: loaded, sent to the workers, replaced by a reload without losing a packet.

Each load is a generation. Workers go on with the old one until they have compiled the new, so alerts of
both may come for a while, and each says of which it is.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from sensor.configuration import Configuration
from sensor.errors import SignatureError
from sensor.service.worker_process import WorkerProcess
from sensor.status import SignatureStatus
from sensor.store.source import digest_signatures
from sensor.worker.messages import Configure, Configured, MessageError
from signatures.loader import load_signatures
from signatures.model import Signature

_KEPT: Final = 3
"""Generations whose alerts may still come: a reload waits for workers to take the one before it."""
_NEEDS_RESTART: Final = (
    *("capture.backend", "capture.workers", "capture.bpf", "capture.promiscuous", "capture.ring"),
    *("capture.user", "signatures.bypass_encrypted", "store.path", "eve.path", "metrics.listen"),
    *("metrics.web_config", "metrics.bearer_token_file", "control.socket", "limits.memory"),
    *("log.level", "log.format"),
)
"""What a reload leaves as it was."""


def left_for_restart(at_start: Configuration, now: Configuration) -> list[str]:
    """Settings that a reload would change if it could."""
    return [key for key in _NEEDS_RESTART if at_start.value(key) != now.value(key)]


class Generations:
    """The signatures in use and those before them."""

    def __init__(self) -> None:
        self.status = SignatureStatus()
        self._known: dict[int, tuple[Signature, ...]] = {}
        self._number = 0
        self._began = 0.0
        self._waiting: set[WorkerProcess] = set()
        self._answered: set[WorkerProcess] = set()
        self.settled = asyncio.Event()
        """No worker compiles."""

    def load(self, configuration: Configuration) -> Configure:
        """Load what ``configuration`` names: the message to workers, which `take` puts into use.

        :raises SignatureError: where the first mistake is; what was in use stays so.
        """
        self._began = time.monotonic()
        wanted = configuration.signatures
        try:
            loaded = load_signatures(wanted.paths, builtin=wanted.builtin).signatures
        except SignatureError as error:
            # The reasons may quote keywords, and those are nobody's business but their owner's.
            mistakes = str(error).splitlines()
            self.status.rejected = len(mistakes)
            first = ":".join(mistakes[0].split(":")[:2])
            raise SignatureError(
                f"mistakes in signature files: {len(mistakes):,}, the first at {first}; "
                "watchdog-sensor signatures check tells all"
            ) from error
        self.status.rejected = 0
        return Configure(self._number + 1, list(loaded))

    def take(self, message: Configure) -> None:
        """Signatures that were loaded are in use from now on."""
        self._number = message.generation
        self._answered.clear()
        self._known[self._number] = loaded = tuple(message.signatures)
        self._known.pop(self._number - _KEPT, None)
        self.status.loaded = len(loaded)
        self.status.digest = digest_signatures(loaded)
        self.status.loaded_ns = time.time_ns()
        self.status.last_reload_failed = False

    def expect(self, workers: Iterable[WorkerProcess]) -> None:
        """A reload is done, and `settled`, when each of these has answered."""
        self._waiting = set(workers) - self._answered
        if self._waiting:
            self.settled.clear()
        else:
            self.settled.set()

    def configured(self, worker: WorkerProcess, message: Configured) -> str:
        """Take a worker's answer; why it could not take the signatures, or empty."""
        if message.generation == self._number:
            self._waiting.discard(worker)
            self._answered.add(worker)
            if message.error:
                self._failed()
            elif not self._waiting:
                self.status.reload_seconds = time.monotonic() - self._began
            if not self._waiting:
                self.settled.set()
        return message.error

    def refused(self) -> None:
        """A reload was not taken."""
        self._failed()

    def signature(self, generation: int, index: int) -> Signature:
        """The signature that an alert names.

        :raises MessageError: if there is none such: the worker makes it up.
        """
        known = self._known.get(generation, ())
        if not 0 <= index < len(known):
            raise MessageError("an alert of a signature that was never sent")
        return known[index]

    @property
    def categories(self) -> set[str]:
        """Of all signatures that are known."""
        return {signature.category for known in self._known.values() for signature in known}

    def _failed(self) -> None:
        self.status.reload_failures += 1
        self.status.last_reload_failed = True
