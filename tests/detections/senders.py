"""Senders for tests: 192.0.2.1 is the client, 192.0.2.2 the server."""

from ipaddress import ip_address

from sensor.detections.match import Sender


def words(text: str) -> tuple[int, int]:
    """An address as two words."""
    value = int(ip_address(text))
    return value >> 64, value & (1 << 64) - 1


def sender(
    src: str = "192.0.2.1", dst: str = "192.0.2.2", *, to_server: bool = True, port: int = 80, proto: int = 6
) -> Sender:
    """Who sent something: ``src``, unless it is the answer of ``dst``."""
    version = ip_address(src).version
    ends = (words(src), 40000, words(dst), port) if to_server else (words(dst), port, words(src), 40000)
    return Sender(7, version, *ends, proto=proto, to_server=to_server, app_proto="http")
