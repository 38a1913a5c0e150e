"""``make bench-live``: what the service takes without loss, how soon it stores, what it costs idle.

Captures are sent by tcpreplay over a veth pair between two network namespaces made for it; the sender and
what the kernel does for the receiver share one core, the worker has what is left. A rate holds if the kernel
dropped nothing and nothing was shed. As with ``make bench``, nothing passes or fails, and machines differ.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.columns import render_columns
from fixtures.pcaps.catalogue import ROOT
from tests.bench.keywords import write_signatures
from tests.bench.measure import ask
from tests.netns import Line, run, veth_line
from tests.service.live import Live, await_, live_sensor

_COMMAND: Final = Path(sys.executable).with_name("watchdog-sensor")
_DEMO: Final = ROOT / "http" / "demo.pcapng"
_KEYWORDS: Final = 1_000
_PACKETS: Final = 1_000_000
_STEPS: Final = 5
"""Halvings of what is not known of the highest rate: to 3 percent of what tcpreplay manages."""
_STEADY_PPS: Final = 20_000
"""For latency: a busy household."""
_IDLE_SECONDS: Final = 20
_HEADERS: Final = (
    "what is sent",
    "octets",
    "workers",
    "packets/s",
    "MB/s",
    "worker CPU s",
    "lost at top speed",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One capture sent once, and what became of it."""

    packets: int
    octets: int
    seconds: float
    dropped: int
    shed: int
    bodies: int
    worker_cpu: float

    @property
    def rate(self) -> float:
        """Packets a second, as tcpreplay managed it."""
        return self.packets / self.seconds

    @property
    def held(self) -> bool:
        """Whether all of it was looked into."""
        return not (self.dropped or self.shed or self.bodies)


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live", description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path, metavar="PCAP", help="captures to send as well")
    parser.add_argument("--only", action="store_true", help="send the named captures alone")
    parser.add_argument("--packets", type=int, default=_PACKETS, metavar="N", help="of generated captures")
    parser.add_argument("--workers", type=int, action="append", metavar="N", help="1 and 2, unless given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchdog-bench-") as folder:
        work = Path(folder)
        signatures = work / "keywords.toml"
        write_signatures(signatures, _KEYWORDS)
        captures = [] if options.only else list(_generated(work, options.packets))
        captures += [(path.name, path.resolve()) for path in options.captures]
        rows = []
        for name, path in captures:
            rows.append(_alone(name, path))
            rows += [_fastest(name, path, workers, signatures) for workers in options.workers or (1, 2)]
        print(render_columns(_HEADERS, rows, right=(1, 2, 3, 4, 5)))
        print(_latency(work, signatures))
        print(_idle(signatures))
    return 0


def _generated(work: Path, packets: int) -> Iterator[tuple[str, Path]]:
    for kind, name in (("http", "HTTP, generated"), ("flood", "SYN flood, generated")):
        path = work / f"{kind}.pcap"
        ask("tests.bench.generate", kind, str(path), str(packets))
        yield name, path


def _replay(line: Line, path: Path, *speed: str) -> tuple[int, int, float]:
    """Send a capture; packets, octets and seconds, as tcpreplay says."""
    said = line.left.run("tcpreplay", "-q", "-K", *speed, "-i", line.left.device, str(path))
    words = said.split("Actual: ")[1].split()
    return int(words[0]), int(words[2].lstrip("(")), float(words[words.index("in") + 1])


def _alone(name: str, path: Path) -> tuple[str, ...]:
    """What tcpreplay manages when nobody listens."""
    _say(f"{name}: nobody listens")
    with veth_line(mtu=65_535) as line:
        packets, octets, seconds = _replay(line, path, "-t")
    return name, f"{octets / packets:.0f}", "none", *_rates(packets, octets, seconds), "", ""


def _fastest(name: str, path: Path, workers: int, signatures: Path) -> tuple[str, ...]:
    """The highest rate that holds."""
    top = _send(path, workers, signatures, "-t")
    _say(f"{name}, {workers} workers: {top}")
    best, low, high = top if top.held else None, 0.0, top.rate
    for _ in range(0 if top.held else _STEPS):
        rate = (low + high) / 2
        got = _send(path, workers, signatures, f"--pps={rate:.0f}")
        _say(f"{name}, {workers} workers, {rate:,.0f}/s asked: {got}")
        if got.held:
            best, low = got, max(rate, got.rate)
        else:
            high = rate
    lost = f"{top.dropped:,} dropped, {top.shed:,} shed of {top.packets:,}" if not top.held else "nothing"
    if best is None:
        return name, "", str(workers), "none held", "", "", lost
    rates = _rates(best.packets, best.octets, best.seconds)
    return name, f"{best.octets / best.packets:.0f}", str(workers), *rates, f"{best.worker_cpu:.2f}", lost


