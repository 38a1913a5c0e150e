"""Signatures in use: loaded, compiled, sent to the workers, replaced by a reload without losing a packet.

Each load is a generation. It is compiled by a process of its own while the old one stays in use; then workers
take it, each between two batches, so alerts of both may come for a while, and each says of which it is.
"""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sensor import places
from sensor.configuration import Configuration
from sensor.errors import SampleError, SignatureError
from sensor.matching.cache import Cache
from sensor.service.compiler import compile_apart
from sensor.service.worker_process import WorkerProcess
from sensor.status import ReloadAnswer, SignatureStatus
from sensor.store.source import digest_signatures
from sensor.worker.messages import Compile, Configure, Configured, MessageError
from signatures.digest import keyed_digest, read_key
from signatures.loader import load_signatures
from signatures.model import Owner, Signature, SignatureSet

_KEPT: Final = 3
"""Generations whose alerts may still come: a reload waits for workers to take the one before it."""
_DATABASES_SHARE: Final = 8
"""Of what a worker may use, databases may be this part: at a reload it holds the old and the new, and flows
need the rest. With more it would shed for ever."""
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


def signature_paths(configuration: Configuration) -> list[Path]:
    """Files and directories that ``configuration`` names, the subscriber's last, be they there or not."""
    wanted = configuration.signatures
    return [*wanted.paths, *([wanted.subscriber] if wanted.subscriber else [])]


class Generations:
    """The signatures in use and those before them."""

    def __init__(self) -> None:
        self.status = SignatureStatus()
        self._known: dict[int, tuple[Signature, ...]] = {}
        self._number = 0
        self._began = 0.0
        self._current = Configure(0, [], [])
        self._files: list[str] = []
        self._loaded = ("", self._files)
        """Digest and files of the last load, which `take` is to put into use."""
        self._waiting: set[WorkerProcess] = set()
        self._answered: set[WorkerProcess] = set()
        self._uses: dict[WorkerProcess, int] = {}
        """The generation that each worker has taken."""
        self.settled = asyncio.Event()
        """No worker is about to change."""

    async def load(self, configuration: Configuration) -> Configure:
        """Load and compile what ``configuration`` names: the message to workers, which `take` puts into use.

        :raises SensorError: where the first mistake is, or why they can't be compiled; what was in use stays
            so.
        """
        self._began = time.monotonic()
        try:
            # Very many take seconds to read, in which the watchdog wants to be fed.
            loaded = await asyncio.to_thread(_load, configuration)
        except SignatureError as error:
            # The reasons may quote keywords, and those are nobody's business but their owner's.
            mistakes = str(error).splitlines()
            self.status.rejected = len(mistakes)
            # The second part is the line, or of a mistake of the file as a whole what is wrong with it.
            file, what = mistakes[0].split(":")[:2]
            raise SignatureError(
                f"mistakes in signature files: {len(mistakes):,}, the first at {file}:{what}; "
                f"watchdog-sensor signatures check {file} tells all"
            ) from error
        self.status.rejected = 0
        signatures = list(loaded)
        # Most reloads are for something else: a log rotated, an interface added.
        databases = self._current.databases
        if signatures != self._current.signatures:
            try:
                databases = await _compile(signatures, configuration)
            except SampleError as error:
                self.status.rejected = error.count
                raise
        self._loaded = (_digest(signatures), [each.file for each in loaded.files])
        return Configure(self._number + 1, signatures, databases)

    def take(self, message: Configure) -> None:
        """Signatures that were loaded are in use from now on."""
        self._current = message
        self._number = message.generation
        self._answered.clear()
        self._known[self._number] = loaded = tuple(message.signatures)
        self.status.loaded = len(loaded)
        self.status.digest, self._files = self._loaded
        self.status.loaded_ns = time.time_ns()
        self.status.last_reload_failed = False

    def expect(self, workers: Iterable[WorkerProcess]) -> None:
        """A reload is done, and `settled`, when each of these, all that there are, has answered."""
        present = set(workers)
        self._waiting = present - self._answered
        self._uses = {worker: number for worker, number in self._uses.items() if worker in present}
        kept = {*self._uses.values(), *range(self._number - _KEPT + 1, self._number + 1)}
        self._known = {number: known for number, known in self._known.items() if number in kept}
        if self._waiting:
            self.settled.clear()
        else:
            self.settled.set()

    def configured(self, worker: WorkerProcess, message: Configured) -> str:
        """Take a worker's answer; why it could not take the signatures, or empty."""
        if not message.error:
            self._uses[worker] = message.generation
        if message.generation == self._number:
            self._waiting.discard(worker)
            self._answered.add(worker)
            if message.error and not self.status.last_reload_failed:  # once, however many can't
                self._failed()
            elif not self._waiting:
                self.status.reload_seconds = time.monotonic() - self._began
            if not self._waiting:
                self.settled.set()
        return message.error

    def refused(self) -> None:
        """A reload was not taken."""
        self._failed()

    def describe(self, answer: ReloadAnswer) -> None:
        """Say in ``answer`` what is in use."""
        answer.generation = self._number
        answer.signatures = self.status.loaded
        answer.files = self._files

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


def _load(configuration: Configuration) -> SignatureSet:
    """The signatures of all files; that of the subscriber need not be there.

    :raises SignatureError: what is wrong with them.
    """
    own = configuration.signatures.subscriber
    paths = [path for path in signature_paths(configuration) if path != own or _is_there(path)]
    for path in paths:
        # The thread that waits for a pipe's writer would end no more, nor would the service.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise SignatureError(f"{path}: is no file")
    loaded = load_signatures(paths, builtin=configuration.signatures.builtin)
    for each in loaded.files:
        # What a subscriber may do is decided by what the file says that it is, wherever a link leads.
        if own and _is_or_holds(own, each.file) and each.owner is not Owner.SUBSCRIBER:
            raise SignatureError(f'{each.file}:1: [set] must say scope = "{Owner.SUBSCRIBER}"')
    return loaded


def _is_or_holds(own: Path, file: str) -> bool:
    folder = os.path.realpath(Path(file).parent)
    return os.path.realpath(own) in (folder, os.path.realpath(file))


def _is_there(path: Path) -> bool:
    """Whether there is something. What may not be looked at is: to go without it would be a silent miss."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _digest(signatures: list[Signature]) -> str:
    """By which two sets are told apart. Others may see it: a word must not be guessed with its help.

    :raises SensorError: if there is no key, and none can be made.
    """
    digest = digest_signatures(signatures)
    if any(signature.owner is Owner.SUBSCRIBER for signature in signatures):
        return keyed_digest(read_key(places.digest_key()), digest)
    return digest


async def _compile(signatures: list[Signature], configuration: Configuration) -> list[bytes]:
    """Their databases.

    :raises SensorError: if they can't be compiled, or are too large for the workers.
    """
    cache = Cache(places.plan_cache())
    kept = await asyncio.to_thread(cache.get, signatures) or []
    databases = await compile_apart(
        Compile(signatures, configuration.capture.user, configuration.limits.memory, kept)
    )
    if databases != kept:
        await asyncio.to_thread(cache.put, signatures, databases)
    octets = sum(map(len, databases))
    room = configuration.worker_memory // _DATABASES_SHARE
    if octets > room:
        raise SignatureError(
            f"signatures take {octets >> 20:,} MiB compiled, and workers have {room >> 20:,} MiB for them: "
            "use fewer, or raise [limits] memory"
        )
    return databases
