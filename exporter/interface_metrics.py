"""Metrics of interfaces and their workers: what came, what was lost on the way, and who looked at it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.worker_counters import HTTP_EVENTS, TRANSACTION_COUNTERS, WORKER_COUNTERS
from sensor.decode.events import DecoderEvent
from sensor.status import InterfaceStatus

DROP_REASONS: Final = ("ring_full", "abandoned")
SHED_REASONS: Final = ("overload", "worker_died")
CONFINEMENTS: Final = ("user", "no_new_privs", "landlock", "seccomp")
OTHER: Final = "other"
"""Label for what has a name that is none of those known here; counted, so that sums still agree."""

_EVENTS: Final = tuple(event.label for event in DecoderEvent if event is not DecoderEvent.NONE)
_INTERFACE: Final = ("interface",)
_WORKER: Final = ("interface", "worker")


def interface_families(interfaces: list[InterfaceStatus]) -> Iterator[Metric]:
    """Every family that has ``interface`` for a label."""
    yield from _capture(interfaces)
    yield from _ledger(interfaces)
    yield from _pipeline(interfaces)
    yield from _workers(interfaces)


def _capture(interfaces: list[InterfaceStatus]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "watchdog_interface_up",
        "1 while the interface is there and up. At 0 nothing of it is seen: check cable and configuration.",
        labels=_INTERFACE,
    )
    present = GaugeMetricFamily(
        "watchdog_interface_present",
        "1 while the interface exists. At 0 it was removed or is misspelt in the configuration.",
        labels=_INTERFACE,
    )
    received = CounterMetricFamily(
        "watchdog_capture_packets",
        "Packets that the kernel received for the sensor, those included that it then dropped.",
        labels=_INTERFACE,
    )
    octets = CounterMetricFamily(
        "watchdog_capture_bytes", "Octets on the wire of delivered packets.", labels=_INTERFACE
    )
    dropped = CounterMetricFamily(
        "watchdog_capture_dropped_packets",
        "Packets lost before the sensor saw them: ring_full (needs a larger ring or more workers), abandoned"
        " (in the ring of an interface that went away).",
        labels=("interface", "reason"),
    )
    delivered = CounterMetricFamily(
        "watchdog_capture_delivered_packets",
        "Packets taken from the kernel's ring. Received = dropped + delivered + waiting.",
        labels=_INTERFACE,
    )
    waiting = GaugeMetricFamily(
        "watchdog_capture_waiting_packets", "Packets in the kernel's ring, not yet taken.", labels=_INTERFACE
    )
    for interface in interfaces:
        label = (interface.name,)
        up.add_metric(label, interface.state == "up")
        present.add_metric(label, interface.state != "missing")
        received.add_metric(label, interface.ledger.received)
        octets.add_metric(label, interface.ledger.octets)
        for reason, count in closed_counts(interface.ledger.dropped, DROP_REASONS):
            dropped.add_metric((interface.name, reason), count)
        delivered.add_metric(label, interface.ledger.delivered)
        waiting.add_metric(label, interface.ledger.waiting)
    yield from (up, present, received, octets, dropped, delivered, waiting)


def _ledger(interfaces: list[InterfaceStatus]) -> Iterator[Metric]:
    decoded = CounterMetricFamily(
        "watchdog_decode_packets",
        "Packets decoded. Delivered = decoded + rejected + shed.",
        labels=_INTERFACE,
    )
    rejected = CounterMetricFamily(
        "watchdog_decode_rejected_packets",
        "Packets that are malformed or of an unknown kind, by the layer that says so, in Suricata's words.",
        labels=("interface", "layer", "reason"),
    )
    shed = CounterMetricFamily(
        "watchdog_shed_packets",
        "Packets left out on purpose: overload (more traffic than the workers can look at), worker_died (the"
        " batch that ended a worker).",
        labels=("interface", "reason"),
    )
    error = CounterMetricFamily(
        "watchdog_ledger_error_packets",
        "Packets by which the loss ledger does not add up. Must be 0: anything else is a fault to report.",
        labels=_INTERFACE,
    )
    for interface in interfaces:
        decoded.add_metric((interface.name,), interface.ledger.decoded)
        for event, count in closed_counts(interface.ledger.rejected, _EVENTS):
            layer, _, reason = event.partition(".")
            rejected.add_metric((interface.name, layer, reason or OTHER), count)
        for reason, count in closed_counts(interface.ledger.shed, SHED_REASONS):
            shed.add_metric((interface.name, reason), count)
        error.add_metric((interface.name,), interface.ledger_error)
    yield from (decoded, rejected, shed, error)


def _pipeline(interfaces: list[InterfaceStatus]) -> Iterator[Metric]:
    active = GaugeMetricFamily("watchdog_flows_active", "Flows in the flow table.", labels=_INTERFACE)
    for interface in interfaces:
        active.add_metric((interface.name,), sum(worker.flows_active for worker in interface.workers))
    yield active
    for key, name, text in WORKER_COUNTERS:
        family = CounterMetricFamily(name, text, labels=_INTERFACE)
        for interface in interfaces:
            family.add_metric((interface.name,), _counted(interface, key))
        yield family
    transactions = CounterMetricFamily(
        "watchdog_transactions",
        "Requests with or without their responses, by application protocol.",
        labels=("interface", "protocol"),
    )
    events = CounterMetricFamily(
        "watchdog_http_events",
        "What the HTTP reader passed over, cut or refused, by kind.",
        labels=("interface", "event"),
    )
    for interface in interfaces:
        for protocol, key in TRANSACTION_COUNTERS:
            transactions.add_metric((interface.name, protocol), _counted(interface, key))
        for event in HTTP_EVENTS:
            events.add_metric((interface.name, event), _counted(interface, f"http.{event}"))
    yield from (transactions, events)


def _workers(interfaces: list[InterfaceStatus]) -> Iterator[Metric]:
    up = GaugeMetricFamily("watchdog_worker_up", "1 while the worker reads packets.", labels=_WORKER)
    restarts = CounterMetricFamily(
        "watchdog_worker_restarts",
        "Times that the worker died and was started again. On growth: read the log, report the fault.",
        labels=_WORKER,
    )
    level = GaugeMetricFamily(
        "watchdog_worker_shed_level",
        "What the worker leaves out because of overload: 0 nothing, 1 HTTP response bodies, 2 also encrypted"
        " payload, 3 also a quarter of all flows, 4 half, 5 seven of eight.",
        labels=_WORKER,
    )
    fill = GaugeMetricFamily(
        "watchdog_worker_ring_fill_ratio", "Share of the worker's ring that waits, 0 to 1.", labels=_WORKER
    )
    memory = GaugeMetricFamily(
        "watchdog_worker_resident_memory_bytes", "Resident memory of the worker.", labels=_WORKER
    )
    confined = GaugeMetricFamily(
        "watchdog_worker_confined",
        "1 where the worker is held by: another user, no new privileges, Landlock, seccomp.",
        labels=(*_WORKER, "by"),
    )
    for interface in interfaces:
        for worker in interface.workers:
            label = (interface.name, str(worker.index))
            up.add_metric(label, worker.state == "running")
            restarts.add_metric(label, worker.restarts)
            level.add_metric(label, worker.shed_level)
            fill.add_metric(label, worker.ring_fill)
            memory.add_metric(label, worker.memory_octets)
            for means in CONFINEMENTS:
                confined.add_metric((*label, means), means in worker.confined_by)
    yield from (up, restarts, level, fill, memory, confined)


def closed_counts(counts: Mapping[str, int], known: Collection[str]) -> Iterator[tuple[str, int]]:
    """``counts`` of every ``known`` name, 0 where it has none, and the others' as one."""
    yield from ((name, counts.get(name, 0)) for name in known)
    others = [count for name, count in counts.items() if name not in known]
    if others:
        yield OTHER, sum(others)


def _counted(interface: InterfaceStatus, key: str) -> int:
    return sum(worker.counters.get(key, 0) for worker in interface.workers)
