"""The worker's loop: batches from the source through the pipeline, results to the parent.

The order of a batch is what makes the account exact: its last block is noted as begun, results are sent, the
page is committed with the block as finished, and only then does the kernel get the block back. Wherever a
worker dies, its successor finds out of which packets nobody knows what became, and counts those as lost.
"""

import gc
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final, Protocol, TypeVar

from exporter.eve import EveWriter
from sensor.capture.batch import Batch
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.detections.results import Results
from sensor.errors import SensorError
from sensor.matching.compile import load_plan
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.telemetry import Counters
from sensor.worker.channel import Channel
from sensor.worker.libc import trim_heap
from sensor.worker.messages import (
    Alerts,
    Configure,
    Configured,
    EveLines,
    Finished,
    Ready,
    Stop,
    ToWorker,
    record_of,
)
from sensor.worker.overload import Overload
from sensor.worker.page import HTTP, REJECTED, SHED, WORKER_DIED, CountersPage, counters_of

_SECOND_NS: Final = 1_000_000_000
_PACE_NS: Final = 40_000_000
"""Between two batches of a line that is not busy: a batch costs some 2 ms whatever it holds, and a detection
may wait this long."""
_BUSY_FILL: Final = 0.05
"""Share of the ring from which on no time is left to pass."""
_QUIET_NS: Final = _SECOND_NS
"""So often does a line without packets move the pipeline's clock, so that flows end."""
_IDLE_NS: Final = 5 * _SECOND_NS
"""The longest sleep: the parent must see that the worker is alive."""
_TIDY_NS: Final = 600 * _SECOND_NS
"""So often is looked for objects that refer to each other and to nothing else. None are known; but in months
a few octets of each connection would come to all the memory there is."""
_SETTLE_NS: Final = 150_000_000
"""When no more packets come, the last block is handed over within the retire time-out, 50 ms."""
_ALERTS_AT_ONCE: Final = 1000
_LINES_AT_ONCE: Final = 4 << 20
"""Octets."""


class Taken(Protocol):
    """What a source handed out and wants back."""

    @property
    def batch(self) -> Batch:
        """The packets."""

    @property
    def packets(self) -> int:
        """How many, as the source counts them, apart from the batch's rows."""

    @property
    def last_block(self) -> int:
        """Sequence number of the last block that holds them."""


_T = TypeVar("_T", bound=Taken)


class Source(Protocol[_T]):
    """Where batches come from."""

    def fileno(self) -> int:
        """What to poll."""

    def take(self, first_number: int) -> _T | None:
        """What waits now, some of it; nothing else is taken until it was given back."""

    def give_back(self, taken: _T) -> None:
        """The batch is done."""

    def left_behind(self, finished: int, started: int) -> tuple[int, int]:
        """What a predecessor had taken and did not give back.

        :returns: packets of blocks that it began on and did not finish, and the last of those blocks.
        """

    def skip(self, last: int) -> None:
        """Give back all blocks up to ``last``, unread."""

    @property
    def fill(self) -> float:
        """Share of the room that waits."""

    def take_error(self) -> None:
        """A poll told of an error: take it, so that polls wait again."""

    def stop(self) -> None:
        """Let no more packets in."""

    def statistics(self) -> tuple[int, int]:
        """Packets received and dropped, where only the worker can ask; else zeros."""


