"""What the running service tells of itself, for people."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.detection_cells import local_time, render
from exporter.durations import duration
from exporter.printable import printable
from exporter.severity import severity_name
from exporter.status_words import HEADERS, SHED_LEVELS, STATES, WORDS
from sensor.status import Histogram, InterfaceStatus, ServiceStatus, StoreStatus

_UNBOUNDED: Final = 10_000
_STYLES = MappingProxyType(
    {
        "up": "green",
        "running": "green",
        "down": "bold yellow",
        "missing": "bold red",
        "backing_off": "bold red",
    }
)
_BAD: Final = "bold red"
_LATENCY_SHARE: Final = 0.99

Fact = tuple[str, str]
"""A text and its style."""


def render_status(
    status: ServiceStatus, language: str = "en", *, width: int | None = None, color: bool = False
) -> str:
    """Make the text of `status_view`, at most ``width`` cells wide."""
    return render(status_view(status, language), width or _UNBOUNDED, color)


def status_view(status: ServiceStatus, language: str = "en") -> RenderableType:
    """Show the interfaces, their workers, and below them what else there is to say."""
    words = WORDS[language]
    lasted = duration(max(status.taken_ns - status.started_ns, 0), language)
    head = words["head"].format(version=printable(status.version), pid=status.pid)
    since = words["since"].format(since=_moment(status.started_ns), time=lasted)
    parts: list[RenderableType] = [Text(head, style="bold"), Text(since, style="dim")]
    if status.config_path:
        parts.append(Text(words["config"].format(path=printable(status.config_path)), style="dim"))
    parts.append(Text())
    if status.interfaces:
        parts += [
            _interfaces(status.interfaces, language),
            Text(),
            _workers(status.interfaces, language),
            Text(),
        ]
    else:
        parts += [Text(words["no_interfaces"], style=_BAD), Text()]
    return Group(*parts, _facts(status, language))


def _table(headers: Sequence[str], left: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for at, header in enumerate(headers):
        table.add_column(header, justify="left" if at < left else "right", overflow="fold")
    return table


def _interfaces(interfaces: Sequence[InterfaceStatus], language: str) -> Table:
    table = _table(HEADERS[language]["interfaces"], left=2)
    for each in interfaces:
        name = printable(each.name if not each.device else f"{each.name} ({each.device})")
        ledger = each.ledger
        table.add_row(
            name,
            _state(each.state, language),
            f"{each.packets_per_second:,.0f}",
            scaled(each.octets_per_second * 8, 1000),
            f"{ledger.received:,}",
            _count(sum(ledger.dropped.values())),
            _count(sum(ledger.shed.values())),
            f"{sum(ledger.rejected.values()):,}",
        )
    return table


def _workers(interfaces: Sequence[InterfaceStatus], language: str) -> Table:
    table = _table(HEADERS[language]["workers"], left=2)
    for interface in interfaces:
        for worker in interface.workers:
            table.add_row(
                printable(f"{interface.name}/{worker.index}"),
                _state(worker.state, language),
                str(worker.pid or "-"),
                f"{worker.ring_fill:.0%}",
                _shed_level(worker.shed_level, language),
                f"{worker.flows_active:,}",
                f"{scaled(worker.memory_octets, 1024)}B",
                _count(worker.restarts),
            )
    return table


def _state(state: str, language: str) -> Text:
    shown = STATES.get(state, state) if language == "ja" else state
    return Text(printable(shown), style=_STYLES.get(state, ""))


def _shed_level(level: int, language: str) -> Text:
    names = SHED_LEVELS[language]
    return Text(names[min(level, len(names) - 1)], style=_BAD if level else "")


def _count(count: int) -> Text:
    """A number that should be 0."""
    return Text(f"{count:,}", style=_BAD if count else "")


def _facts(status: ServiceStatus, language: str) -> Table:
    words = WORDS[language]
    error = sum(each.ledger_error for each in status.interfaces)
    ledger: Fact = (words["error"].format(n=error), _BAD) if error else (words["whole"], "")
    grid = Table.grid(padding=(0, 2, 0, 0))
    for label, facts in (
        ("detections", _detections(status, language)),
        ("store", _store(status.store, language)),
        ("signatures", _signatures(status, language)),
        ("ledger", [ledger]),
        ("confined", _confinement(status.interfaces, language)),
    ):
        for at, (text, style) in enumerate(facts):
            grid.add_row(Text("" if at else words[label]), Text(text, style=style, overflow="fold"))
    return grid


def _detections(status: ServiceStatus, language: str) -> list[Fact]:
    words = WORDS[language]
    total = sum(sum(severities.values()) for severities in status.detections.values())
    facts: list[Fact] = [(words["stored"].format(n=total), "bold" if total else "")]
    for category, severities in status.detections.items():
        counts = [
            f"{printable(severity_name(name, language))} {count:,}"
            for name, count in severities.items()
            if count
        ]
        if counts:
            facts.append((f"{printable(category)}: {', '.join(counts)}", ""))
    latency = status.detection_latency
    if latency.count:
        mean = _seconds(latency.total / latency.count)
        most = words["latency"].format(mean=mean, bound=_bound(latency, language))
        facts.append((most, ""))
    return facts


def _store(store: StoreStatus, language: str) -> list[Fact]:
    words = WORDS[language]
    size, free = (f"{scaled(octets, 1024)}B" for octets in (store.octets, store.disk_free_octets))
    facts: list[Fact] = [(words["size"].format(path=printable(store.path), octets=size, free=free), "")]
    if store.oldest_ns:
        facts.append((words["oldest"].format(time=_moment(store.oldest_ns)), ""))
    if store.failing:
        facts.append((words["failing"].format(reason=printable(store.failing)), _BAD))
    if store.waiting:
        facts.append((words["waiting"].format(n=store.waiting), _BAD if store.failing else ""))
    if store.lost:
        facts.append((words["lost"].format(n=store.lost), _BAD))
    return facts


def _signatures(status: ServiceStatus, language: str) -> list[Fact]:
    words, signatures = WORDS[language], status.signatures
    time = _moment(signatures.loaded_ns)
    facts: list[Fact] = [(words["loaded"].format(n=signatures.loaded, time=time), "")]
    if signatures.last_reload_failed:
        why = "reload_mistakes" if signatures.rejected else "reload_failed"
        facts.append((words[why].format(n=signatures.rejected), _BAD))
    return facts


def _confinement(interfaces: Sequence[InterfaceStatus], language: str) -> list[Fact]:
    """What holds the workers that run, each set of it once; and who runs free."""
    words = WORDS[language]
    held: dict[tuple[str, ...], None] = {}
    free = []
    for interface in interfaces:
        for worker in interface.workers:
            if worker.confined_by:
                held[tuple(worker.confined_by)] = None
            elif worker.state == "running":
                free.append(printable(f"{interface.name}/{worker.index}"))
    facts: list[Fact] = [(words["taken"].format(names=printable(", ".join(names))), "") for names in held]
    if free:
        facts.append((words["unconfined"].format(workers=", ".join(free)), _BAD))
    return facts


def _moment(ts_ns: int) -> str:
    time, _, offset = local_time(ts_ns)
    return f"{time} {offset}"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _bound(histogram: Histogram, language: str) -> str:
    """Bucket that holds 99 of 100 observations, as the most that they took."""
    seen, wanted = 0, _LATENCY_SHARE * histogram.count
    for bound, count in zip(histogram.buckets, histogram.counts, strict=False):
        seen += count
        if seen >= wanted:
            return WORDS[language]["at_most"].format(time=_seconds(bound))
    return WORDS[language]["more_than"].format(time=_seconds(histogram.buckets[-1]))


def scaled(value: float, base: int) -> str:
    """``value`` with the prefix that leaves at most four digits before the point: ``98.1 M``."""
    names = ("", "k", "M", "G", "T", "P") if base == 1000 else ("", "Ki", "Mi", "Gi", "Ti", "Pi")
    power = 0
    while value >= base and power < len(names) - 1:
        value /= base
        power += 1
    return f"{value:.0f} {names[power]}" if not power or value >= 100 else f"{value:.1f} {names[power]}"
