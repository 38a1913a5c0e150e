"""What the configuration says, typed. Sizes are octets, paths absolute, empty defaults filled in."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

PARENT_MEMORY: Final = 96 << 20
"""Octets of ``limits.memory`` that are the parent's: its libraries, and 50,000 detections that wait for a
locked database. The workers share the rest evenly."""
LEAST_WORKER_MEMORY: Final = 128 << 20
"""Octets below which a worker's libraries and databases leave nothing for flows."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    """An IP address, or a name that is looked up when listening begins."""
    port: int
    """0 is any free one."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Capture:
    """``[capture]``: what is read, and by whom."""

    interfaces: tuple[str, ...]
    backend: str
    """``auto``, ``af_packet``, ``libpcap``."""
    workers: int
    """Processes an interface."""
    bpf: str
    """In tcpdump's filter syntax; empty for all packets."""
    promiscuous: bool
    ring: int
    """Octets of each worker's ring in the kernel."""
    user: str
    """Whom workers become where the service was started as root."""

    @property
    def backend_in_use(self) -> str:
        """``af_packet`` or ``libpcap``."""
        if self.backend == "auto":
            return "af_packet" if sys.platform == "linux" else "libpcap"
        return self.backend


@dataclass(frozen=True, slots=True)
class Signatures:
    """``[signatures]``: what is looked for."""

    builtin: bool
    paths: tuple[Path, ...]
    subscriber: Path | None
    """The file of the subscriber's words, which need not be there."""
    watch: bool
    """Whether a change of a file is followed by a reload."""
    bypass_encrypted: bool
    """Whether payload that TLS has encrypted is passed over."""


@dataclass(frozen=True, slots=True)
class Store:
    """``[store]``: the database of detections."""

    path: Path


@dataclass(frozen=True, slots=True)
class Eve:
    """``[eve]``: events as EVE JSON lines."""

    path: Path | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """``[metrics]``: what Prometheus scrapes."""

    listen: tuple[Address, ...]
    """None at all turns metrics off."""
    web_config: Path | None
    bearer_token_file: Path | None


@dataclass(frozen=True, slots=True)
class Control:
    """``[control]``: the socket that ``watchdog-sensor status`` asks."""

    socket: Path


@dataclass(frozen=True, slots=True)
class Limits:
    """``[limits]``."""

    memory: int
    """Octets of parent and workers together. The kernel's rings come on top: ``capture.ring`` each."""


@dataclass(frozen=True, slots=True)
class Log:
    """``[log]``: the service's own messages on standard error."""

    level: str
    """``debug``, ``info``, ``warning``, ``error``."""
    format: str
    """``auto``, ``text``, ``json``."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the service is told."""

    capture: Capture
    signatures: Signatures
    store: Store
    eve: Eve
    metrics: Metrics
    control: Control
    limits: Limits
    log: Log
    path: Path | None = None
    """The file that it was read from, as it was named."""
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Where in the file each key stands that it holds, by dotted name: ``capture.workers``."""
    options: frozenset[str] = frozenset()
    """Keys that the command line set, by dotted name."""

    @property
    def worker_count(self) -> int:
        """Workers of all interfaces."""
        return len(self.capture.interfaces) * self.capture.workers

    @property
    def worker_memory(self) -> int:
        """Octets that each worker may use: what the parent leaves of ``limits.memory``, shared evenly."""
        return (self.limits.memory - PARENT_MEMORY) // max(self.worker_count, 1)

    def value(self, key: str) -> object:
        """The value of a dotted key."""
        table, _, name = key.partition(".")
        return getattr(getattr(self, table), name)

    def overridden(self, values: Mapping[str, object]) -> "Configuration":
        """A copy in which the command line's options take the place of what the file says.

        :param values: by dotted key (``{"capture.workers": 2}``), in the forms that the file takes, paths
            relative to the working directory. None says that the option was not given.
        :raises ConfigError: one line for each mistake, by the option's name.
        """
        from sensor.configuration.read import override  # noqa: PLC0415  # which makes these

        return override(self, values)
