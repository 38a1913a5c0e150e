"""The packets that carry a sample: raw IPv4 and IPv6 (RFC 791, RFC 8200), TCP (RFC 9293) and UDP (RFC 768).

Checksums are left 0: a sensor sees those of its own machine before the network card fills them in, so
decoding does not look at them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import numpy as np

from sensor.arrays import GUARD
from sensor.capture.batch import Batch

TCP: Final = 6
UDP: Final = 17
MAX_PAYLOAD: Final = 65_535 - 60
"""Octets of an IPv4 packet of the largest size that are left behind its headers."""

_LINKTYPE_RAW: Final = 101
_SEGMENT: Final = 32_768
_SYN, _FIN, _PSH, _ACK = 0x02, 0x01, 0x08, 0x10
_ISN: Final = (1_000_000, 5_000_000)
_WINDOW: Final = 65_535

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Ends:
    """Client and server of a flow."""

    client: Address
    client_port: int
    server: Address
    server_port: int


def datagram(ends: Ends, octets: bytes, *, to_server: bool) -> list[bytes]:
    """A UDP datagram; one for a client's, and for a server's the empty one before that it answers.

    :param octets: at most `MAX_PAYLOAD`.
    """
    packets = [] if to_server else [_udp(ends, b"", to_server=True)]
    return [*packets, _udp(ends, octets, to_server=to_server)]


def conversation(ends: Ends, turns: Sequence[tuple[bool, bytes]]) -> list[bytes]:
    """A TCP connection from its handshake to both FINs.

    :param turns: whether the octets go to the server, and the octets, in their order.
    """
    sent = [0, 0]
    """By direction, the client's first: sequence numbers used."""

    def segment(to_server: bool, flags: int, octets: bytes = b"") -> bytes:
        side = 0 if to_server else 1
        seq, ack = _ISN[side] + sent[side], _ISN[1 - side] + sent[1 - side]
        sent[side] += len(octets) + bool(flags & (_SYN | _FIN))
        ports = (ends.client_port, ends.server_port)
        header = struct.pack(
            "!HHIIBBHHH",
            ports[side],
            ports[1 - side],
            seq,
            ack if flags & _ACK else 0,
            5 << 4,
            flags,
            _WINDOW,
            0,
            0,
        )
        return _ip(ends, TCP, header + octets, to_server=to_server)

    packets = [segment(True, _SYN), segment(False, _SYN | _ACK), segment(True, _ACK)]
    for to_server, octets in turns:
        packets += [
            segment(to_server, _PSH | _ACK, octets[start : start + _SEGMENT])
            for start in range(0, len(octets), _SEGMENT)
        ]
    return [*packets, segment(True, _FIN | _ACK), segment(False, _FIN | _ACK), segment(True, _ACK)]


def batch_of(packets: Sequence[bytes], ts_ns: int, first_number: int) -> Batch:
    """One batch of raw IP packets, all at one time.

    :param first_number: number of the first.
    """
    cap_len = np.array([len(packet) for packet in packets], np.int64)
    end = np.cumsum(cap_len)
    used = int(end[-1]) if len(packets) else 0
    octets = np.zeros(used + GUARD, np.uint8)
    octets[:used] = np.frombuffer(b"".join(packets), np.uint8)
    return Batch(
        octets,
        end - cap_len,
        cap_len,
        cap_len,
        np.full(len(packets), ts_ns, np.int64),
        np.full(len(packets), _LINKTYPE_RAW, np.uint32),
        first_number,
        used,
    )


def _udp(ends: Ends, octets: bytes, *, to_server: bool) -> bytes:
    ports = (ends.client_port, ends.server_port) if to_server else (ends.server_port, ends.client_port)
    return _ip(ends, UDP, struct.pack("!HHHH", *ports, 8 + len(octets), 0) + octets, to_server=to_server)


def _ip(ends: Ends, proto: int, payload: bytes, *, to_server: bool) -> bytes:
    src, dst = (ends.client, ends.server) if to_server else (ends.server, ends.client)
    if src.version == 6:
        header = struct.pack("!IHBB", 6 << 28, len(payload), proto, 64)
    else:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0)
    return header + src.packed + dst.packed + payload
