"""What a flow's packets say of its connection: Zeek's ``history`` and ``conn_state``.

Zeek's documentation of conn.log defines both. A history has one letter for each kind of packet, the
first time that it occurs in its direction: upper case from the originator, lower case from the
responder.
"""

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, U32, Bool
from sensor.decode.columns import Layer, Packets

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

LETTERS = "SHADFRGTW"
"""SYN, SYN-ACK, pure ACK, data, FIN, RST, gap, retransmission, zero window."""
S, H, A, D, F, R, G, T, W = range(len(LETTERS))
RESPONDER = 16
"""A responder's bit is this much higher than the originator's."""

_CONN_STATES = ("OTH", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR")
_CODE = {name: code for code, name in enumerate(_CONN_STATES)}
_WELL_KNOWN = 1024


def first_from_responder(packets: Packets, rows: I64) -> U8:
    """1 where a flow's first packet came from its responder, else 0.

    A SYN-ACK comes from the responder. Without a SYN the direction is a guess, as Zeek's: a sender on
    a well-known port, to a port that is not, is the responder.
    """
    flags = packets.tcp_flags[rows]
    tcp = packets.layer[rows] == Layer.TCP
    syn = tcp & ((flags & SYN) != 0)
    src, dst = packets.src_port[rows], packets.dst_port[rows]
    udp = packets.layer[rows] == Layer.UDP
    guess = ((tcp & ~syn) | udp) & (src < _WELL_KNOWN) & (dst >= _WELL_KNOWN)
    flipped: U8 = ((syn & ((flags & ACK) != 0)) | guess).view(np.uint8)
    return flipped


def letter_bits(packets: Packets, rows: I64, direction: U8) -> U32:
    """(n,) bit for each letter that a row's packet adds to its flow's history."""
    flags = packets.tcp_flags[rows].astype(np.uint32)
    tcp = packets.layer[rows] == Layer.TCP
    data = (packets.payload_wire_len[rows] > 0).astype(np.uint32)
    syn, fin, rst, ack = ((flags & bit) != 0 for bit in (SYN, FIN, RST, ACK))
    plain = tcp & ~syn & ~fin & ~rst
    bits = data << np.uint32(D)
    bits |= (tcp & syn & ~ack).astype(np.uint32) << np.uint32(S)
    bits |= (tcp & syn & ack).astype(np.uint32) << np.uint32(H)
    bits |= (plain & ack & (data == 0)).astype(np.uint32) << np.uint32(A)
    bits |= (tcp & fin).astype(np.uint32) << np.uint32(F)
    bits |= (tcp & rst).astype(np.uint32) << np.uint32(R)
    bits |= (plain & (packets.tcp_window[rows] == 0)).astype(np.uint32) << np.uint32(W)
    shift = direction.astype(np.uint32) * np.uint32(RESPONDER)
    return bits << shift


def letter(bit: int) -> str:
    """The history letter of a bit number."""
    name = LETTERS[bit % RESPONDER]
    return name if bit < RESPONDER else name.lower()


def history_text(history: bytes) -> str:
    """Zeek's history of one flow, from the bit numbers in the order that they occurred."""
    return "".join(map(letter, history))


def conn_states(
    seen: U32, proto: U8, packets: NDArray[np.int64], rst_first: Bool, closed_first: Bool
) -> list[str]:
    """Zeek's conn_state of n flows.

    :param seen: (n,) letter bits.
    :param proto: (n,) IP protocol.
    :param packets: (2, n) packets each way.
    :param rst_first: (n,) whether the responder's RST came before the originator's.
    :param closed_first: (n,) whether both sides' FINs came before any RST: what follows a normal
        termination (Linux resets a connection whose reader is gone) does not undo it.
    """

    def bit(index: int, responder: int = 0) -> Bool:
        found: Bool = (seen >> np.uint32(index + responder * RESPONDER)) & np.uint32(1) != 0
        return found

    syn, syn_ack = bit(S), bit(H, 1)
    fin, resp_fin = bit(F), bit(F, 1)
    rst, resp_rst = bit(R), bit(R, 1)
    established = syn & syn_ack
    by_resp = resp_rst & (~rst | rst_first)
    by_orig = rst & ~by_resp
    code = np.full(seen.shape[0], _CODE["OTH"], np.int64)

    def put(mask: NDArray[np.bool_], name: str) -> None:
        code[mask & (code == _CODE["OTH"])] = _CODE[name]

    tcp = proto == 6
    put(tcp & established & fin & resp_fin & closed_first, "SF")
    put(tcp & established & by_orig, "RSTO")
    put(tcp & established & by_resp, "RSTR")
    put(tcp & established & fin, "S2")
    put(tcp & established & resp_fin, "S3")
    put(tcp & established, "S1")
    put(tcp & syn & by_orig, "RSTOS0")
    put(tcp & syn & by_resp, "REJ")
    put(tcp & syn & fin, "SH")
    put(tcp & syn & (packets[1] == 0), "S0")
    put(tcp & ~syn & syn_ack & by_resp, "RSTRH")
    put(tcp & ~syn & syn_ack & resp_fin, "SHR")
    udp = proto == 17
    put(udp & (packets[0] > 0) & (packets[1] > 0), "SF")
    put(udp & (packets[0] > 0), "S0")
    put(udp & (packets[1] > 0), "SHR")
    return [_CONN_STATES[c] for c in code.tolist()]
