"""Capturing through libpcap: what arrives, what is counted, and how it ends."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from sensor.capture.libpcap import open_live
from sensor.capture.libpcap_capture import LibpcapCapture
from sensor.errors import CaptureError, ConfigError
from tests.capture.rows import read_rows, records_of
from tests.netns import Line, run, veth_line
from tests.reference.capture import Record

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture(name="line", scope="module")
def _line() -> Iterator[Line]:
    with veth_line() as line:
        yield line


def _frame(layers: Any, *, tags: int = 0) -> bytes:
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for tag in range(tags):
        head /= Dot1Q(vlan=100 + tag)
    return bytes(head / layers)


def _udp(number: int, size: int = 100) -> bytes:
    return _frame(
        IP(src="10.99.0.1", dst="192.0.2.1") / UDP(sport=4000, dport=5000) / _numbered(number, size)
    )


def _icmp(number: int) -> bytes:
    return _frame(IP(src="10.99.0.1", dst="192.0.2.1") / ICMP() / _numbered(number, 100))


def _numbered(number: int, size: int) -> bytes:
    return number.to_bytes(4) + bytes(size - 4)


def _mixed() -> list[bytes]:
    """Nothing that the other side would answer."""
    to = IP(src="10.99.0.1", dst="192.0.2.1")
    return [
        *(_udp(number, size) for number, size in enumerate((4, 18, 19, 512, 1472))),
        _icmp(1),
        _frame(to / TCP(sport=4000, dport=80, flags="PA") / b"GET / HTTP/1.1\r\n\r\n"),
        _frame(to / UDP() / b"tagged once", tags=1),
        _frame(to / UDP() / b"tagged twice", tags=2),
        bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x88B5) / b"of no protocol"),
    ]


def _send(line: Line, frames: Iterable[bytes], device: str | None = None) -> int:
    """Put frames on the line from its left side; returns how many."""
    with line.left.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sent = 0
    with sender:
        sender.bind((device or line.left.device, 0))
        for each in frames:
            sender.send(each)
            sent += 1
    return sent


def _take(capture: LibpcapCapture) -> list[Record]:
    """Everything up to now, and the end."""
    capture.stop()
    return records_of(capture)


def _assert_accounted(capture: LibpcapCapture, records: list[Record]) -> None:
    assert capture.finished
    statistics = capture.statistics()
    assert capture.delivered == len(records)
    assert statistics.received == statistics.dropped + capture.delivered


@contextmanager
def _tcpdump(line: Line, file: Path, count: int) -> Iterator[None]:
    """It records so many packets of the left side, in nanoseconds."""
    with line.left.popen(
        *("tcpdump", "-i", line.left.device, "--nano", "-c", str(count), "-Z", "root", "-w", str(file)),
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stderr is not None
            assert any("listening on" in said for said in program.stderr)
            yield
            program.wait(timeout=60)
        finally:
            program.kill()


@pytest.mark.tcpdump
def test_rows_are_what_tcpdump_records(line: Line, tmp_path: Path) -> None:
    # The sender's side: the kernel notes a leaving packet's time once for all who look.
    file = tmp_path / "tcpdump.pcap"
    frames = _mixed() * 20
    with line.left.entered():
        capture = open_live(line.left.device)
    with capture:
        with _tcpdump(line, file, len(frames)):
            _send(line, frames)
        records = _take(capture)
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == frames
    assert records == read_rows(file.read_bytes()).records
    assert any(record.ts_ns % 1000 for record in records)


def test_stripped_vlan_tags_are_put_back(line: Line) -> None:
    with line.right.entered():
        capture = open_live(line.right.device)
    with capture:
        _send(line, _mixed())
        records = _take(capture)
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == _mixed()
    assert {record.link_type for record in records} == {capture.link_type} == {1}


def test_packets_longer_than_the_snap_length_are_cut(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device, snaplen=60)
    with capture:
        _send(line, _mixed())
        records = _take(capture)
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == [frame[:60] for frame in _mixed()]
    assert [record.wire_len for record in records] == [len(frame) for frame in _mixed()]


@pytest.mark.parametrize("immediate", [False, True])
def test_packets_are_read_while_capture_goes_on(line: Line, *, immediate: bool) -> None:
    with line.left.entered():
        capture = open_live(line.left.device, immediate=immediate)
    with capture:
        assert capture.read_ready() is None
        records: list[Record] = []
        for number in range(5):
            _send(line, [_udp(number)])
            while len(records) == number:
                capture.wait(0.05)
                batch = capture.read_ready()
                records += records_of([batch] if batch else [])
        assert [record.number for record in records] == [1, 2, 3, 4, 5]
        assert [record.octets for record in records] == [_udp(number) for number in range(5)]
        assert not capture.finished
        assert _take(capture) == []
        _assert_accounted(capture, records)


def test_filter_lets_through_what_it_says_and_nothing_else_counts(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device, bpf="icmp or vlan 100")
    with capture:
        _send(line, _mixed())
        records = _take(capture)
        _assert_accounted(capture, records)
    frames = _mixed()
    assert [record.octets for record in records] == [frames[5], frames[7], frames[8]]
    assert capture.statistics().received == 3


def test_opened_amid_traffic_only_what_passes_the_filter_counts(line: Line) -> None:
    enough = threading.Event()

    def traffic() -> Iterator[bytes]:
        icmp, udp = _icmp(0), _udp(0)
        for _ in range(1_000_000):
            if enough.is_set():
                return
            yield icmp
            yield udp

    sender = threading.Thread(target=_send, args=(line, traffic()))
    sender.start()
    try:
        for _ in range(3):
            with line.left.entered():
                capture = open_live(line.left.device, bpf="icmp", buffer_octets=4 << 20)
            with capture:
                capture.wait(60)
                records = _take(capture)
                _assert_accounted(capture, records)
            assert {record.octets for record in records} == {_icmp(0)}
    finally:
        enough.set()
        sender.join()


def test_loopback_is_seen_once(line: Line) -> None:
    with line.left.entered():
        capture = open_live("lo", bpf="udp")
    with capture:
        _send(line, [_udp(number) for number in range(50)], "lo")
        records = _take(capture)
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == [_udp(number) for number in range(50)]


def test_what_a_full_buffer_drops_is_counted(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device, buffer_octets=1 << 20)
    with capture:
        frame = _udp(0, 1400)
        sent = _send(line, (frame for _ in range(5_000)))
        assert sent == capture.statistics().received
        records = _take(capture)
        _assert_accounted(capture, records)
        assert capture.statistics().dropped > 0
        assert len(records) > 0
        assert sent == capture.statistics().received
    assert capture.statistics().dropped == sent - len(records)


def test_large_bursts_come_in_several_batches(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device, buffer_octets=64 << 20)
    with capture:
        frames = [_udp(number, 1400) for number in range(10)]
        sent = _send(line, frames * 800)
        capture.stop()
        sizes, numbers = [], []
        for batch in capture:
            sizes.append(int(batch.cap_len.sum()))
            numbers.append((batch.first_number, len(batch)))
        assert capture.statistics() == (sent, 0, 0)
    assert len(sizes) > 2
    assert max(sizes) < 5 << 20
    assert sum(sizes) == sent * len(frames[0])
    first = 1
    for number, count in numbers:
        assert number == first
        first += count
    assert first == sent + 1


def test_stop_from_another_thread_ends_the_reading_and_loses_nothing(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device)
    frames = [_udp(number) for number in range(100)] * 10
    records: list[Record] = []
    reader = threading.Thread(target=lambda: records.extend(records_of(capture)))
    with capture:
        reader.start()
        _send(line, frames)
        capture.stop()
        reader.join()
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == frames
    assert capture.ended == ""
    assert capture.read_ready() is None


def test_interface_that_goes_down_and_up_is_captured_on(line: Line) -> None:
    with line.left.entered():
        capture = open_live(line.left.device)
    with capture:
        _send(line, [_udp(1)])
        run("ip", "-n", line.left.name, "link", "set", line.left.device, "down")
        before = records_of(filter(None, [capture.read_ready(), capture.read_ready()]))
        run("ip", "-n", line.left.name, "link", "set", line.left.device, "up")
        _send(line, [_udp(2)])
        records = before + _take(capture)
        _assert_accounted(capture, records)
    assert [record.octets for record in records] == [_udp(1), _udp(2)]


def test_interface_that_is_removed_ends_the_capture_with_a_reason() -> None:
    with veth_line() as line:
        with line.left.entered():
            capture = open_live(line.left.device)
        with capture:
            _send(line, [_udp(1), _udp(2)])
            run("ip", "-n", line.left.name, "link", "delete", line.left.device)
            records = records_of(capture)
            _assert_accounted(capture, records)
        assert [record.octets for record in records] == [_udp(1), _udp(2)]
        assert capture.ended.startswith(f"{line.left.device}: ")


def test_counters_of_libpcap_may_begin_again(line: Line) -> None:
    class Wrapped:
        """Libpcap, whose counters have come round to these."""

        def __init__(self, pcap: Any) -> None:
            self.pcap = pcap
            self.counters = (0, 0)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.pcap, name)

        def pcap_stats(self, _handle: int, answer: Any) -> int:
            answer._obj.received, answer._obj.dropped = self.counters
            return 0

    with line.left.entered():
        capture = open_live(line.left.device)
    with capture:
        wrapped = capture._pcap = Wrapped(capture._pcap)
        for received, dropped in ((2**32 - 10, 5), (10, 2**32 - 1), (20, 3)):
            wrapped.counters = received, dropped
            statistics = capture.statistics()
        assert statistics == (2**32 + 20, 2**32 + 3, 0)


def test_unknown_interface_is_refused_and_the_others_named(line: Line) -> None:
    with line.left.entered(), pytest.raises(CaptureError, match=r"no interface wlan9; .*\bveth-l\b"):
        open_live("wlan9")
    with line.left.entered(), pytest.raises(CaptureError, match="twice"):
        open_live("any")


def test_interface_that_is_down_is_refused(line: Line) -> None:
    with line.right.entered():
        run("ip", "tuntap", "add", "tun7", "mode", "tun")
        try:
            with pytest.raises(CaptureError, match="tun7 is down; bring it up"):
                open_live("tun7")
        finally:
            run("ip", "link", "delete", "tun7")


@pytest.mark.parametrize("bpf", ["no such thing", "udp\0", "ether host"])
def test_bad_filter_is_refused(line: Line, bpf: str) -> None:
    with line.left.entered(), pytest.raises(ConfigError, match="filter"):
        open_live(line.left.device, bpf=bpf)


def test_filter_that_the_kernel_cannot_hold_is_refused(line: Line) -> None:
    bpf = " or ".join(["ip6 protochain 5"] * 150)
    with line.left.entered(), pytest.raises(ConfigError, match="instructions"):
        open_live(line.left.device, bpf=bpf)


def test_link_type_that_is_not_decoded_is_refused(line: Line) -> None:
    with line.left.entered(), pytest.raises(CaptureError, match="carries EN10MB"):
        open_live(line.left.device, link_types={101})
    with line.left.entered(), open_live(line.left.device, link_types={1}) as capture:
        assert capture.link_type == 1


def test_closed_capture_has_no_descriptor(line: Line) -> None:
    with line.left.entered(), open_live(line.left.device) as capture:
        os.fstat(capture.fileno())
    with pytest.raises(ValueError, match="closed"):
        capture.fileno()
    capture.close()


def test_rights_are_needed_to_open_and_not_to_read(line: Line) -> None:
    program = textwrap.dedent(f"""
        import os, sys
        from sensor.capture.libpcap import open_live
        from sensor.errors import CaptureError

        capture = open_live({line.left.device!r})
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        print("ready", flush=True)
        sys.stdin.readline()
        capture.stop()
        print(sum(map(len, capture)), *capture.statistics(), flush=True)
        try:
            open_live({line.left.device!r})
        except CaptureError as error:
            print(error)
    """)
    with line.left.popen(
        *(sys.executable, "-c", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        _send(line, _mixed())
        answer, _ = process.communicate("go on\n")
    counted, refusal = answer.splitlines()
    assert counted == f"{len(_mixed())} {len(_mixed())} 0 0"
    assert refusal.startswith("veth-l: no right to capture; run as root, or ")
    assert "sudo setcap cap_net_raw,cap_net_admin=ep /" in refusal