def _send(path: Path, workers: int, signatures: Path, speed: str) -> Sent:
    """One service, one capture. A second time through the same service would be retransmissions."""
    with _service(signatures, "--workers", str(workers)) as (line, live):
        pids = [worker["pid"] for worker in live.workers()]
        before = sum(map(_cpu_seconds, pids))
        packets, octets, seconds = _replay(line, path, speed)
        await_(lambda: _waiting(live.interface()["ledger"]) == 0, "the ring is read")
        cpu = sum(map(_cpu_seconds, pids)) - before
        interface = live.interface()
    ledger = interface["ledger"]
    bodies = sum(worker["counters"]["shed_bodies"] for worker in interface["workers"])
    shed = sum(ledger["shed"].values())
    return Sent(packets, octets, seconds, packets - ledger["delivered"], shed, bodies, cpu)


@contextlib.contextmanager
def _service(signatures: Path, *options: str) -> Iterator[tuple[Line, Live]]:
    with veth_line(mtu=65_535) as line, tempfile.TemporaryDirectory(prefix="watchdog-bench-") as home:
        arguments: Sequence[str | Path] = ("--signatures", signatures, *options)
        with live_sensor(_COMMAND, line.right, Path(home), *arguments, eve=False) as live:
            yield line, live


def _waiting(ledger: dict[str, Any]) -> int:
    waiting: int = ledger["received"] - sum(ledger["dropped"].values()) - ledger["delivered"]
    return waiting


def _latency(work: Path, signatures: Path) -> str:
    """From packet to committed detection at a steady rate: the demo again and again, from new addresses."""
    _say("latency")
    capture = work / "demo.pcap"
    subprocess.run(["tcpdump", "-r", str(_DEMO), "-w", str(capture)], check=True, capture_output=True)
    with _service(signatures) as (line, live):
        _replay(line, capture, f"--pps={_STEADY_PPS}", "--loop=320", "--unique-ip")
        await_(
            lambda: not live.status()["store"]["waiting"] and not _waiting(live.interface()["ledger"]),
            "all is stored",
        )
        time.sleep(1)
        latency = live.status()["detection_latency"]
    middle, last = (_quantile(latency["buckets"], latency["counts"], share) for share in (0.5, 0.99))
    return (
        f"packet to stored detection at {_STEADY_PPS:,} packets/s, {sum(latency['counts']):,} detections: "
        f"p50 {middle * 1000:.0f} ms, p99 {last * 1000:.0f} ms (between the histogram's bounds)"
    )


def _quantile(bounds: list[float], counts: list[int], share: float) -> float:
    """As Prometheus's histogram_quantile: linear within a bucket."""
    wanted, below, lower = share * sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= wanted:
            return lower + (bound - lower) * (wanted - below) / count
        below, lower = below + count, bound
    return lower


def _idle(signatures: Path) -> str:
    """A line without packets."""
    _say("idle")
    with _service(signatures) as (_, live):
        time.sleep(5)
        pids = {"parent": live.pid, "worker": live.workers()[0]["pid"]}
        before = {who: _cpu_seconds(pid) for who, pid in pids.items()}
        time.sleep(_IDLE_SECONDS)
        parts = []
        for who, pid in pids.items():
            share = 100 * (_cpu_seconds(pid) - before[who]) / _IDLE_SECONDS
            memory = _memory(pid)
            parts.append(
                f"{who} {share:.2f} % of a core, {memory['Rss'] / 1024:.0f} MiB resident "
                f"({memory['Pss'] / 1024:.0f} with what is shared divided)"
            )
    return "idle: " + "; ".join(parts) + "; the worker's includes its ring, 64 MiB"


def _cpu_seconds(pid: int) -> float:
    """User and system time of all threads, by the scheduler's own clock (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _memory(pid: int) -> dict[str, int]:
    """KiB."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def _rates(packets: int, octets: int, seconds: float) -> tuple[str, str]:
    return f"{packets / seconds:,.0f}", f"{octets / seconds / 1e6:.0f}"


def _say(text: str) -> None:
    print(f"bench-live: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    subprocess.run([sys.executable, "-m", "compileall", "-q", "sensor", "signatures", "exporter"], check=True)
    run("ip", "netns", "list")
    sys.exit(main())
