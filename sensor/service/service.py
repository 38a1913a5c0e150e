"""The service: what it is made of, from start to stop, and its one loop.

Theory of operation. Interfaces own workers; workers send alerts, which the recorder stores, and events,
which go to a file; counters lie on pages that are read when somebody asks. A tick each second feeds systemd's
watchdog, notices what changed and, every ten seconds, writes the ledger's open rows. Everything else happens
on events: a signal, a change of an interface, a message.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from exporter.collector import ServiceCollector
from exporter.http import MetricsServer
from sensor.capture.links import LinkWatch
from sensor.configuration import Configuration
from sensor.errors import CaptureError, SensorError
from sensor.service import account
from sensor.service.books import Books, entry_of
from sensor.service.control import ControlServer
from sensor.service.eve_file import EveFile
from sensor.service.interface import DRAIN_SECONDS, InterfaceCapture
from sensor.service.journal import Journal
from sensor.service.lifetime import Lifetime
from sensor.service.notify import Notifier, summary_of
from sensor.service.reload import Generations, left_for_restart
from sensor.service.reloader import LOAD_SECONDS, READY_SECONDS, Reloader
from sensor.service.tally import Tally
from sensor.service.watch import Watch
from sensor.service.worker_process import WorkerProcess
from sensor.status import InterfaceStatus, LedgerCounts, ServiceStatus
from sensor.store.recorder import LOCK_TIMEOUT, AlertRecorder
from sensor.store.records import RunCounts, RunStatus
from sensor.store.source import Source
from sensor.version import version
from sensor.worker.libc import trim_heap
from sensor.worker.messages import Alerts, Configure, Configured, alert_of

_TICK: Final = 1.0
_LEDGER_TICKS: Final = 10
"""Between two writes of the ledger's open rows: what a killed service loses of its books."""
_RETRY_TICKS: Final = 5
"""Between two looks at a missing interface, should the kernel's word of its coming be missed."""
_STORE_SECONDS: Final = 1.5
"""Of `STOP_SECONDS`, what the last commits may take."""


