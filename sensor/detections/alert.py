"""An alert: a signature fired. What the service logs of it, and no more."""

from dataclasses import dataclass

from sensor.matching.reading import Reading
from signatures.model import Signature


@dataclass(frozen=True, slots=True)
class Alert:
    """A signature that fired, with what explains it."""

    signature: Signature
    buffer: str
    """Name of the buffer that matched (``signatures.model.Buffer``)."""
    ts_ns: int
    """Time of the packet that completed the match; of a body, of the packet that completed its head."""
    flow_id: int
    """53-bit id of the flow, the same in every event of the flow."""
    tx_id: int
    """Transaction in the flow, -1 where the match is not in one."""
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    """Sender and receiver of the matching octets."""
    proto: str
    """``TCP``, ``UDP``, …"""
    app_proto: str
    packet_number: int
    """``pcap_cnt`` of the packet that ``ts_ns`` is of."""
    offset: int
    """Octets from the start of the buffer (payload: of the stream in this direction) to the match."""
    length: int
    """Octets of the match; 0 if the expression does not tell where its match starts."""
    excerpt: bytes
    """A bounded piece of the buffer around the match."""
    excerpt_offset: int
    """Where in ``excerpt`` the match starts."""
    http_method: str = ""
    http_host: str = ""
    http_url: str = ""
    capture: str = ""
    """Path of the capture of which ``packet_number`` counts the packets; empty where there is only one."""
    reading: Reading | None = None
    """How a keyword was written; None where something else matched."""
