"""Which UDP ports carry tunnels (IANA "Service Name and Transport Protocol Port Number Registry").

A port is a hint: each tunnel's handler looks at the payload, and what is not plausible stays a UDP
datagram.
"""

import numpy as np

from sensor.arrays import U8, U16, gather
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

_EITHER = {
    1701: Header.L2TP,
    2152: Header.GTP_U,
    3544: Header.TEREDO,
    5072: Header.AYIYA,
}
_DESTINATION = {
    # Their source port is a hash of the inner flow, and answers do not swap the two.
    4754: Header.GRE_UDP,
    4789: Header.VXLAN,
    4790: Header.VXLAN_GPE,
    6081: Header.GENEVE,
    6635: Header.MPLS_UDP,
    8472: Header.VXLAN,  # Linux before the registry had an entry
}


def _make_table(headers: dict[int, Header]) -> U8:
    table = np.zeros(1 << 16, np.uint8)
    for port, header in headers.items():
        table[port] = header
    table.setflags(write=False)
    return table


_SRC_TABLE = _make_table(_EITHER)
_DST_TABLE = _make_table(_EITHER | _DESTINATION)

_IPV6_LEN = 40
_TEREDO_PREFIX = 0x20010000
_IPV6_START = np.dtype(
    [
        ("version_class_flow", ">u4"),
        ("payload_len", ">u2"),
        ("next_header", "u1"),
        ("hop_limit", "u1"),
        ("src_prefix", ">u4"),
        ("src_rest", "V12"),
        ("dst_prefix", ">u4"),
    ]
)


def dispatch_udp_payload(walk: Walk, rows: Rows, src_port: U16, dst_port: U16) -> None:
    """Put those rows down under a tunnel whose ports name one, or that look like Teredo.

    :param rows: decoded UDP datagrams, standing at their payload.
    """
    headers = _DST_TABLE[dst_port]
    headers = np.where(headers == Header.NONE, _SRC_TABLE[src_port], headers)
    # Teredo's clients and relays talk to each other on any port (RFC 4380 § 5.2). An IPv6 header
    # of exactly the payload's length and with an address of 2001::/32 is no coincidence.
    room = rows.wire_end - rows.offset
    maybe = indices((headers == Header.NONE) & (rows.end - rows.offset >= _IPV6_LEN))
    maybe = maybe[walk.octets[rows.offset[maybe]] >> 4 == 6]
    if maybe.shape[0]:
        start = gather(walk.octets, rows.offset[maybe], _IPV6_START)
        exact = start["payload_len"].astype(np.int64) + _IPV6_LEN == room[maybe]
        ours = (start["src_prefix"] == _TEREDO_PREFIX) | (start["dst_prefix"] == _TEREDO_PREFIX)
        headers[maybe[exact & ours]] = Header.TEREDO
    tunnelled = indices(headers != Header.NONE)
    if tunnelled.shape[0]:
        walk.dispatch(rows.take(tunnelled), headers[tunnelled], DecoderEvent.NONE)