class Worker:
    """One worker's state."""

    def __init__(
        self,
        channel: Channel,
        page: CountersPage,
        source: Source[Any],
        settings: Settings,
        *,
        memory_octets: int,
        memory: Callable[[], int],
        want_eve: bool,
        confined_by: list[str],
    ) -> None:
        self._ready: Final = Ready(confined_by)
        self._channel = channel
        self._page = page
        self._source = source
        self._settings = settings
        self._memory = memory
        self._want_eve = want_eve
        self._overload = Overload(memory_octets)
        self._eve = EveWriter(self)
        self._pipeline: Pipeline | None = None
        self._index: dict[int, int] = {}
        """Of signatures in the list that the parent has, by identity."""
        self._generation = 0
        left = page.read()
        self._counters = counters_of(left)
        """As a predecessor left them, with what died in its memory because the parent was busy."""
        self._counters["alerts_lost"] += left["alerts_waiting"]
        self._counters["eve_events_lost"] += left["eve_events_waiting"]
        self._delivered = 0
        self._finished_block = left["finished_block"]
        self._resident = 0
        self._stopping = False
        self._last_ns = time.monotonic_ns()
        """When the last batch ended."""
        self._tidied_ns = self._last_ns
        self._moved_ns = 0
        """When the clock of the pipeline was last moved."""
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        self._sees_source = False

    def begin(self, message: Configure) -> None:
        """Take the first signatures into use and the ring over, and say that it reads.

        :raises SensorError: if the signatures can't be used.
        """
        if error := self._configure(message):
            raise SensorError(error)
        self._take_over()
        self._channel.send(self._ready)

    def _configure(self, message: Configure) -> str:
        """Take signatures into use; why that could not be, or empty. What was in use then stays so."""
        began = time.perf_counter()
        error = ""
        try:
            plan = load_plan(message.signatures, message.databases)
        except SensorError as problem:
            error = str(problem)
        else:
            self._take_plan(plan)
            self._generation = message.generation
            self._commit()
        self._channel.send(Configured(message.generation, time.perf_counter() - began, error))
        return error

    def _take_plan(self, plan: MatchPlan) -> None:
        if self._pipeline is None:
            self._pipeline = Pipeline(self._settings, plan, want_flows=self._want_eve)
        else:
            self._pipeline.replace_plan(plan)
        self._index = {id(signature): at for at, signature in enumerate(plan.signatures)}

    def _take_over(self) -> None:
        """Go on where a predecessor was killed: what it had begun on is lost, and counted as that."""
        packets, last = self._source.left_behind(self._finished_block, self._page.started_block)
        self._counters["delivered"] += packets
        self._counters["received"] += packets
        self._counters[SHED + WORKER_DIED] += packets
        self._finished_block = max(self._finished_block, last)
        self._commit()
        self._source.skip(last)

    def run(self) -> None:
        """Work until the parent says stop, or is gone.

        :raises ParentGoneError: if it is gone.
        """
        while not self._stopping:
            self._wait()
            self._listen()
            self._work()
        self._drain()

    def write(self, lines: bytes) -> None:
        """Send lines of EVE JSON (`EveWriter` calls this)."""
        while len(lines) > _LINES_AT_ONCE:
            cut = lines.rfind(b"\n", 0, _LINES_AT_ONCE) + 1 or lines.find(b"\n") + 1
            self._channel.send(EveLines(lines[:cut]))
            lines = lines[cut:]
        if lines:
            self._channel.send(EveLines(lines))

    def _wait(self) -> None:
        """Sleep until there is something to do. Packets may wait a little for others to share a batch."""
        now = time.monotonic_ns()
        self._page.alive_ns = now
        pause = self._last_ns + _PACE_NS - now
        paced = pause > 0 and self._source.fill < _BUSY_FILL
        self._watch_source(not paced)
        if not paced:
            pause = _QUIET_NS if self._pipeline is not None and self._pipeline.active_flows else _IDLE_NS
        self._poll.modify(
            self._channel.fileno(), select.POLLIN | (select.POLLOUT if self._channel.waiting_octets else 0)
        )
        for descriptor, events in self._poll.poll(pause / 1_000_000):
            if events & select.POLLERR and descriptor == self._source.fileno():
                self._source.take_error()

    def _watch_source(self, wanted: bool) -> None:
        if wanted and not self._sees_source:
            self._poll.register(self._source.fileno(), select.POLLIN)
        elif self._sees_source and not wanted:
            self._poll.unregister(self._source.fileno())
        self._sees_source = wanted

    def _listen(self) -> None:
        message: ToWorker | None
        before = self._generation
        for message in self._channel.receive():
            if isinstance(message, Configure):
                self._configure(message)
            elif isinstance(message, Stop):
                self._stopping = True
        if self._generation != before:
            # The message and the old databases are megabytes, which would count as in use.
            message = None
            trim_heap()
        if self._channel.waiting_octets:
            self._channel.flush()
            self._commit()

    def _work(self) -> bool:
        """Take one batch through the pipeline, if there is one; a quiet line's clock goes on."""
        assert self._pipeline is not None
        now = time.monotonic_ns()
        if now - self._last_ns < _PACE_NS and self._source.fill < _BUSY_FILL and not self._stopping:
            return False
        taken = self._source.take(self._delivered + 1)
        if taken is None:
            if now - max(self._last_ns, self._moved_ns) >= _QUIET_NS:
                self._moved_ns = now
                self._hand_on_all(self._pipeline.advance(time.time_ns()))
                self._look_around(0.0)
                self._commit()
            return False
        self._page.started_block = taken.last_block
        self._hand_on_all(self._pipeline.process(taken.batch))
        self._delivered += taken.packets
        self._finished_block = taken.last_block
        self._commit()
        fill = self._source.fill
        self._source.give_back(taken)
        self._look_around(fill)
        self._last_ns = time.monotonic_ns()
        return True

    def _look_around(self, fill: float) -> None:
        """See how it stands, and shed if need be.

        :param fill: of the source, with the batch that was in hand.
        """
        assert self._pipeline is not None
        if time.monotonic_ns() - self._tidied_ns > _TIDY_NS:
            gc.collect()
            self._tidied_ns = time.monotonic_ns()
        self._resident = self._memory()
        self._pipeline.shed_level = self._overload.update(
            fill, self._source.fill, self._resident, time.monotonic_ns()
        )

    def _drain(self) -> None:
        """Read what waits, until nothing came for a while, then end every flow and say so."""
        assert self._pipeline is not None
        self._source.stop()
        quiet_since = time.monotonic_ns()
        while time.monotonic_ns() - quiet_since < _SETTLE_NS:
            self._page.alive_ns = time.monotonic_ns()
            if self._work():
                quiet_since = time.monotonic_ns()
            else:
                time.sleep(0.01)
        self._hand_on_all(self._pipeline.finish())
        self._commit()
        self._channel.send(Finished())

    def _hand_on_all(self, every: Iterator[Results]) -> None:
        for results in every:
            self._hand_on(results)

    def _hand_on(self, results: Results) -> None:
        for start in range(0, len(results.alerts), _ALERTS_AT_ONCE):
            self._send_alerts(results.alerts[start : start + _ALERTS_AT_ONCE])
        if self._want_eve:
            self._eve.write(results)

    def _send_alerts(self, alerts: list[Alert]) -> None:
        records = [record_of(alert, self._index[id(alert.signature)]) for alert in alerts]
        self._channel.send(Alerts(self._generation, records))

    def _commit(self) -> None:
        """Put all numbers on the page, together with the block that they include."""
        values = dict(self._counters)
        values["delivered"] += self._delivered
        values["alerts_lost"] += self._channel.alerts_lost
        values["eve_events_lost"] += self._channel.eve_events_lost
        received, dropped = self._source.statistics()
        values["source_received"] += received
        values["source_dropped"] += dropped
        values |= {
            "flows_active": 0,
            "shed_level": int(self._overload.level),
            "ring_permille": int(self._source.fill * 1000),
            "memory_octets": self._resident,
            "finished_block": self._finished_block,
            "generation": self._generation,
            "alerts_waiting": self._channel.alerts_waiting,
            "eve_events_waiting": self._channel.eve_events_waiting,
        }
        if self._pipeline is not None:
            values["flows_active"] = self._pipeline.active_flows
            _add_counters(values, self._pipeline)
        self._page.commit(values)


def _add_counters(values: dict[str, int], pipeline: Pipeline) -> None:
    counters = pipeline.counters
    for item in fields(Counters):
        value = getattr(counters, item.name)
        if isinstance(value, dict):
            prefix = REJECTED if item.name == "rejected" else SHED
            for reason, count in value.items():
                values[prefix + reason] += count
        else:
            values[item.name] += value
    for name in pipeline.http_counters.__slots__:
        values[HTTP + name] += getattr(pipeline.http_counters, name)
