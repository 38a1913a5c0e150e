"""What a service may tell of itself: at its start, and after a while."""

from sensor.status import (
    InterfaceStatus,
    LedgerCounts,
    ServiceStatus,
    SignatureStatus,
    StoreStatus,
    WorkerStatus,
)


def fresh_status() -> ServiceStatus:
    """Two interfaces, one with two workers, and two categories of signatures; nothing has happened."""
    return ServiceStatus(
        version="1.2.3",
        interfaces=[
            InterfaceStatus("eth0", workers=[WorkerStatus(0), WorkerStatus(1)]),
            InterfaceStatus("eth1", workers=[WorkerStatus(0)]),
        ],
        detections={"custom": {}, "remote_control": {}},
    )


def busy_status() -> ServiceStatus:
    """The same after a while; its ledger adds up."""
    status = fresh_status()
    status.interfaces[0].state = "up"
    status.interfaces[0].ledger = LedgerCounts(
        received=1000,
        dropped={"ring_full": 37, "abandoned": 3},
        delivered=950,
        octets=640_000,
        decoded=900,
        rejected={"ipv4.trunc_pkt": 12, "udp.hlen_too_small": 8},
        shed={"overload": 20, "worker_died": 10},
    )
    status.interfaces[0].workers = [
        WorkerStatus(
            0,
            state="running",
            restarts=2,
            shed_level=1,
            ring_fill=0.25,
            memory_octets=50 << 20,
            flows_active=7,
            confined_by=["user", "no_new_privs", "seccomp"],
            counters={"flows": 30, "http_transactions": 11, "shed_bodies": 3, "http.resyncs": 5},
        ),
        WorkerStatus(1, state="backing_off", flows_active=5, counters={"flows": 12, "http_transactions": 4}),
    ]
    status.interfaces[1].state = "down"
    status.interfaces[1].ledger_error = 6
    status.store = StoreStatus(
        path="/var/lib/watchdog-sensor/sensor.db",
        octets=123_456,
        disk_free_octets=9_000_000,
        oldest_ns=1_700_000_000_500_000_000,
        failing="disk full",
        failures=3,
        waiting=17,
        lost=2,
    )
    status.store.commit_seconds.observe(0.001)
    status.store.commit_seconds.observe(0.03, times=2)
    status.store.commit_seconds.observe(60.0)
    status.signatures = SignatureStatus(
        loaded=200,
        rejected=1,
        loaded_ns=1_700_000_001_000_000_000,
        reload_seconds=0.75,
        reloads=4,
        reload_failures=1,
        last_reload_failed=True,
    )
    status.detections["custom"] = {"low": 5, "critical": 1}
    status.detection_latency.observe(0.02, times=6)
    return status
