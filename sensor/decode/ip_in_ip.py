"""IPv4 in IP (RFC 2003, RFC 2473) and IPv6 in IP (RFC 4213, 6to4, ISATAP)."""

from sensor.decode.columns import Layer, Tunnel
from sensor.decode.walk import Header, Rows, Walk


def decode_ipv4_in_ip(walk: Walk, rows: Rows) -> None:
    """Protocol 4."""
    walk.finish(rows, Layer.IP)
    walk.push(Header.IPV4, walk.enter(rows, Tunnel.IP_IN_IP))


def decode_ipv6_in_ip(walk: Walk, rows: Rows) -> None:
    """Protocol 41."""
    walk.finish(rows, Layer.IP)
    walk.push(Header.IPV6, walk.enter(rows, Tunnel.IP_IN_IP))
