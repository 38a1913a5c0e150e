"""Packet sockets: opened with few rights, taking in what they should, whatever befalls the interface."""

import errno
import os
import select
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sensor.capture import af_packet
from sensor.capture.af_packet import (
    BLOCK_SIZE,
    DEFAULT_RING,
    LINKTYPE_ETHERNET,
    MIN_RING,
    Fanout,
    open_packet_socket,
    read_statistics,
    set_filter,
    take_error,
)
from sensor.capture.bpf import compile_filter
from sensor.errors import CaptureError
from tests.capture.ring import RING, WAIT_S, capturing, drain, frame, ring_of, send, statistics, take
from tests.netns import Line, run, veth_line

pytestmark = [pytest.mark.linux, pytest.mark.netns]

NOBODY = "65534"


@pytest.fixture
def line() -> Iterator[Line]:
    with veth_line() as made:
        yield made


def promiscuity(line: Line) -> str:
    described = line.right.run("ip", "-d", "link", "show", line.right.device).split()
    return described[described.index("promiscuity") + 1]


def exchange(line: Line, port: int, datagrams: int = 1) -> int:
    """Datagrams from left to right, each answered; returns the client's port."""
    with line.right.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with line.left.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, client:
        server.bind((line.right.address, port))
        for _ in range(datagrams):
            client.sendto(b"question", (line.right.address, port))
            server.sendto(b"answer", server.recvfrom(100)[1])
            client.recv(100)
        bound: int = client.getsockname()[1]
        return bound


def ports(octets: bytes) -> frozenset[int]:
    """Of an IPv4 datagram without options."""
    return frozenset((int.from_bytes(octets[34:36]), int.from_bytes(octets[36:38])))