class Service:
    """One run of the service."""

    def __init__(self, configuration: Configuration, reread: Callable[[], Configuration]) -> None:
        """Set up.

        :param reread: makes the configuration anew at a reload; raises SensorError.
        """
        self._at_start = configuration
        """What was said at the start: most of it holds until the end."""
        self._configuration = configuration
        self._journal = Journal(configuration.log.level, configuration.log.format)
        self._lifetime = Lifetime(self._journal)
        self._notifier = Notifier()
        self._generations = Generations()
        self._reloader = Reloader(
            self._lifetime, self._generations, self._notifier, self._journal, reread, self._take
        )
        self._books = Books()
        self._past = LedgerCounts()
        """Of interfaces that a reload dropped."""
        self._watch = Watch(self._journal)
        self._interfaces: dict[str, InterfaceCapture] = {}
        self._recorder: AlertRecorder
        self._metrics: MetricsServer | None = None
        self._eve: EveFile | None = None
        self._started_ns = time.time_ns()
        self._tally = Tally()
        self._message: Configure
        """Signatures in use."""
        self._following = asyncio.Lock()
        self._follow_wanted = False

    async def run(self) -> None:
        """Serve until a signal says stop.

        :raises SensorError: if it can't begin.
        """
        try:
            await self._run()
        except (SensorError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  # a traceback would tell the text of it
            self._lifetime.break_off(error)
        if self._lifetime.fault:
            raise SensorError(f"ended by a fault of the sensor ({self._lifetime.fault}); please report it")

    async def _run(self) -> None:
        configuration = self._configuration
        asyncio.get_running_loop().set_exception_handler(self._lifetime.on_loop_error)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reloader.want)
        self._notifier.need(LOAD_SECONDS)
        self._message = await self._reloader.load(configuration)
        self._generations.take(self._message)
        self._tally.count_from_zero(self._generations.categories)
        async with AsyncExitStack() as stack:
            control = ControlServer(configuration.control.socket, self.status, self._reloader.ask)
            await control.start()
            stack.push_async_callback(control.stop)
            await self._open_store(stack)
            if configuration.eve.path is not None:
                self._eve = EveFile(configuration.eve.path, self._journal)
                stack.callback(self._eve.close)
            await self._open_metrics(stack)
            links = LinkWatch()
            stack.callback(links.close)
            self._handle_signals(links, stack)
            await self._open_interfaces(stack)
            self._generations.expect(self._workers())
            stack.push_async_callback(self._end)
            self._keep_books(self._interface_statuses(), write=True)
            await self._wait_ready()
            self._notifier.ready()
            self._reloader.begin()
            self._lifetime.start(self._reloader.watch(lambda: self._configuration))
            await self._serve()

    def status(self) -> ServiceStatus:
        """Everything, now."""
        return ServiceStatus(
            version=version(),
            pid=os.getpid(),
            started_ns=self._started_ns,
            taken_ns=time.time_ns(),
            config_path=str(self._configuration.path or ""),
            interfaces=self._interface_statuses(),
            store=self._recorder.status(),
            signatures=self._generations.status,
            detections=self._tally.stored,
            detection_latency=self._tally.latency,
            eve_lines_lost=self._eve.lines_lost if self._eve is not None else 0,
        )

    async def _open_store(self, stack: AsyncExitStack) -> None:
        store = self._configuration.store
        self._recorder = AlertRecorder(
            store.path, on_commit=self._tally.on_commit, on_trouble=self._on_trouble
        )
        await self._recorder.start(
            [Source(name) for name in self._configuration.capture.interfaces],
            version=version(),
            signatures_digest=self._generations.status.digest,
        )
        self._journal.keep = self._recorder.note
        stack.push_async_callback(self._close_store)

    async def _close_store(self) -> None:
        fault = self._lifetime.fault
        is_whole = self._lifetime.ended.is_set() and not fault
        lost = await self._recorder.close(
            RunStatus.COMPLETED if is_whole else RunStatus.FAILED,
            fault or None,
            seconds=self._lifetime.left(_STORE_SECONDS, spare=LOCK_TIMEOUT),
        )
        if lost:
            self._journal.say("error", "detections_not_stored", count=lost)

    async def _open_metrics(self, stack: AsyncExitStack) -> None:
        metrics = self._configuration.metrics
        if not metrics.listen:
            return
        registry = CollectorRegistry()
        registry.register(ServiceCollector(self.status))
        ProcessCollector(registry=registry)
        self._metrics = MetricsServer(
            registry,
            [str(address) for address in metrics.listen],
            ready=self._is_looking,
            web_config_file=metrics.web_config,
            bearer_token_file=metrics.bearer_token_file,
        )
        await self._metrics.start()
        stack.push_async_callback(self._stop_metrics)

    async def _stop_metrics(self) -> None:
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            await metrics.stop()

    async def _open_interfaces(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self._close_interfaces)
        names = self._configuration.capture.interfaces
        for name in names:
            self._interfaces[name] = self._interface(name)
        problems: list[SensorError] = []
        for interface in self._interfaces.values():
            try:
                await interface.follow(required=True)
            except CaptureError as error:
                problems.append(error)
        if problems and not any(interface.capturing for interface in self._interfaces.values()):
            raise problems[0]
        for problem in problems:
            self._journal("warning", "interface_missing", error=str(problem))

    def _interface(self, name: str) -> InterfaceCapture:
        interface = InterfaceCapture(
            name,
            self._at_start,  # how packets are captured is no reload's matter
            on_alerts=self._on_alerts,
            on_eve=self._on_eve,
            on_event=self._journal,
            on_configured=self._on_configured,
            on_end=self._lifetime.watch_over,
        )
        interface.configure(self._message)
        return interface

    def _handle_signals(self, links: LinkWatch, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._lifetime.end)

        def changed() -> None:
            links.drain()
            self._want_follow()

        if links.fileno() >= 0:
            loop.add_reader(links.fileno(), changed)
            # A change that is told of while they are closed must not be read from what is closed.
            stack.callback(loop.remove_reader, links.fileno())

    def _is_looking(self) -> bool:
        """Whether every interface's packets are seen."""
        interfaces = self._interfaces.values()
        return all(each.capturing for each in interfaces) and all(worker.alive for worker in self._workers())

    async def _wait_ready(self) -> None:
        """Until every worker reads, or has had time to."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and not self._lifetime.ended.is_set():
            if all(worker.alive for worker in self._workers()):
                break
            await asyncio.sleep(0.02)

    async def _serve(self) -> None:
        ticks = 0
        while not self._lifetime.ended.is_set():
            self._tick(ticks)
            ticks += 1
            if ticks % _RETRY_TICKS == 0:
                self._want_follow()
            try:
                await asyncio.wait_for(self._lifetime.ended.wait(), _TICK)
            except TimeoutError:
                continue

    def _tick(self, ticks: int) -> None:
        statuses = self._interface_statuses()
        for interface, status in zip(self._interfaces.values(), statuses, strict=True):
            interface.measure(status.ledger)
        self._watch.look(statuses)
        self._keep_books(statuses, write=ticks % _LEDGER_TICKS == 0)
        self._notifier.status(summary_of(statuses, self._tally.total))
        self._notifier.alive()

    def _keep_books(self, statuses: Sequence[InterfaceStatus], *, write: bool) -> None:
        """Bring the ledger's rows up to date; at a minute's end they are written in any case."""
        wall, monotonic = time.time_ns(), time.monotonic_ns()
        if not write and not self._books.is_due(wall):
            return
        entries = {status.name: entry_of(status) for status in statuses}
        self._recorder.add_ledger(list(self._books.rows(entries, wall, monotonic)))
        total = account.total([self._past, *(status.ledger for status in statuses)])
        self._recorder.counts = RunCounts(total.received, total.decoded, total.rejected)

    def _want_follow(self) -> None:
        """Look at the interfaces soon; however often they change while a look goes on, one more is enough."""
        if not self._follow_wanted:
            self._follow_wanted = True
            self._lifetime.start(self._follow_all())

    async def _follow_all(self) -> None:
        async with self._following:
            self._follow_wanted = False
            before = None
            while before != (states := self._states()) and not self._lifetime.ended.is_set():
                if before is not None:
                    self._keep_books(self._interface_statuses(), write=True)
                before = states
                for interface in list(self._interfaces.values()):
                    await interface.follow()

    def _interface_statuses(self) -> list[InterfaceStatus]:
        return [interface.status() for interface in self._interfaces.values()]

    def _states(self) -> dict[str, str]:
        return {name: interface.state for name, interface in self._interfaces.items()}

    async def _take(self, configuration: Configuration, message: Configure) -> list[str]:
        """Put a reload into use; the settings that it leaves as they were.

        :raises SensorError: if a file that it opens anew can't be; nothing has changed then.
        """
        if self._eve is not None:
            self._eve.reopen()
        if self._metrics is not None:
            await self._metrics.reload()
        if left := left_for_restart(self._at_start, configuration):
            self._journal("warning", "restart_needed", settings=" ".join(left))
        self._configuration = configuration
        self._message = message
        self._generations.take(message)
        self._tally.count_from_zero(self._generations.categories)
        for interface in self._interfaces.values():
            interface.configure(message)
        await self._change_interfaces()
        self._generations.expect(self._workers())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._generations.settled.wait(), READY_SECONDS)
        trim_heap()  # of messages to workers
        self._generations.status.reloads += 1
        self._journal("info", "reloaded", signatures=self._generations.status.loaded)
        return left

    async def _change_interfaces(self) -> None:
        wanted = self._configuration.capture.interfaces
        for name in [name for name in self._interfaces if name not in wanted]:
            await self._interfaces[name].close(DRAIN_SECONDS)
            self._keep_books(self._interface_statuses(), write=True)
            self._watch.look([self._interfaces[name].status()], last=True)
            self._past += self._interfaces.pop(name).counts()
            self._books.forget(name)
            self._watch.forget(name)
            self._journal("info", "interface_dropped", interface=name)
        for name in wanted:
            if name not in self._interfaces:
                self._interfaces[name] = self._interface(name)
        await self._follow_all()

    def _workers(self) -> list[WorkerProcess]:
        return [worker for interface in self._interfaces.values() for worker in interface.workers]

    def _on_alerts(self, interface: str, _worker: WorkerProcess, message: Alerts) -> None:
        find = self._generations.signature
        self._recorder.add(
            [
                alert_of(record, find(message.generation, record.signature), interface)
                for record in message.alerts
            ]
        )

    def _on_eve(self, lines: bytes) -> None:
        if self._eve is not None:
            self._eve.write(lines)

    def _on_configured(self, worker: WorkerProcess, message: Configured) -> None:
        if error := self._generations.configured(worker, message):
            self._journal("error", "signatures_refused", worker=worker.index, error=error)

    def _on_trouble(self, line: str) -> None:
        """The recorder can't write, because of ``line``; or, where that is empty, writes again."""
        if line:
            self._journal.say("error", "store_failing", error=line)
        else:
            self._journal.say("info", "store_written_again")

    async def _close_interfaces(self) -> None:
        seconds = self._lifetime.left(DRAIN_SECONDS)
        await asyncio.gather(*(interface.close(seconds) for interface in self._interfaces.values()))

    async def _end(self) -> None:
        """The way out: what waits is read, the books are closed."""
        self._notifier.stopping()
        self._lifetime.cancel()
        self._journal("info", "stopping")
        await asyncio.gather(self._close_interfaces(), self._stop_metrics())
        statuses = self._interface_statuses()
        self._watch.look(statuses, last=True)
        self._keep_books(statuses, write=True)
