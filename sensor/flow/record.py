"""Flow records: what is left of flows that ended."""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, U16, U64, Bool
from sensor.flow.state import RESPONDER, F, R, conn_states, history_text
from sensor.flow.table import FlowTable

_NO_LETTER = 255
_PADDING = bytes([_NO_LETTER])


@dataclass(frozen=True, slots=True, eq=False)
class FlowRecords:
    """Columns of n ended flows.

    Where there are two rows, the first is of who opened the flow, the second of who answered.
    """

    reason: str
    flow_id: I64
    version: U8
    proto: U8
    addresses: U64
    """(4, n) words, see ``sensor.addresses``: originator's high and low, responder's high and low."""
    ports: U16
    """(2, n)"""
    icmp: U8
    """(2, n) type and code."""
    first_ns: I64
    last_ns: I64
    first_number: I64
    packets: I64
    """(2, n)"""
    octets: I64
    """(2, n) IP octets, headers included."""
    missed: I64
    """(2, n)"""
    conn_state: list[str]
    """Zeek's."""
    history: list[str]
    """Zeek's."""
    vlan: U16
    """(2, n) outer and inner tag; 0 for none."""
    tunnel: U8
    """``sensor.decode.columns.Tunnel``."""
    outer: U64
    """(5, n) outermost addresses of the first packet: source hi, lo, destination hi, lo, and IP version."""
    http: Bool

    def __len__(self) -> int:
        return len(self.flow_id)


def flow_records(table: FlowTable, slots: I64, reason: str, http: Bool) -> FlowRecords:
    """Records of flows that are about to leave the table.

    :param http: (n,) whether the flow carried HTTP.
    """
    proto = table.proto(slots)
    packets, history = table.packets[:, slots], table.history[slots]
    history[np.arange(history.shape[1]) >= table.history_len[slots][:, None]] = _NO_LETTER
    orig_rst, resp_rst = _places(history, R), _places(history, R + RESPONDER)
    last_fin = np.maximum(_places(history, F), _places(history, F + RESPONDER))
    return FlowRecords(
        reason=reason,
        flow_id=table.flow_id[slots],
        version=table.version(slots),
        proto=proto,
        addresses=np.stack(table.endpoints(slots)),
        ports=table.ports[:, slots],
        icmp=table.icmp[:, slots],
        first_ns=table.first_ns[slots],
        last_ns=table.last_ns[slots],
        first_number=table.first_number[slots],
        packets=packets,
        octets=table.octets[:, slots],
        missed=table.missed[:, slots],
        conn_state=conn_states(
            table.seen[slots], proto, packets, resp_rst < orig_rst, last_fin < np.minimum(orig_rst, resp_rst)
        ),
        history=_texts(history),
        vlan=table.vlan[:, slots],
        tunnel=table.tunnel[slots],
        outer=table.outer[:, slots],
        http=http,
    )


def _texts(history: U8) -> list[str]:
    """Histories as Zeek writes them; most flows share a few."""
    keys: list[bytes] = history.view(f"V{history.shape[1]}").ravel().tolist()
    texts = {key: history_text(key.rstrip(_PADDING)) for key in set(keys)}
    return [texts[key] for key in keys]


def _places(history: U8, bit: int) -> I64:
    """(n,) where in each history a letter stands; its length where it doesn't."""
    length = history.shape[1]
    places: I64 = np.where(history == bit, np.arange(length), length).min(axis=1)
    return places
