"""One configured interface: its packet sockets, its workers, and the account of its packets.

The configured name is what the operator means and what every series and row is labelled with. While the
device that had it lives, capture follows the device, renamed or not, up or down; a device that is gone is
drained and let go, and the next one of that name is taken up.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sensor.capture.af_packet import (
    Fanout,
    PacketSocket,
    link_type_of,
    open_packet_socket,
    read_statistics,
    stop_intake,
    take_error,
)
from sensor.capture.bpf import compile_filter
from sensor.capture.links import link_name, read_link
from sensor.configuration import Configuration
from sensor.errors import SensorError
from sensor.service import account
from sensor.service.worker_process import WorkerProcess
from sensor.status import InterfaceStatus, LedgerCounts, WorkerStatus
from sensor.worker.messages import Alerts, Begin, Configure, Configured, LivePlace, RingPlace

DRAIN_SECONDS: Final = 3.0
"""Until a worker that should end is killed: operators are promised five for everything."""

Event = Callable[..., None]
"""Logs ``(level, event, **detail)``."""


@dataclass(slots=True)
class Lane:
    """A worker, and the packet socket that it reads."""

    worker: WorkerProcess
    socket: PacketSocket | None
    """None where the worker opens its source itself (libpcap)."""
    received: int = 0
    dropped: int = 0
    task: "asyncio.Task[None] | None" = None

    def counts(self) -> LedgerCounts:
        """The account of this lane. The page is read first: nothing is delivered before it is received."""
        values = self.worker.counters()
        counts = account.add_worker(LedgerCounts(), values)
        if self.socket is None:
            return account.add_kernel(counts, values["source_received"], values["source_dropped"])
        received, dropped = read_statistics(self.socket.socket)
        self.received += received
        self.dropped += dropped
        return account.add_kernel(counts, self.received, self.dropped)


class InterfaceCapture:
    """Capture on one interface, for as long as the service runs."""

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        *,
        on_alerts: Callable[[str, WorkerProcess, Alerts], None],
        on_eve: Callable[[bytes], None],
        on_event: Event,
        on_configured: Callable[[WorkerProcess, Configured], None],
        on_end: Callable[["asyncio.Task[None]"], None],
    ) -> None:
        self.name = name
        self._configuration = configuration
        self._on_alerts = on_alerts
        self._on_eve = on_eve
        self._on_event = on_event
        self._on_configured = on_configured
        self._on_end = on_end
        self._configure: Configure | None = None
        self._lanes: list[Lane] = []
        self._past = LedgerCounts()
        """Of devices that are gone."""
        self._past_counters: list[dict[str, int]] = [{} for _ in range(configuration.capture.workers)]
        self._past_restarts = [0] * configuration.capture.workers
        self._index = 0
        self._device = ""
        self.state = "missing"
        self._told_missing = False
        self._closed = False
        self._changing = asyncio.Lock()
        self.ledger_error = 0
        self._past_error = 0
        """As `ledger_error`, of devices that are gone."""
        self._last: tuple[int, LedgerCounts] = time.monotonic_ns(), LedgerCounts()
        self.packets_per_second = self.octets_per_second = 0.0

    @property
    def workers(self) -> list[WorkerProcess]:
        """Those that there are now."""
        return [lane.worker for lane in self._lanes]

    @property
    def capturing(self) -> bool:
        """Whether packets that come now are seen."""
        return bool(self._lanes)

    def configure(self, message: Configure) -> None:
        """Have every worker, now and later, look for these signatures."""
        self._configure = message
        for lane in self._lanes:
            lane.worker.configure(message)

    async def follow(self, *, required: bool = False) -> None:
        """Look at what became of the device, and act on it. To be called again until `state` stays.

        :param required: raise what keeps it from being opened, rather than log it and try again later.
        :raises SensorError: as `open_packet_socket`.
        """
        async with self._changing:
            if self._closed:
                return
            if self._lanes and self._is_gone():
                self._set_state("missing", "error", "interface_gone")
                await self._close_lanes(DRAIN_SECONDS)
                return  # the next look takes up another one
            if not self._lanes:
                try:
                    self._open()
                except SensorError as error:
                    told, self._told_missing = self._told_missing, True
                    if required:
                        raise
                    if not told:
                        self._on_event("warning", "interface_missing", interface=self.name, error=str(error))
                    return
                self._told_missing = False
            self._look()

    async def close(self, seconds: float) -> None:
        """Drain and end every worker, for good; those that do not end in time are killed."""
        self._closed = True
        async with self._changing:
            await self._close_lanes(seconds)

    def abandon(self) -> None:
        """Kill what does not end."""
        for lane in self._lanes:
            lane.worker.kill()

    def counts(self) -> LedgerCounts:
        """The account since the service started, checked."""
        each = [lane.counts() for lane in self._lanes]
        # Lane by lane: what one has too many another may have too few.
        error = self._past_error + sum(map(self._error_of, each))
        self.ledger_error = max(self.ledger_error, error)
        return account.total([self._past, *each])

    def _error_of(self, counts: LedgerCounts) -> int:
        if self._configuration.capture.backend_in_use == "af_packet":
            return account.error_of(counts, self._configuration.capture.ring)
        # libpcap's numbers are late and differ by platform: only the pipeline's are held to an identity.
        return abs(counts.unaccounted)

    def measure(self, counts: LedgerCounts) -> None:
        """Take the rates since the last call."""
        now = time.monotonic_ns()
        then, before = self._last
        seconds = max(now - then, 1) / 1e9
        self.packets_per_second = (counts.received - before.received) / seconds
        self.octets_per_second = (counts.octets - before.octets) / seconds
        self._last = now, counts

    def status(self) -> InterfaceStatus:
        """How it stands. Workers' counters only grow, also while the device is gone."""
        workers = [lane.worker.status() for lane in self._lanes] or [
            WorkerStatus(index, "stopped") for index in range(len(self._past_counters))
        ]
        for worker in workers:
            past = self._past_counters[worker.index]
            counters = worker.counters or dict.fromkeys(past, 0)
            worker.counters = {name: value + past.get(name, 0) for name, value in counters.items()}
            worker.restarts += self._past_restarts[worker.index]
        return InterfaceStatus(
            name=self.name,
            state=self.state,
            device=self._device if self._device != self.name else "",
            backend=self._configuration.capture.backend_in_use,
            packets_per_second=self.packets_per_second,
            octets_per_second=self.octets_per_second,
            ledger=self.counts(),
            ledger_error=self.ledger_error,
            workers=workers,
        )

    def _open(self) -> None:
        capture = self._configuration.capture
        if capture.backend_in_use == "af_packet":
            self._open_sockets()
        else:
            self._lanes = [self._lane(index, None) for index in range(capture.workers)]
            link = read_link(self.name)
            self._index = link.index if link is not None else 0
        self._device = self.name
        for lane in self._lanes:
            lane.task = asyncio.create_task(lane.worker.run())
            lane.task.add_done_callback(self._on_end)

    def _open_sockets(self) -> None:
        capture = self._configuration.capture
        link = read_link(self.name)
        program = None
        if capture.bpf and link is not None:
            program = compile_filter(capture.bpf, self.name, link_type_of(link.hardware_type))
        group: int | None = None
        lanes: list[Lane] = []
        try:
            for index in range(capture.workers):
                opened = open_packet_socket(
                    self.name,
                    ring_octets=capture.ring,
                    fanout=Fanout(group) if capture.workers > 1 else None,
                    promiscuous=capture.promiscuous,
                    bpf=program,
                )
                group = opened.group
                lanes.append(self._lane(index, opened))
        except BaseException:
            for lane in lanes:
                _release(lane)
            raise
        self._lanes = lanes
        self._index = link.index if link is not None else 0

    def _lane(self, index: int, opened: PacketSocket | None) -> Lane:
        def begin(page: int) -> Begin:
            configuration = self._configuration
            capture = configuration.capture
            source: RingPlace | LivePlace
            if opened is not None:
                geometry = opened.geometry
                source = RingPlace(
                    opened.socket.fileno(),
                    geometry.block_size,
                    geometry.block_count,
                    geometry.link_type,
                )
            else:
                source = LivePlace(self.name, capture.bpf, capture.promiscuous, capture.ring)
            return Begin(
                self.name,
                source,
                page,
                capture.user,
                configuration.worker_memory,
                configuration.eve.path is not None,
                configuration.signatures.bypass_encrypted,
            )

        worker = WorkerProcess(
            index,
            begin,
            () if opened is None else (opened.socket.fileno(),),
            on_alerts=lambda worker, alerts: self._on_alerts(self.name, worker, alerts),
            on_eve=self._on_eve,
            on_event=lambda level, event, **detail: self._on_event(
                level, event, interface=self.name, **detail
            ),
            on_configured=self._on_configured,
        )
        if self._configure is not None:
            worker.configure(self._configure)
        return Lane(worker, opened)

    def _is_gone(self) -> bool:
        """Whether the device that was opened is no more, or its name belongs to another one now."""
        name = link_name(self._index)
        return not name or (name != self.name and read_link(self.name) is not None)

    def _look(self) -> None:
        name = link_name(self._index) or self.name
        if name != self._device:
            self._on_event("warning", "interface_renamed", interface=self.name, now=name)
            self._device = name
        link = read_link(name)
        up = link is not None and link.is_up
        for lane in self._lanes:
            if lane.socket is not None:
                # Until it is taken, the worker's every poll returns at once.
                take_error(lane.socket.socket)
        if self.state == "missing":
            self._set_state("up" if up else "down", "info", "capture_started")
        elif up and self.state != "up":
            self._set_state("up", "info", "interface_up")
        elif not up and self.state != "down":
            self._set_state("down", "warning", "interface_down")

    def _set_state(self, state: str, level: str, event: str) -> None:
        self.state = state
        self._on_event(level, event, interface=self.name, state=state)

    async def _close_lanes(self, seconds: float) -> None:
        for lane in self._lanes:
            if lane.socket is not None:
                stop_intake(lane.socket.socket)
            lane.worker.stop()
        tasks = [lane.task for lane in self._lanes if lane.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            if late:
                self._on_event("error", "drain_cut_short", interface=self.name, workers=len(late))
                self.abandon()
                await asyncio.wait(tasks)
        for lane in self._lanes:
            counts = lane.counts()
            self._past_error += self._error_of(counts)
            if lane.socket is not None and lane.worker.finished:
                # Nothing waits in a ring that was read to its end.
                self._past_error += abs(counts.waiting)
            self._past += account.forget_waiting(counts)
            past = self._past_counters[lane.worker.index]
            status = lane.worker.status()
            for name, value in status.counters.items():
                past[name] = past.get(name, 0) + value
            self._past_restarts[lane.worker.index] += status.restarts
            _release(lane)
        self._lanes = []
        self.counts()


def _release(lane: Lane) -> None:
    lane.worker.close()
    if lane.socket is not None:
        with suppress(OSError):
            lane.socket.socket.close()
