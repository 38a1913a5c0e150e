"""A metrics server in a loop of its own, so that real programs can ask it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector

from exporter.collector import ServiceCollector
from exporter.http import MetricsServer
from sensor.status import ServiceStatus
from tests.exporter.service_status import busy_status


def wait_until(happens: Callable[[], object]) -> None:
    """Return once ``happens`` is true; fail after a time that says it never will."""
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end, "waited for a minute in vain"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers now."""

    server: MetricsServer
    loop: asyncio.AbstractEventLoop
    registry: CollectorRegistry

    @property
    def port(self) -> int:
        return self.server.port

    def reload(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.reload(), self.loop).result(30)


@contextmanager
def serving(
    snapshot: Callable[[], ServiceStatus] = busy_status,
    *,
    addresses: tuple[str, ...] = ("127.0.0.1:0",),
    ready: Callable[[], bool] = lambda: True,
    web_config_file: Path | None = None,
    bearer_token_file: Path | None = None,
    watch_seconds: float = 3600.0,
) -> Iterator[Served]:
    """Serve ``snapshot`` until the block ends."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(snapshot))
    ProcessCollector(registry=registry)
    server = MetricsServer(
        registry,
        addresses,
        ready=ready,
        web_config_file=web_config_file,
        bearer_token_file=bearer_token_file,
        watch_seconds=watch_seconds,
    )
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        runner.run(server.start())  # here, so that what it raises reaches the test
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield Served(server, loop, registry)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
