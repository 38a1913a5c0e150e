"""What decode makes of a batch: one row a packet record, one column a field.

Rows keep their order and count; a field that a row does not have is 0. The innermost packet of a
tunnel fills the plain columns, the outermost one the ``outer_`` columns.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sensor.arrays import I64, U8, U16, U32, U64


class Layer(IntEnum):
    """The innermost thing that a row was decoded to."""

    NONE = 0  # rejected; ``event`` says why
    OTHER = 1  # a known non-IP frame (ARP, LLDP, spanning tree, 802.11 management, …)
    FRAGMENT = 2  # an IPv4 or IPv6 fragment waiting for its datagram
    IP = 3  # IP with a protocol that is not decoded further
    TCP = 4
    UDP = 5
    ICMP = 6
    ICMPV6 = 7


class Tunnel(IntEnum):
    """The last tunnel that was peeled off a row."""

    NONE = 0
    IP_IN_IP = 1
    GRE = 2
    ERSPAN = 3
    GRE_UDP = 4
    TEREDO = 5
    AYIYA = 6
    VXLAN = 7
    GTP_U = 8
    GENEVE = 9
    L2TP = 10
    MPLS_UDP = 11


@dataclass(slots=True)
class Packets:
    """Columns of a decoded batch, all of shape (n,)."""

    layer: U8
    event: U8
    """``DecoderEvent`` (sensor/decode/events.py) of the row's first event, 0 for none."""
    ip_version: U8
    """4, 6, or 0."""
    ip_proto: U8
    """Protocol of the innermost packet (after IPv6 extension headers)."""
    src_hi: U64
    src_lo: U64
    dst_hi: U64
    dst_lo: U64
    """Addresses as two native-order words; IPv4 has hi = 0 and the address in the low 32 bits."""
    src_port: U16
    dst_port: U16
    """TCP and UDP. ICMP: type and code; ICMP echo: the identifier in both, so that a request and
    its reply share a flow."""
    tcp_seq: U32
    tcp_ack: U32
    tcp_window: U16
    tcp_flags: U8
    """RFC 9293 control bits, FIN = 1 … CWR = 0x80."""
    icmp_type: U8
    icmp_code: U8
    payload_offset: I64
    """Where the L4 payload (IP payload for Layer.IP and FRAGMENT) starts in the batch's octets."""
    payload_len: I64
    """Octets of it that were captured; never reaches past the row's captured octets."""
    payload_wire_len: I64
    """Octets of it by the IP header (TCP sequence arithmetic needs this one)."""
    ip_offset: I64
    """Where the innermost IP header starts in the batch's octets."""
    ip_len: I64
    """Octets of the innermost IP packet by its header, header included."""
    vlan: U16
    vlan_inner: U16
    """VLAN ids of the outermost and the next tag, 0 for none."""
    tunnel: U8
    tunnel_depth: U8
    outer_version: U8
    outer_src_hi: U64
    outer_src_lo: U64
    outer_dst_hi: U64
    outer_dst_lo: U64
    """Addresses of the outermost IP header of a tunnelled row, 0 where there is no tunnel."""
    fragment_offset: U16
    """Layer.FRAGMENT only, in octets."""
    fragment_more: U8
    """Layer.FRAGMENT only: 1 if more fragments follow."""
    fragment_id: U32
    """Layer.FRAGMENT only: IPv4 identification, or the IPv6 fragment header's."""

    @classmethod
    def empty(cls, n: int) -> "Packets":
        """Columns of ``n`` rows, all zero."""
        columns = {}
        for name, annotation in cls.__annotations__.items():
            columns[name] = np.zeros(n, _DTYPE[annotation])
        return cls(**columns)

    def __len__(self) -> int:
        return len(self.layer)


_DTYPE = {U8: np.uint8, U16: np.uint16, U32: np.uint32, U64: np.uint64, I64: np.int64}
