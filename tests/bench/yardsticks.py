"""What is measured on each capture: the sensor, and the programs that its figures stand beside."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.bench.keywords import make_keywords
from tests.bench.measure import Command

SENSOR: Final = "watchdog-sensor"
NDPI: Final = "ndpiReader"
HYPERSCAN: Final = "hyperscan alone"

_TSHARK_PACKETS: Final = 100_000
_DPKT_PACKETS: Final = 100_000
_SCAPY_PACKETS: Final = 10_000
_PYSHARK_PACKETS: Final = 500
_SLOW_ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture to measure on."""

    kind: Literal["http", "flood", "named"]
    """Which aims concern it."""
    name: str
    path: Path
    packets: int
    octets: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A yardstick that is not here."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Files of the same keywords, in the two forms of the rule language."""

    suricata: Path
    snort: Path


Planned = Iterator[Command | Skipped]


def sensor_commands(capture: Capture, signatures: Path) -> Iterator[Command]:
    """The sensor, whole runs of the command."""
    program = Path(sys.executable).with_name("watchdog-sensor")
    replay = (str(program), "replay", "--quiet", "--signatures", str(signatures))
    path, size = str(capture.path), (capture.packets, capture.octets)
    yield Command(
        SENSOR,
        (*replay, "--no-db", "--eve", "/dev/null", path),
        *size,
        "flow records and HTTP transactions to /dev/null as EVE JSON, no database",
    )
    yield Command(
        "… without --eve",
        (*replay, "--no-db", path),
        *size,
        "leaves out: records of flows, JSON of transactions; flows, HTTP and keywords as before",
    )
    yield Command(
        "… with a database",
        (*replay, "--db", "detections.db", "--eve", "/dev/null", path),
        *size,
        "as the first, with the run and its detections logged to SQLite",
    )


def yardstick_commands(capture: Capture, signatures: Path, rules: Rules) -> Planned:
    """The programs to compare with; those that are not installed are named, with how to get them."""
    yield from _ndpi(capture)
    yield from _python(capture, signatures)
    yield from _tshark(capture)
    yield from _suricata(capture, rules.suricata)
    yield from _snort(capture, rules.snort)


def _found(name: str, program: str, how: str, make: Callable[[str], Command]) -> Planned:
    path = shutil.which(program)
    yield make(path) if path else Skipped(name, f"not installed ({how})")


def _ndpi(capture: Capture) -> Planned:
    def command(program: str) -> Command:
        argv = (program, "-q", "-i", str(capture.path))
        return Command(
            NDPI,
            argv,
            capture.packets,
            capture.octets,
            "flows and their protocols, no keywords; looks no further into a flow once that is known",
        )

    yield from _found(NDPI, "ndpiReader", "Debian: apt-get install libndpi-bin", command)


def _python(capture: Capture, signatures: Path) -> Planned:
    reader = (sys.executable, "-m", "tests.bench.readers")
    path = str(capture.path)
    if capture.kind == "flood":
        yield Skipped(HYPERSCAN, "a SYN has no payload")
    else:
        yield Command(
            HYPERSCAN,
            (*reader, "hyperscan", path, "--signatures", str(signatures)),
            capture.packets,
            capture.octets,
            "the limit: the same database over the same payload octets, only the scan counted",
            times_itself=True,
        )
    for name, most, note in (
        ("dpkt", _DPKT_PACKETS, "Ethernet, IP, TCP, first line of requests; no flows, no reassembly"),
        ("scapy", _SCAPY_PACKETS, "RawPcapReader and Ether"),
        ("pyshark", _PYSHARK_PACKETS, "HTTP request URIs; tshark included as far as it was waited for"),
    ):
        packets = min(most, capture.packets)
        argv = (*reader, name, path, "--packets", str(packets))
        yield Command(name, argv, packets, _octets(capture, packets), note, _SLOW_ROUNDS)


def _tshark(capture: Capture) -> Planned:
    packets = min(_TSHARK_PACKETS, capture.packets)

    def command(program: str) -> Command:
        argv = (program, "-n", "-r", str(capture.path), "-c", str(packets), "-q", "-z", "http,tree")
        octets = _octets(capture, packets)
        return Command("tshark", argv, packets, octets, "-q -z http,tree", _SLOW_ROUNDS)

    yield from _found("tshark", "tshark", "Debian: apt-get install tshark", command)


def _suricata(capture: Capture, rules: Path) -> Planned:
    def command(program: str) -> Command:
        argv = (
            program,
            "-r",
            str(capture.path),
            "-l",
            ".",
            "-k",
            "none",
            "--runmode",
            "single",
            "-S",
            str(rules),
        )
        return Command(
            "suricata", argv, capture.packets, capture.octets, "the same keywords, its own configuration"
        )

    yield from _found("suricata", "suricata", "suricata.io", command)


def _snort(capture: Capture, rules: Path) -> Planned:
    def command(program: str) -> Command:
        argv = (program, "-q", "-r", str(capture.path), "-k", "none", "-R", str(rules))
        return Command(
            "snort", argv, capture.packets, capture.octets, "version 3; the same keywords, no inspectors"
        )

    yield from _found("snort", "snort", "version 3, snort.org", command)


def _octets(capture: Capture, packets: int) -> int:
    """Octets of the first packets: known only where that is all of them."""
    return capture.octets if packets == capture.packets else 0


def write_rules(folder: Path, n: int) -> Rules:
    """Write the keywords for measurements as rules that Suricata and Snort 3 read."""
    rules = Rules(folder / "suricata.rules", folder / "snort.rules")
    words = [keyword.encode().hex(" ") for keyword in make_keywords(n)]
    for path, nocase in ((rules.suricata, "; nocase"), (rules.snort, ",nocase")):
        lines = (
            f'alert tcp any any -> any any (msg:"word"; content:"|{octets}|"{nocase}; sid:{sid}; rev:1;)\n'
            for sid, octets in enumerate(words, 9_100_001)
        )
        path.write_text("".join(lines), encoding="ascii")
    return rules
