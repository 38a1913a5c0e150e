"""The flow that carries a sample: ends and ports that its signature asks for, and what is said in it.

A sample is what a buffer holds. Payload is sent as it is, by TCP, or by UDP where the signature takes nothing
else; so a payload sample may be a whole HTTP request, and prove a signature that looks into several of its
fields. What a field of HTTP holds is sent in a request, or response, that has nothing else in it; a name in a
ClientHello, or in a query, which goes by UDP where the signature takes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Final

from sensor.proof.names import client_hello, dns_query
from sensor.proof.packets import MAX_PAYLOAD, Address, Ends, conversation, datagram
from signatures.model import Buffer, Direction, PortRange, Sample, Signature

_NETWORKS: Final = ("192.0.2.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0")
"""Where addresses that no condition names come from: documentation's (RFC 5737, RFC 3849), then any."""
_CLIENT_PORTS: Final = range(49152, 65536)
_SERVER_PORT: Final = 80
_SERVER_PORTS: Final = MappingProxyType({Buffer.TLS_SNI: 443, Buffer.DNS_QUERY: 53})
_LINE_ENDS: Final = frozenset(b"\r\n")
_TO_ESCAPE: Final = frozenset({*range(0x21), 0x7F})
"""Octets that would end the target of a request."""

_Network = IPv4Network | IPv6Network
_Turns = list[tuple[bool, bytes]]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A flow that will carry a sample."""

    ends: Ends
    turns: tuple[tuple[bool, bytes], ...]
    """Whether octets go to the server, and the octets."""
    is_udp: bool
    is_port_free: bool
    """Whether the client's port may be any."""

    def with_port(self, number: int) -> "Carrier":
        """The same from a port of its own, by ``number``, where the port may be any."""
        if not self.is_port_free:
            return self
        port = _CLIENT_PORTS[number % len(_CLIENT_PORTS)]
        return replace(self, ends=replace(self.ends, client_port=port))

    def packets(self) -> list[bytes]:
        """The packets, in order."""
        if self.is_udp:
            ((to_server, octets),) = self.turns
            return datagram(self.ends, octets, to_server=to_server)
        return conversation(self.ends, self.turns)


def carrier_of(signature: Signature, sample: Sample) -> Carrier | None:
    """How ``sample`` is sent so that it meets the conditions of ``signature``; None if it can't be."""
    is_query = sample.buffer is Buffer.DNS_QUERY
    is_udp = signature.protocols != ("tcp",) if is_query else signature.protocols == ("udp",)
    turns = _turns(sample, signature.direction)
    if is_query and turns and not is_udp:
        turns = [(True, len(turns[0][1]).to_bytes(2, "big") + turns[0][1])]
    if turns is None or (is_udp and (len(turns) > 1 or len(turns[0][1]) > MAX_PAYLOAD)):
        return None
    to_server = turns[-1][0]  # the sample comes last
    pair = _addresses(signature)
    if pair is None:
        return None
    src, dst = pair
    src_port, dst_port = _port(signature.src_ports), _port(signature.dst_ports)
    client_port, server_port = (src_port, dst_port) if to_server else (dst_port, src_port)
    client, server = (src, dst) if to_server else (dst, src)
    return Carrier(
        Ends(
            client,
            _CLIENT_PORTS[0] if client_port is None else client_port,
            server,
            _SERVER_PORTS.get(sample.buffer, _SERVER_PORT) if server_port is None else server_port,
        ),
        tuple(turns),
        is_udp,
        client_port is None,
    )


def _turns(sample: Sample, direction: Direction) -> _Turns | None:
    octets = sample.octets
    match sample.buffer:
        case Buffer.PAYLOAD:
            return [(direction is not Direction.TO_CLIENT, octets)]
        case Buffer.HTTP_RESPONSE_BODY:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(octets)
            return [(True, _request()), (False, head + octets)]
        case Buffer.HTTP_REQUEST_BODY:
            return [(True, _request(b"POST", fields=b"Content-Length: %d\r\n" % len(octets)) + octets)]
        case Buffer.HTTP_URI:
            target = [b"%%%02X" % octet if octet in _TO_ESCAPE else bytes((octet,)) for octet in octets]
            return [(True, _request(target=b"".join(target) or b"/"))]
        case Buffer.HTTP_METHOD:
            return None if _TO_ESCAPE.intersection(octets) else [(True, _request(octets or b"GET"))]
        case Buffer.HTTP_HOST:
            return _field(b"Host", octets)
        case Buffer.HTTP_USER_AGENT:
            return _field(b"User-Agent", octets)
        case Buffer.HTTP_REFERER:
            return _field(b"Referer", octets)
        case Buffer.TLS_SNI:
            return _said(client_hello(octets))
        case Buffer.DNS_QUERY:
            return _said(dns_query(octets))


def _said(octets: bytes | None) -> _Turns | None:
    """What the client says; None if it can't."""
    return None if octets is None else [(True, octets)]


def _request(method: bytes = b"GET", target: bytes = b"/", fields: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, fields)


def _field(name: bytes, value: bytes) -> _Turns | None:
    if _LINE_ENDS.intersection(value):
        return None
    return [(True, _request(fields=b"%b: %b\r\n" % (name, value)))]


def _port(ranges: tuple[PortRange, ...]) -> int | None:
    """A port of ``ranges``, not 0 unless they ask for it; None for any."""
    return max(ranges[0].first, min(1, ranges[0].last)) if ranges else None


def _addresses(signature: Signature) -> tuple[Address, Address] | None:
    """A sender and a receiver, of one version of IP and not the same if that can be."""
    for version in (4, 6):
        src = next(_candidates(signature.src_networks, version), None)
        if src is None:
            continue
        first = None
        for dst in _candidates(signature.dst_networks, version):
            if dst != src:
                return src, dst
            first = dst
        if first is not None:
            return src, first
    return None


def _candidates(networks: Sequence[str], version: int) -> Iterator[Address]:
    """Up to two addresses that ``networks`` take."""
    wanted = [ip_network(each, strict=False) for each in networks if not each.startswith("!")]
    barred = [ip_network(each[1:], strict=False) for each in networks if each.startswith("!")]
    found = 0
    for base in wanted or map(ip_network, _NETWORKS):
        at, last = int(base.network_address), int(base.broadcast_address)
        at += last > at  # a network's own address is nobody's, unless it is the only one
        while base.version == version and at <= last and found < 2:
            address = ip_address(at) if version == 4 else ip_address(at.to_bytes(16, "big"))
            over = next((each for each in barred if each.version == version and address in each), None)
            if over is None:
                yield address
                found += 1
                at += 1
            else:
                at = int(over.broadcast_address) + 1
