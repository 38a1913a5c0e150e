"""Flow records: what is left of flows that ended."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64
from sensor.flow.state import RESPONDER, F, R, conn_states, history_text
from sensor.flow.table import FlowTable


@dataclass(frozen=True, slots=True)
class FlowRecords:
    """Columns of n ended flows, as lists; ``orig`` is who opened the flow, ``resp`` who answered."""

    reason: str
    flow_id: list[int]
    version: list[int]
    proto: list[int]
    orig: list[tuple[int, int]]
    """Address words, see ``sensor.addresses``."""
    resp: list[tuple[int, int]]
    orig_port: list[int]
    resp_port: list[int]
    icmp_type: list[int]
    icmp_code: list[int]
    first_ns: list[int]
    last_ns: list[int]
    first_number: list[int]
    orig_packets: list[int]
    resp_packets: list[int]
    orig_octets: list[int]
    """IP octets, headers included."""
    resp_octets: list[int]
    orig_missed: list[int]
    resp_missed: list[int]
    conn_state: list[str]
    """Zeek's."""
    history: list[str]
    """Zeek's."""
    vlan: list[int]
    vlan_inner: list[int]
    tunnel: list[int]
    """``sensor.decode.columns.Tunnel``."""
    outer: list[list[int]]
    """Outermost addresses of the first packet: source hi, lo, destination hi, lo, and IP version."""
    http: list[bool]

    def __len__(self) -> int:
        return len(self.flow_id)


def flow_records(table: FlowTable, slots: I64, reason: str, http: list[bool]) -> FlowRecords:
    """Records of flows that are about to leave the table.

    :param http: (n,) whether the flow carried HTTP.
    """
    proto = table.proto(slots)
    orig_hi, orig_lo, resp_hi, resp_lo = (words.tolist() for words in table.endpoints(slots))
    history = table.history[slots]
    lengths = table.history_len[slots]
    packets = table.packets[:, slots]
    texts: dict[bytes, str] = {}
    names = []
    for row, length in zip(history, lengths.tolist(), strict=True):
        key = row[:length].tobytes()
        text = texts.get(key)
        if text is None:
            text = texts[key] = history_text(row, length)
        names.append(text)
    orig_rst, resp_rst = _places(history, R), _places(history, R + RESPONDER)
    last_fin = np.maximum(_places(history, F), _places(history, F + RESPONDER))
    states = conn_states(
        table.seen[slots], proto, packets, resp_rst < orig_rst, last_fin < np.minimum(orig_rst, resp_rst)
    )
    return FlowRecords(
        reason,
        table.flow_id[slots].tolist(),
        table.version(slots).tolist(),
        proto.tolist(),
        list(zip(orig_hi, orig_lo, strict=True)),
        list(zip(resp_hi, resp_lo, strict=True)),
        table.ports[0, slots].tolist(),
        table.ports[1, slots].tolist(),
        table.icmp[0, slots].tolist(),
        table.icmp[1, slots].tolist(),
        table.first_ns[slots].tolist(),
        table.last_ns[slots].tolist(),
        table.first_number[slots].tolist(),
        packets[0].tolist(),
        packets[1].tolist(),
        table.octets[0, slots].tolist(),
        table.octets[1, slots].tolist(),
        table.missed[0, slots].tolist(),
        table.missed[1, slots].tolist(),
        states,
        names,
        table.vlan[0, slots].tolist(),
        table.vlan[1, slots].tolist(),
        table.tunnel[slots].tolist(),
        table.outer[:, slots].T.tolist(),
        http,
    )


def _places(history: NDArray[np.uint8], bit: int) -> I64:
    """(n,) where in each history a letter stands; its length where it doesn't."""
    length = history.shape[1]
    places: I64 = np.where(history == bit, np.arange(length), length).min(axis=1)
    return places
