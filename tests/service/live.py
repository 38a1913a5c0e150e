"""The service as it runs for a subscriber: the installed command, on one side of a line of the test's own."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.netns import Namespace

PATIENCE = 60.0
"""Seconds that anything awaited may take on a busy machine; nothing is measured by it."""


def await_(what: Callable[[], Any], why: str, seconds: float = PATIENCE) -> Any:
    """Call ``what`` until it is true; returns what it returned."""
    until = time.monotonic() + seconds
    while not (got := what()):
        assert time.monotonic() < until, f"not within {seconds} s: {why}"
        time.sleep(0.05)
    return got


@dataclass
class Live:
    """A service that runs."""

    process: "subprocess.Popen[str]"
    side: Namespace
    home: Path
    said: Path
    """Its standard error."""
    metrics_port: int
    db: Path = field(init=False)
    eve: Path = field(init=False)
    control: Path = field(init=False)

    def __post_init__(self) -> None:
        self.db, self.eve = self.home / "live.db", self.home / "eve.json"
        self.control = self.home / "control.sock"

    @property
    def pid(self) -> int:
        """The parent's."""
        return self.process.pid

    @property
    def words(self) -> Path:
        """The file of the subscriber's words."""
        return self.home / "state" / "subscriber.toml"

    def status(self) -> dict[str, Any]:
        """What the control socket answers; empty while nobody listens."""
        return self.ask("status")

    def ask(self, command: str) -> dict[str, Any]:
        """What the control socket answers to ``command``; empty while nobody listens."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(str(self.control))
            except OSError:
                return {}
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        answered: dict[str, Any] = json.loads(answer)
        return answered

    def interface(self, index: int = 0) -> dict[str, Any]:
        """One interface of the status; empty while there is none."""
        interfaces = self.status().get("interfaces", [])
        return interfaces[index] if index < len(interfaces) else {}

    def workers(self) -> list[dict[str, Any]]:
        """The first interface's."""
        return list(self.interface().get("workers", []))

    def await_running(self) -> None:
        """Every worker reads."""
        await_(
            lambda: (
                self.process.poll() is not None
                or (self.workers() and all(worker["state"] == "running" for worker in self.workers()))
            ),
            "workers run",
        )
        assert self.process.poll() is None, self.said.read_text()

    def await_seen(self, packets: int) -> None:
        """So many packets were taken from the kernel since the start."""
        await_(lambda: self.interface()["ledger"]["delivered"] >= packets, f"{packets} packets delivered")

    def metrics(self, *options: str) -> str:
        """The metrics page, fetched by curl."""
        return self.side.run("curl", "-sSf", *options, f"http://127.0.0.1:{self.metrics_port}/metrics")

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        lines = self.metrics().splitlines()
        found = [line.rpartition(" ")[2] for line in lines if line.startswith((f"{name}{{", f"{name} "))]
        assert found, f"no metric {name}"
        return sum(map(float, found))

    def open_files(self) -> list[str]:
        """What the parent has open at rest, by kind: connections that are just being closed are not."""
        seen = []
        for _ in range(10):
            seen.append(_open_files(self.pid))
            time.sleep(0.1)
        return min(seen, key=len)

    def reload(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """SIGTERM, and wait; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """SIGKILL for the parent alone."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def events(self) -> list[str]:
        """Names of events that its log on standard error tells."""
        return [line.split(" ")[2] for line in self.said.read_text().splitlines() if line.count(" ") >= 2]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def eve_events(self) -> list[dict[str, Any]]:
        """EVE JSON written so far."""
        return [json.loads(line) for line in self.eve.read_text().splitlines()]

    def check_ledger(self) -> dict[str, int]:
        """Sums over the ledger's rows, once the service has stopped: nothing waits, both identities hold."""
        columns = "received, dropped, delivered, decoded, rejected, shed, waiting, error"
        rows = self.rows(f"SELECT {columns} FROM ledger ORDER BY interface, started_ns")
        sums = dict.fromkeys(("received", "dropped", "delivered", "decoded", "rejected", "shed"), 0)
        for row in rows:
            for name, value in zip(sums, row, strict=False):
                sums[name] += sum(json.loads(value).values()) if isinstance(value, str) else value
        assert all(row[-1] == 0 for row in rows), rows
        assert sums["delivered"] == sums["decoded"] + sums["rejected"] + sums["shed"], sums
        assert sums["received"] == sums["dropped"] + sums["delivered"], sums
        # Every packet of a run that ended is in one of its rows.
        runs = self.rows(
            "SELECT run.received, run.decoded, sum(ledger.received), sum(ledger.decoded)"
            " FROM run JOIN ledger ON run.id = run_id WHERE status = 'completed' GROUP BY run.id"
        )
        assert all(run[:2] == run[2:] for run in runs), runs
        return sums


def _open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.append(str(entry.readlink()).split(":")[0])
    return sorted(found)


@contextlib.contextmanager
def live_sensor(
    command: Path,
    side: Namespace,
    home: Path,
    *options: str | Path,
    eve: bool = True,
    wait: bool = True,
    named: bool = True,
    before: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Live]:
    """Run the service on ``side`` of a line until the block ends; leaves no process behind.

    :param options: of ``run``, beside those for interface, files and ports.
    :param named: name the interface on the command line.
    :param before: a command that starts the service.
    :param environment: beside the usual one.
    """
    port = 9477  # each namespace has ports of its own
    said = home / "said.txt"
    live_options: list[str | Path] = ["-i", side.device] if named else []
    live_options += ["--db", home / "live.db", "--socket", home / "control.sock"]
    if eve:
        live_options += ["--eve", home / "eve.json"]
    usual = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "XDG_", "PYTHON", "NOTIFY_"))
    }
    with said.open("a") as out:
        process = side.popen(
            *before,
            str(command),
            "run",
            *map(str, live_options),
            *map(str, options),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            text=True,
            env={
                **usual,
                "HOME": str(home),
                # Beside the homes of all tests, so that what one compiled the next one loads.
                "XDG_CACHE_HOME": str(home.parent / "cache"),
                "STATE_DIRECTORY": str(home / "state"),  # root's words are the system's
                "TZ": "UTC",
                **environment,
            },
        )
    live = Live(process, side, home, said, port)
    try:
        if wait:
            live.await_running()
        yield live
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
