"""Packet sockets with a TPACKET_V3 ring (Linux, packet(7), Documentation/networking/packet_mmap.rst).

What needs rights is done here, by a process that never looks at a packet: the socket that comes out of it is
handed to a worker, which maps its ring (packet_ring.py). Opening one takes CAP_NET_RAW and nothing else;
promiscuous mode too, when it is asked for by membership and not by the interface's flag.

A socket takes nothing in until it is set up whole: a filter that drops everything comes first, so that
neither packets that the capture filter would refuse, nor those of another fanout member, get into the ring.
"""

import errno
import os
import shlex
import socket
import struct
import sys
from array import array
from dataclasses import dataclass
from typing import Final

from sensor.capture.links import read_link
from sensor.errors import CaptureError

LINKTYPE_ETHERNET: Final = 1
LINKTYPE_RAW: Final = 101
LINKTYPE_IEEE802_11: Final = 105
LINKTYPE_IEEE802_11_RADIOTAP: Final = 127

BLOCK_SIZE: Final = 1 << 20
"""Octets. Holds the largest packet there is (BIG TCP: 512 KiB), and some thousand small ones."""
MIN_RING: Final = 4 << 20
"""Octets: under this, a ring is full before a busy worker comes back to it."""
DEFAULT_RING: Final = 64 << 20
"""Octets: half a second of a full gigabit line."""
RETIRE_MS: Final = 50
"""How long a packet may wait for its block to fill. While nobody reads, a ring of n blocks lasts n times as
long at most, however quiet the line: 3.2 s for 64 MiB. Smaller blocks last longer, but wake the reader for
less."""

_ARPHRD_LINK_TYPES: Final = {
    1: LINKTYPE_ETHERNET,
    772: LINKTYPE_ETHERNET,  # loopback: the addresses are zeros
    801: LINKTYPE_IEEE802_11,
    803: LINKTYPE_IEEE802_11_RADIOTAP,
}
"""Hardware types whose link header is decoded. All others (tun, WireGuard, PPP, tunnels) are read from the
network header on: what the kernel puts before it differs between them, and tells nothing that is used."""
_ARPHRD_LOOPBACK: Final = 772

_ETH_P_ALL: Final = 3
_VLAN_TAG_LEN: Final = 4

_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_RESERVE: Final = 12
_PACKET_FANOUT: Final = 18
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_MR_PROMISC: Final = 1
_PACKET_FANOUT_HASH: Final = 0
_PACKET_FANOUT_FLAG_UNIQUEID: Final = 0x2000
_TPACKET_V3: Final = 2
_SO_ATTACH_FILTER: Final = 26

_REQUEST: Final = struct.Struct("7I")
"""struct tpacket_req3: block size and count, frame size and count, ms to retire, private octets, features."""
_MEMBERSHIP: Final = struct.Struct("iHH8x")
"""struct packet_mreq: interface index, type, address length."""
_STATISTICS: Final = struct.Struct("3I")
"""struct tpacket_stats_v3: packets (dropped ones included), drops, times that the ring was full."""
_PROGRAM: Final = struct.Struct("HP")
"""struct sock_fprog: instructions, address of the first."""
_DROP_ALL: Final = struct.pack("HBBI", 0x06, 0, 0, 0)
"""One struct sock_filter: BPF_RET with no octet. Packets that a filter refuses count nowhere."""
_PASS_ALL: Final = struct.pack("HBBI", 0x06, 0, 0, 0xFFFFFFFF)
"""One, that returns all octets: so that filters are replaced in one step, and never taken away."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """Share an interface's packets by flow hash: both directions of a flow go to the same member.

    PACKET_FANOUT_FLAG_DEFRAG is left out. With it the kernel would join IPv4 fragments before it hashes, by
    its own rules and within the host's limits, and those that it gives up would be missing from every count.
    Without it all fragments of a datagram go to one member (they hash by addresses alone), though not always
    to that of their flow.
    """

    group: int | None = None
    """That of the interface's first socket (``PacketSocket.group``); None makes one that nobody else has."""


@dataclass(frozen=True, slots=True)
class RingGeometry:
    """What a process must know to map a socket's ring."""

    block_size: int
    """Octets."""
    block_count: int
    link_type: int
    """LINKTYPE_ value of every packet (https://www.tcpdump.org/linktypes.html)."""


@dataclass(frozen=True, slots=True)
class PacketSocket:
    """A socket that captures, whether its ring is mapped or not."""

    socket: socket.socket
    geometry: RingGeometry
    """What was got: the ring is smaller than asked for where memory is short."""
    group: int | None
    """Fanout group, to be joined by the interface's other sockets."""


