"""Flow keys: one for both directions, and none for two conversations."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.key import flow_keys
from tests.flow.packets import columns
from tests.reference.flow import Packet

endpoints = st.tuples(
    st.sampled_from([1, 2, 1 << 64, 1 << 64 | 1, (1 << 127) + 1]), st.sampled_from([0, 80, 81, 65535])
)
packets = st.builds(
    Packet,
    ts_ns=st.just(0),
    src=endpoints,
    dst=endpoints,
    proto=st.sampled_from([1, 6, 17]),
    version=st.sampled_from([4, 6]),
)


@given(st.lists(packets, min_size=1, max_size=20))
def test_keys_are_equal_where_the_endpoints_are(captured: list[Packet]) -> None:
    rows, _ = columns(captured)
    keys = flow_keys(rows, np.arange(len(captured)))
    words = [tuple(column) for column in keys.words.T.tolist()]
    for i, one in enumerate(captured):
        assert keys.side[i] == (one.src > one.dst)
        for j, other in enumerate(captured):
            assert (words[i] == words[j]) == (one.key == other.key)


@given(packets)
def test_a_reply_has_the_same_key_from_the_other_side(packet: Packet) -> None:
    rows, _ = columns([packet, replace(packet, src=packet.dst, dst=packet.src)])
    keys = flow_keys(rows, np.arange(2))
    assert (keys.words[:, 0] == keys.words[:, 1]).all()
    assert (packet.src == packet.dst) or keys.side[0] != keys.side[1]
