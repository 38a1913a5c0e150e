"""The mapped ring: what is read out of it is what went over the line, whoever reads and in whatever state."""

import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensor.arrays import GUARD
from sensor.capture.af_packet import LINKTYPE_ETHERNET, LINKTYPE_RAW, RingGeometry
from sensor.capture.packet_ring import SLACK, PacketRing
from sensor.capture.source import CaptureFile
from sensor.errors import CaptureError
from tests.capture.ring import (
    RING,
    WAIT_S,
    capturing,
    drain,
    frame,
    ring_of,
    rows,
    send,
    statistics,
    take,
    until,
)
from tests.capture.rows import rows_of
from tests.netns import Line, veth_line

pytestmark = [pytest.mark.linux, pytest.mark.netns]

BLOCK = 1 << 20
C_VLAN = struct.pack(">HH", 0x8100, 0x6005)
S_VLAN = struct.pack(">HH", 0x88A8, 0x0007)
SO_TIMESTAMPNS = 35


@pytest.fixture
def line() -> Iterator[Line]:
    with veth_line(mtu=65_535) as made:
        yield made


def mixture(line: Line, count: int) -> list[bytes]:
    """Frames of all lengths, some with one VLAN tag or two, each of its own."""
    choice = random.Random(7)
    made = []
    for number in range(count):
        size = choice.choice((2, 46, 50, 600, 1_500, 9_000, 65_000))
        tags = choice.choice((b"", b"", C_VLAN, S_VLAN + C_VLAN, C_VLAN + C_VLAN))
        made.append(frame(line, (struct.pack(">I", number) * (size // 4 + 1))[:size], tags))
    return made


@pytest.mark.tcpdump
@pytest.mark.parametrize("receiving", [True, False])
def test_rows_are_what_tcpdump_records(line: Line, tmp_path: Path, receiving: bool) -> None:
    frames = mixture(line, 300)
    side = line.right if receiving else line.left
    path = tmp_path / "recorded.pcap"
    options = ("-c", str(len(frames)), "--time-stamp-precision=nano", "-Z", "root", "-B", "65536")
    # With this on anywhere, the kernel stamps each packet once and not for each socket.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stamped:
        stamped.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        command = ("tcpdump", "-i", side.device, "-w", str(path), *options)
        with (
            capturing(side, ring_octets=32 << 20) as opened,
            side.popen(*command, stderr=subprocess.PIPE, text=True) as tcpdump,
        ):
            try:
                assert tcpdump.stderr is not None
                while "listening" not in tcpdump.stderr.readline():
                    assert tcpdump.poll() is None
                send(line.left, frames)
                taken = take(opened, ring_of(opened), len(frames))
                assert tcpdump.wait(WAIT_S) == 0
            finally:
                tcpdump.kill()
    with path.open("rb") as stream, CaptureFile(stream, "recorded") as capture:
        recorded = rows_of(capture).records
    assert [record.octets for record in taken] == frames
    assert taken == recorded


def test_tags_are_put_back_once_however_often_a_block_is_read(line: Line) -> None:
    frames = [frame(line, b"payload", tags) for tags in (C_VLAN, b"", S_VLAN + C_VLAN)]
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        send(line.left, frames)
        until(lambda: sum(packets for _, packets in ring.peek()) == len(frames))
        first = ring.ready(1)
        assert first is not None
        again = ring_of(opened).ready(1)
        assert again is not None
        assert [record.octets for record in rows(first)] == frames
        assert rows(again) == rows(first)
        assert [record.wire_len for record in rows(first)] == [len(octets) for octets in frames]


def test_a_ring_that_is_read_goes_round_and_round(line: Line) -> None:
    frames = [frame(line, struct.pack(">I", number) * 12_000) for number in range(30)]
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        for _ in range(12):
            send(line.left, frames)
            taken = take(opened, ring, len(frames))
            assert [record.octets for record in taken] == frames
            assert ring.fill == 0
        assert drain(opened, ring) == []
        assert statistics(opened, 12 * len(frames)) == (12 * len(frames), 0)


def test_superframes_are_whole(line: Line) -> None:
    """TCP hands the device up to 64 KiB at once, and so a veth's other end receives it."""
    line.left.run("ip", "link", "set", line.left.device, "mtu", "1500")
    line.right.run("ip", "link", "set", line.right.device, "mtu", "1500")
    sent = random.Random(1).randbytes(2_000_000)
    with line.right.entered():
        listener = socket.create_server((line.right.address, 0))
    with listener, capturing(line.right, ring_octets=16 << 20) as opened:
        with line.left.entered():
            client = socket.create_connection(listener.getsockname(), WAIT_S)
        server, _ = listener.accept()
        with client, server:
            client.setblocking(False)
            done = received = 0
            while received < len(sent):
                readable, writable, _ = select.select([server], [client] * (done < len(sent)), [], WAIT_S)
                done += client.send(sent[done:]) if writable else 0
                received += len(server.recv(1 << 20)) if readable else 0
        taken = drain(opened, ring_of(opened))
        assert statistics(opened, len(taken)) == (len(taken), 0)
    assert max(record.wire_len for record in taken) > 1_500 + 14
    octets = bytearray(len(sent))
    starts: dict[int, int] = {}
    for record in taken:
        packet = record.octets[14:]
        header = (packet[0] & 15) * 4
        source, _, sequence = struct.unpack_from(">HHI", packet, header)
        total = int.from_bytes(packet[2:4])
        data = packet[header + (packet[header + 12] >> 4) * 4 : total]
        if packet[header + 13] & 2:
            starts[source] = sequence + 1
        at = sequence - starts[source] & 0xFFFFFFFF
        octets[at : at + len(data)] = data
    assert octets == sent


def test_what_a_full_ring_drops_is_counted_exactly(line: Line) -> None:
    frames = [frame(line, struct.pack(">I", number) * 350) for number in range(5_000)]
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        for _ in range(2):  # the second time, the oldest block is not the first of the ring
            send(line.left, frames)
            received, dropped = statistics(opened, len(frames))
            assert ring.fill == 1
            sequences = [sequence for sequence, _ in ring.peek()]
            assert sequences == list(range(sequences[0], sequences[0] + 4))
            kept = take(opened, ring, sum(packets for _, packets in ring.peek()))
            assert [record.octets for record in kept] == frames[: len(kept)]
            assert (received, dropped) == (len(frames), len(frames) - len(kept))
            send(line.left, frames[:100])  # room again
            assert [record.octets for record in take(opened, ring, 100)] == frames[:100]
            assert statistics(opened, 100) == (100, 0)


def test_nothing_waits_and_nothing_is_lost_when_the_intake_stops(line: Line) -> None:
    frames = [frame(line, bytes(100))] * 3_000
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        send(line.left, frames)
        assert statistics(opened, len(frames)) == (len(frames), 0)
        assert len(drain(opened, ring)) == len(frames)
        assert ring.fill == 0
        send(line.left, frames)
        assert drain(opened, ring) == []
        assert statistics(opened, 0) == (0, 0)


READ_AND_HANG = """
import sys, time
from sensor.capture.af_packet import RingGeometry
from sensor.capture.packet_ring import PacketRing
ring = PacketRing(int(sys.argv[1]), RingGeometry(1 << 20, int(sys.argv[2]), 1))
for step in range(2):
    while (batch := ring.ready(1, limit=1)) is None:
        time.sleep(0.01)
    print(batch.first_sequence, batch.packets, flush=True)
    if not step:
        ring.release(batch.last_sequence)
time.sleep(60)
"""


def test_a_successor_takes_the_ring_over_from_one_that_was_killed(line: Line) -> None:
    frames = [frame(line, struct.pack(">I", number) * 350, C_VLAN) for number in range(1_500)]
    with capturing(line.right) as opened:
        send(line.left, frames)
        descriptor = opened.socket.fileno()
        command = [sys.executable, "-c", READ_AND_HANG, str(descriptor), str(opened.geometry.block_count)]
        with subprocess.Popen(
            command, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True
        ) as predecessor:
            assert predecessor.stdout is not None
            done = [int(word) for word in predecessor.stdout.readline().split()]
            fatal = [int(word) for word in predecessor.stdout.readline().split()]
            predecessor.send_signal(signal.SIGKILL)
        send(line.left, frames[:10])  # the ring fills with nobody there
        ring = ring_of(opened)
        assert ring.peek()[0] == (fatal[0], fatal[1])
        assert fatal[0] == done[0] + 1
        assert ring.release(fatal[0]) == fatal[1]
        rest = (frames + frames[:10])[done[1] + fatal[1] :]
        assert [record.octets for record in take(opened, ring, len(rest))] == rest
        assert drain(opened, ring) == []
        assert statistics(opened, len(frames) + 10) == (len(frames) + 10, 0)


def test_a_batch_takes_as_many_blocks_as_it_may(line: Line) -> None:
    with capturing(line.right, ring_octets=8 << 20) as opened:
        ring = ring_of(opened)
        assert ring.ready(1) is None
        assert ring.peek() == []
        send(line.left, [frame(line, bytes(60_000))] * (17 * 8 + 1))
        until(lambda: ring.fill == 1)
        for limit, blocks in ((1, 1), (2 * BLOCK, 2), (1 << 30, 4)):
            batch = ring.ready(1, limit=limit)
            assert batch is not None
            assert batch.last_sequence - batch.first_sequence + 1 == blocks
            assert batch.first_sequence == 1


def test_a_batch_has_room_behind_its_packets(line: Line) -> None:
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        send(line.left, [frame(line, b"first")])
        assert select.select([opened.socket], [], [], WAIT_S)[0]
        for _ in range(2):  # each batch begins with the whole of it
            taken = ring.ready(1)
            assert taken is not None
            batch, octets = taken.batch, taken.batch.octets
            assert octets.size == RING + SLACK + GUARD
            start = batch.append(bytes(range(256)) * (SLACK // 256))
            assert start == RING
            assert batch.octets is octets
            assert octets[start : start + 256].tolist() == list(range(256))
            assert rows(taken)[0].octets == frame(line, b"first")


def test_without_a_link_header_packets_begin_at_the_network_header(line: Line) -> None:
    packet = bytes.fromhex("4500001c000100004011fffe 0a000001 0a000002 00010002 00080000")
    line.left.run("ip", "tuntap", "add", "tun-l", "mode", "tun")
    line.left.run("ip", "link", "set", "tun-l", "up")
    with line.left.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR)
        try:
            import fcntl  # noqa: PLC0415 - Windows has none

            no_information = 0x1000
            fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun-l", 0x1 | no_information))
            with capturing(line.left, "tun-l") as opened:
                os.write(tun, packet)
                (record,) = take(opened, ring_of(opened), 1)
        finally:
            os.close(tun)
    assert record.link_type == LINKTYPE_RAW
    assert record.octets == packet


class Forged:
    """A ring in plain memory, to hold what the kernel would never write."""

    def __init__(self, cap_len: int = 20, packets: int = 1, next_offset: int = 0) -> None:
        self.descriptor = os.memfd_create("ring")
        block = struct.pack("6IQ16x", 1, 48, 1, packets, 48, 2_000, 1)
        packet = struct.pack("6I2H", next_offset, 5, 6, cap_len, cap_len, 0, 96, 110)
        os.pwrite(self.descriptor, block + packet, 0)
        os.ftruncate(self.descriptor, 2 * BLOCK)
        self.geometry = RingGeometry(BLOCK, 2, LINKTYPE_ETHERNET)

    def __enter__(self) -> PacketRing:
        return PacketRing(self.descriptor, self.geometry)

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def test_a_packet_may_reach_to_the_end_of_its_block_and_no_further() -> None:
    fits = BLOCK - 48 - 96
    with Forged(fits) as ring:
        taken = ring.ready(1)
        assert taken is not None
        assert taken.batch.cap_len.tolist() == [fits]
        assert taken.batch.ts_ns.tolist() == [5_000_000_006]
        assert taken.batch.link_type.dtype == np.uint32
    for cap_len in (fits + 1, 0xFFFFFFFF):
        with Forged(cap_len) as ring, pytest.raises(CaptureError, match="corrupt"):
            ring.ready(1)


@pytest.mark.parametrize("next_offset", [2 * BLOCK - 48, 0xFFFFFFFF])
def test_a_walk_out_of_the_ring_is_an_error(next_offset: int) -> None:
    with Forged(packets=3, next_offset=next_offset) as ring, pytest.raises(CaptureError, match="corrupt"):
        ring.ready(1)


def test_what_is_no_ring_cannot_be_mapped(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as stream, pytest.raises(CaptureError, match="map"):
        PacketRing(stream.fileno(), RingGeometry(BLOCK, 4, LINKTYPE_ETHERNET))
