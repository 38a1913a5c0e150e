"""Where tshark 4.0 and the sensor differ on a fixture and the sensor is right, and why."""

from types import MappingProxyType

FRAMES_THAT_ARE_NO_PACKETS: MappingProxyType[str, frozenset[int]] = MappingProxyType(
    {
        # Journal entries and the like: tshark numbers them as frames, and so does the sensor, but they
        # are no packets on the line.
        "capture/not_packets.pcapng": frozenset({1, 5, 6, 12}),
    }
)
"""Capture: numbers of tshark's frames that the sensor rightly has no packet for."""

NOT_TAKEN_APART: MappingProxyType[str, str] = MappingProxyType(
    {
        "tunnel/mpls_ethernet.pcap": "tshark takes a pseudowire's zero control word (RFC 4448, section 4.6) "
        "for the start of the inner destination address",
    }
)
"""Capture: why tshark finds no IP packet in any of its frames."""
