"""``make soak``: the service for an hour under mixed traffic; memory and descriptors must stay flat.

Over a veth pair between two namespaces: generated web traffic with addresses of its own in each round, real
conversations between curl and a web server, bursts of SYNs, reloads, scrapes each few seconds. Every half
minute what each process holds is noted. At the end the account must close.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.keywords import write_signatures
from tests.bench.measure import ask
from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor

_COMMAND: Final = Path(sys.executable).with_name("watchdog-sensor")
_WEB_PPS: Final = 3_000
_WEB_PACKETS: Final = 60_000
_FLOOD_PPS: Final = 20_000
_FLOOD_PACKETS: Final = 40_000
_LOOK_SECONDS: Final = 30
_FLOOD_SECONDS: Final = 60
_RELOAD_SECONDS: Final = 300
_COLUMNS: Final = (
    *("seconds", "parent_kib", "parent_fds", "worker_kib", "worker_own_kib", "worker_fds", "worker_cpu"),
    *("received", "dropped", "shed", "detections", "flows", "restarts", "db_octets"),
)


def main() -> int:
    """Run, and say how it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3600, metavar="N", help="how long (default: 3600)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every look to FILE")
    options = parser.parse_args()
    if options.seconds <= _LOOK_SECONDS:
        parser.error(f"--seconds {options.seconds}: it looks every {_LOOK_SECONDS} s; give it longer")
    with tempfile.TemporaryDirectory(prefix="watchdog-soak-") as folder, veth_line(mtu=65_535) as line:
        home = Path(folder)
        signatures = home / "keywords.toml"
        write_signatures(signatures, 1_000)
        ask("tests.bench.generate", "http", str(home / "web.pcap"), str(_WEB_PACKETS))
        ask("tests.bench.generate", "flood", str(home / "flood.pcap"), str(_FLOOD_PACKETS))
        with live_sensor(_COMMAND, line.right, home, "--signatures", signatures) as live:
            rows = list(_looks(live, line, home, options.seconds))
            _traffic_ends(live)
            status = live.stop()
        print(f"exit status {status}; ledger {live.check_ledger()}")
        print(f"log {live.rows('SELECT event, count(*) FROM log GROUP BY event ORDER BY event')}")
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([_COLUMNS, *rows])
    _summarise(rows)
    return status


def _looks(live: Live, line: Line, home: Path, seconds: int) -> Iterator[tuple[float, ...]]:
    """Keep traffic going, and look every half minute."""
    began = time.monotonic()
    with _web_server(line, home) as url, _web_traffic(line, home, seconds):
        looked = flooded = reloaded = began
        while (now := time.monotonic()) - began < seconds:
            line.right.run("curl", "-sS", "-o", "/dev/null", f"{url}/large.bin", f"{url}/?q=anydesk.com")
            live.metrics()
            if now - flooded >= _FLOOD_SECONDS:
                flooded = now
                line.left.run(*_replay(line, home / "flood.pcap", _FLOOD_PPS))
            if now - reloaded >= _RELOAD_SECONDS:
                reloaded = now
                live.reload()
            if now - looked >= _LOOK_SECONDS:
                looked = now
                row = _look(live, now - began)
                print(*(f"{value:,.0f}" for value in row), flush=True)
                yield row
            time.sleep(2)


@contextmanager
def _web_traffic(line: Line, home: Path, seconds: int) -> Iterator[None]:
    """Web traffic without end, each round from addresses of its own."""
    endless = ("--loop=1000000", "--unique-ip", f"--duration={seconds}")
    sender = line.left.popen(
        *_replay(line, home / "web.pcap", _WEB_PPS, *endless),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        sender.terminate()
        sender.wait()


def _replay(line: Line, capture: Path, pps: int, *options: str) -> list[str]:
    return [
        "tcpreplay",
        "-q",
        "-K",
        "--timer=nano",
        f"--pps={pps}",
        *options,
        "-i",
        line.left.device,
        str(capture),
    ]


@contextmanager
def _web_server(line: Line, home: Path) -> Iterator[str]:
    root = home / "www"
    root.mkdir()
    (root / "large.bin").write_bytes(bytes(range(256)) * 4096)
    (root / "index.html").write_text("<p>遠隔操作</p>", encoding="utf-8")
    server = line.left.popen(
        *(sys.executable, "-m", "http.server", "8080", "--bind", line.left.address, "--directory", str(root)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://{line.left.address}:8080"
    try:
        await_(
            lambda: (
                subprocess.run(line.right.command("curl", "-s", url), capture_output=True, check=False).stdout
            ),
            "the web server answers",
        )
        yield url
    finally:
        server.terminate()
        server.wait()


def _traffic_ends(live: Live) -> None:
    def waiting() -> int:
        ledger = live.interface()["ledger"]
        left: int = ledger["received"] - sum(ledger["dropped"].values()) - ledger["delivered"]
        return left

    await_(lambda: waiting() == 0, "the ring is read")


def _look(live: Live, seconds: float) -> tuple[float, ...]:
    status = live.status()
    interface = status["interfaces"][0]
    worker, ledger = interface["workers"][0], interface["ledger"]
    parent, child = (_held(pid) for pid in (live.pid, worker["pid"]))
    detections = sum(sum(each.values()) for each in status["detections"].values())
    return (
        *(seconds, parent["Rss"], parent["fds"]),
        *(child["Rss"], child["Anonymous"], child["fds"], child["cpu"]),
        *(ledger["received"], sum(ledger["dropped"].values()), sum(ledger["shed"].values())),
        *(detections, worker["flows_active"], worker["restarts"], status["store"]["octets"]),
    )


def _held(pid: int) -> dict[str, float]:
    process = Path(f"/proc/{pid}")
    lines = (line.split() for line in (process / "smaps_rollup").read_text().splitlines()[1:])
    held: dict[str, float] = {words[0].rstrip(":"): int(words[1]) for words in lines}
    held["fds"] = len(list((process / "fd").iterdir()))
    held["cpu"] = sum(int(task.read_text().split()[0]) for task in process.glob("task/*/schedstat")) / 1e9
    return held


def _summarise(rows: list[tuple[float, ...]]) -> None:
    """First tenth against last tenth."""
    part = max(len(rows) // 10, 1)
    for at, name in enumerate(_COLUMNS[1:], 1):
        first, last = (sum(row[at] for row in some) / part for some in (rows[:part], rows[-part:]))
        most = max(row[at] for row in rows)
        print(f"{name:15} first {first:14,.0f}   last {last:14,.0f}   most {most:14,.0f}")


if __name__ == "__main__":
    sys.exit(main())