def test_the_parent_needs_no_numpy() -> None:
    program = (
        "import sys, sensor.capture.af_packet, sensor.capture.bpf, sensor.capture.links; "
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_interface_is_named() -> None:
    with pytest.raises(CaptureError, match="no interface no-such-link"):
        open_packet_socket("no-such-link")


def open_in_subprocess(line: Line, *confine: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; from sensor.capture.af_packet import open_packet_socket\n"
        "sys.argv = ['/opt/a sensor']\n"
        f"try: opened = open_packet_socket({line.right.device!r}, promiscuous=True)\n"
        "except Exception as error: sys.exit(f'{type(error).__name__}: {error}')\n"
        "else: print(opened.geometry.block_count); opened.socket.close()\n"
    )
    command = line.right.command(*confine, sys.executable, "-c", program)
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_cap_net_raw_is_enough_even_for_promiscuous_mode(line: Line) -> None:
    done = open_in_subprocess(line, "setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(DEFAULT_RING // BLOCK_SIZE)


def test_without_rights_the_line_says_what_to_do(line: Line) -> None:
    """A user is told of sudo; root, in a container for all one knows, of the container's rights."""
    user = open_in_subprocess(line, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    assert user.stderr.strip() == (
        f"CaptureError: no right to capture on {line.right.device} (CAP_NET_RAW): "
        f"sudo {shlex.quote('/opt/a sensor')} run -i {line.right.device}"
    )
    root = open_in_subprocess(line, "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert root.stderr.strip().endswith("start the container with --cap-add=NET_RAW")


@pytest.mark.parametrize("promiscuous", [True, False])
def test_promiscuous_mode_ends_with_the_socket(line: Line, promiscuous: bool) -> None:
    with line.right.entered():
        opened = open_packet_socket(line.right.device, ring_octets=RING, promiscuous=promiscuous)
    with opened.socket:
        assert promiscuity(line) == str(int(promiscuous))
    assert promiscuity(line) == "0"


def test_both_directions_of_a_line_are_captured(line: Line) -> None:
    with capturing(line.right) as opened:
        assert opened.geometry.link_type == LINKTYPE_ETHERNET
        assert opened.group is None
        client = exchange(line, 5_000)
        taken = drain(opened, ring_of(opened))
    assert [ports(record.octets) for record in taken] == [frozenset((client, 5_000))] * 2


def test_on_loopback_each_packet_is_seen_once(line: Line) -> None:
    with capturing(line.right, "lo") as opened:
        with line.right.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            for number in range(5):
                client.sendto(bytes([number]), client.getsockname())
                client.recv(1)
        taken = drain(opened, ring_of(opened))
        assert [record.octets[42] for record in taken] == list(range(5))
        assert statistics(opened, 5) == (5, 0)


def test_what_a_filter_refuses_is_neither_taken_nor_counted(line: Line) -> None:
    with line.right.entered():
        bpf = compile_filter("udp port 5001", line.right.device, LINKTYPE_ETHERNET)
    with capturing(line.right, bpf=bpf) as opened:
        for port in (5_000, 5_001, 5_002):
            exchange(line, port)
        ring = ring_of(opened)
        assert all(5_001 in ports(record.octets) for record in take(opened, ring, 2))
        assert statistics(opened, 2) == (2, 0)
        set_filter(opened.socket, None)
        exchange(line, 5_000)
        assert all(5_000 in ports(record.octets) for record in drain(opened, ring))
        assert statistics(opened, 2) == (2, 0)


FLOOD = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
    sender.bind((sys.argv[1], 0))
    print(flush=True)
    for _ in range(2_000_000):
        sender.send(bytes.fromhex(sys.argv[2]))
"""


def test_nothing_gets_in_before_the_filter(line: Line) -> None:
    with line.right.entered():
        bpf = compile_filter("udp", line.right.device, LINKTYPE_ETHERNET)
    command = (sys.executable, "-c", FLOOD, line.left.device, frame(line, b"no UDP").hex())
    with line.left.popen(*command, stdout=subprocess.PIPE) as flood:
        try:
            assert flood.stdout is not None
            flood.stdout.readline()
            for _ in range(30):
                with capturing(line.right, bpf=bpf) as opened:
                    assert statistics(opened, 0) == (0, 0)
            assert flood.poll() is None
        finally:
            flood.kill()


def test_a_filter_sees_vlan_tags_that_the_kernel_took_out(line: Line) -> None:
    tagged = {vlan: frame(line, b"payload", b"\x81\x00" + vlan.to_bytes(2)) for vlan in (5, 6)}
    with line.right.entered():
        bpf = compile_filter("vlan 5", line.right.device, LINKTYPE_ETHERNET)
    with capturing(line.right, bpf=bpf) as opened:
        send(line.left, [tagged[6], frame(line, b"payload"), tagged[5]])
        (record,) = take(opened, ring_of(opened), 1)
        assert record.octets == tagged[5]
        assert statistics(opened, 1) == (1, 0)


def test_a_program_that_the_kernel_refuses_is_an_error(line: Line) -> None:
    with line.right.entered(), pytest.raises(CaptureError, match="Invalid argument"):
        open_packet_socket(line.right.device, ring_octets=RING, bpf=bytes(8))


def test_a_fanout_member_gets_both_directions_of_its_flows(line: Line) -> None:
    with line.right.entered():
        first = open_packet_socket(line.right.device, ring_octets=RING, fanout=Fanout())
        assert first.group is not None
        second = open_packet_socket(line.right.device, ring_octets=RING, fanout=Fanout(first.group))
    with first.socket, second.socket:
        clients = {exchange(line, 5_000, datagrams=3) for _ in range(40)}
        flows = [
            [ports(record.octets) - {5_000} for record in drain(member, ring_of(member))]
            for member in (first, second)
        ]
        received = [statistics(member, 0)[0] for member in (first, second)]
    assert received == [len(each) for each in flows]
    assert set(flows[0]).isdisjoint(flows[1])
    assert {*flows[0], *flows[1]} == {frozenset((client,)) for client in clients}
    assert sum(received) == 40 * 6
    assert min(received) > 0


def test_groups_of_two_interfaces_are_two(line: Line) -> None:
    with line.right.entered():
        opened = [
            open_packet_socket(device, ring_octets=RING, fanout=Fanout())
            for device in (line.right.device, "lo")
        ]
    for each in opened:
        each.socket.close()
    assert opened[0].group != opened[1].group


def test_a_socket_goes_on_when_its_interface_comes_back_up(line: Line) -> None:
    frames = [frame(line, b"payload")]
    with capturing(line.right) as opened:
        assert take_error(opened.socket) == 0
        ring = ring_of(opened)
        send(line.left, frames)
        assert statistics(opened, 1) == (1, 0)
        line.right.run("ip", "link", "set", line.right.device, "down")
        assert select.select([opened.socket], [], [], WAIT_S)[0]
        assert take_error(opened.socket) == errno.ENETDOWN
        assert take_error(opened.socket) == 0
        assert opened.socket.getsockname()[0] == line.right.device

        line.right.run("ip", "link", "set", line.right.device, "name", "other0")
        assert opened.socket.getsockname()[0] == "other0"

        line.right.run("ip", "link", "set", "other0", "up")
        send(line.left, frames)
        taken = take(opened, ring, 2)
        assert [record.octets for record in taken] == frames * 2
        assert statistics(opened, 1) == (1, 0)


def test_a_socket_opened_while_its_interface_is_down_waits_for_it(line: Line) -> None:
    line.right.run("ip", "link", "set", line.right.device, "down")
    with capturing(line.right) as opened:
        assert take_error(opened.socket) == errno.ENETDOWN
        line.right.run("ip", "link", "set", line.right.device, "up")
        send(line.left, [frame(line, b"payload")])
        assert len(take(opened, ring_of(opened), 1)) == 1


def test_a_socket_whose_interface_is_gone_belongs_to_none(line: Line) -> None:
    with capturing(line.right) as opened:
        ring = ring_of(opened)
        send(line.left, [frame(line, b"payload")])
        assert statistics(opened, 1) == (1, 0)
        with line.right.entered():
            run("ip", "link", "delete", line.right.device)
            run("ip", "link", "add", line.right.device, "type", "veth", "peer", "name", "other0")
        assert take_error(opened.socket) == errno.ENETDOWN
        assert opened.socket.getsockname()[0] == ""
        assert len(take(opened, ring, 1)) == 1  # what came before is still there


class Poor(socket.socket):
    """A packet socket of a machine short of memory, and of a kernel before 6.13."""

    ring_octets = DEFAULT_RING
    """More than these can't be had for a ring."""

    def setsockopt(self, *arguments: object) -> None:
        _, option, value = arguments
        if option == af_packet._PACKET_RX_RING:
            assert isinstance(value, bytes)
            block_size, blocks, *_ = af_packet._REQUEST.unpack(value)
            if block_size * blocks > self.ring_octets:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        if option == af_packet._PACKET_FANOUT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        super().setsockopt(*arguments)  # type: ignore[call-overload]


def test_a_ring_is_as_large_as_memory_allows(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Poor)
    monkeypatch.setattr(Poor, "ring_octets", 21 << 20)
    with line.right.entered():
        opened = open_packet_socket(line.right.device, ring_octets=50 << 20)
        with opened.socket:
            assert opened.geometry.block_count == 12
        monkeypatch.setattr(Poor, "ring_octets", MIN_RING - 1)
        with pytest.raises(CaptureError, match="no memory for a ring of 4 MiB"):
            open_packet_socket(line.right.device)


def test_a_group_that_cannot_be_made_while_the_interface_is_down_asks_for_it_to_be_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.right.run("ip", "link", "set", line.right.device, "down")
    monkeypatch.setattr(socket, "socket", Poor)
    with line.right.entered(), pytest.raises(CaptureError) as caught:
        open_packet_socket(line.right.device, ring_octets=RING, fanout=Fanout())
    assert str(caught.value) == "interface veth-r is down: sudo ip link set veth-r up"


def test_what_fails_leaves_no_descriptor_open(line: Line) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - the names are what is compared
    with line.right.entered(), pytest.raises(CaptureError):
        open_packet_socket(line.right.device, bpf=bytes(8))
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_statistics_are_of_the_time_since_they_were_read(line: Line) -> None:
    with capturing(line.right) as opened:
        for count in (3, 5):
            send(line.left, [frame(line, b"payload")] * count)
            assert statistics(opened, count) == (count, 0)
            assert read_statistics(opened.socket) == (0, 0)