def open_packet_socket(
    interface: str,
    *,
    ring_octets: int = DEFAULT_RING,
    fanout: Fanout | None = None,
    promiscuous: bool = True,
    bpf: bytes | None = None,
) -> PacketSocket:
    """Capture from ``interface`` as soon as it is up, and again whenever it comes back up.

    :param ring_octets: rounded down to whole blocks, halved (down to 4 MiB) while memory is short.
    :param bpf: a filter program (struct sock_filter[], see bpf.py); None lets everything pass.
    :raises CaptureError: if there is no such interface, no right to capture or no memory; or, with fanout on
        kernels before 6.13, while the interface is down.
    """
    link = read_link(interface)
    if link is None:
        raise CaptureError(f"there is no interface {interface}; `ip -brief link` lists those there are")
    link_type = link_type_of(link.hardware_type)
    kind = socket.SOCK_DGRAM if link_type == LINKTYPE_RAW else socket.SOCK_RAW
    packet_socket = _open(interface, kind)
    try:
        packet_socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        packet_socket.setsockopt(_SOL_PACKET, _PACKET_RESERVE, _VLAN_TAG_LEN)
        if link.hardware_type == _ARPHRD_LOOPBACK:  # each packet is sent and received; once is enough
            packet_socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        block_count = _make_ring(packet_socket, ring_octets, interface)
        stop_intake(packet_socket)
        packet_socket.bind((interface, _ETH_P_ALL))
        group = None if fanout is None else _join(packet_socket, fanout)
        if promiscuous:
            membership = _MEMBERSHIP.pack(link.index, _PACKET_MR_PROMISC, 0)
            packet_socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
        set_filter(packet_socket, bpf)
    except OSError as error:
        packet_socket.close()
        raise CaptureError(_explain(interface, error, fanout, is_up=link.is_up)) from error
    except CaptureError:
        packet_socket.close()
        raise
    return PacketSocket(packet_socket, RingGeometry(BLOCK_SIZE, block_count, link_type), group)


def link_type_of(hardware_type: int) -> int:
    """LINKTYPE_ value of the packets that an interface of this ARPHRD_ type is captured with."""
    return _ARPHRD_LINK_TYPES.get(hardware_type, LINKTYPE_RAW)


def set_filter(packet_socket: socket.socket, bpf: bytes | None) -> None:
    """Replace the filter of a socket, between two packets. Those in the ring stay there.

    :param bpf: struct sock_filter[]; None lets everything pass.
    """
    program = array("B", _PASS_ALL if bpf is None else bpf)
    address, octets = program.buffer_info()
    packet_socket.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(octets // len(_DROP_ALL), address)
    )


def stop_intake(packet_socket: socket.socket) -> None:
    """Take no packet in any more, nor count any. The block being filled is retired within ``RETIRE_MS``."""
    set_filter(packet_socket, _DROP_ALL)


def read_statistics(packet_socket: socket.socket) -> tuple[int, int]:
    """Packets received, dropped ones included, and packets dropped since the ring was full.

    Both since the last call. Read them before either passes 2³².
    """
    answer = packet_socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
    received, dropped, _ = _STATISTICS.unpack(answer)
    return received, dropped


def take_error(packet_socket: socket.socket) -> int:
    """What happened to the socket since the last call: an errno value, 0 for nothing.

    ENETDOWN: the interface went down or away. Until it is taken, every poll returns at once.
    """
    return packet_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _open(interface: str, kind: socket.SocketKind) -> socket.socket:
    if sys.platform != "linux":
        raise CaptureError("AF_PACKET is Linux's; capture through libpcap here")
    try:
        return socket.socket(socket.AF_PACKET, kind, 0)
    except PermissionError as error:
        if os.geteuid() == 0:
            remedy = "start the container with --cap-add=NET_RAW"
        else:
            program = shlex.quote(os.path.realpath(sys.argv[0]))
            remedy = f"sudo {program} run -i {shlex.quote(interface)}"
        raise CaptureError(f"no right to capture on {interface} (CAP_NET_RAW): {remedy}") from error
    except OSError as error:
        raise CaptureError(
            f"no packet sockets here ({error.strerror}): the kernel needs CONFIG_PACKET, "
            "and a systemd unit AF_PACKET in RestrictAddressFamilies"
        ) from error


def _make_ring(packet_socket: socket.socket, ring_octets: int, interface: str) -> int:
    """Blocks of the ring that was made."""
    octets = max(ring_octets, MIN_RING)
    while True:
        blocks = octets // BLOCK_SIZE
        # Frames have any size in this version; the kernel only wants the numbers to agree.
        request = _REQUEST.pack(BLOCK_SIZE, blocks, BLOCK_SIZE, blocks, RETIRE_MS, 0, 0)
        try:
            packet_socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            if octets == MIN_RING:
                raise CaptureError(
                    f"no memory for a ring of {MIN_RING >> 20} MiB on {interface}; capture on fewer "
                    "interfaces or with fewer workers"
                ) from error
        else:
            return blocks
        octets = max(octets // 2, MIN_RING)


def _join(packet_socket: socket.socket, fanout: Fanout) -> int:
    """Join the group, or make one; returns its number."""
    if fanout.group is None:
        argument = (_PACKET_FANOUT_HASH | _PACKET_FANOUT_FLAG_UNIQUEID) << 16
    else:
        argument = fanout.group | _PACKET_FANOUT_HASH << 16
    packet_socket.setsockopt(_SOL_PACKET, _PACKET_FANOUT, argument)
    return packet_socket.getsockopt(_SOL_PACKET, _PACKET_FANOUT) & 0xFFFF


def _explain(interface: str, error: OSError, fanout: Fanout | None, *, is_up: bool) -> str:
    if error.errno == errno.ENODEV:
        return f"interface {interface} has just gone; `ip -brief link` lists those there are"
    if fanout is not None and not is_up:  # as kernels before 6.13 have it
        return f"interface {interface} is down: sudo ip link set {shlex.quote(interface)} up"
    return f"cannot capture on {interface}: {error.strerror}"
