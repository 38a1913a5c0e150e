"""Fuzz target: any octets as packets of any link type.

    python -m tests.fuzz.fuzz_decode -max_total_time=600

The first octet chooses the link type, the second how many octets the wire had more. Invariant: the
decoder raises nothing, its row equals the scalar reference's, and the row is decoded or rejected.
"""

from sensor.decode.stack import count_events, decode_batch
from tests.decode.batches import make_batch, reference_row, row_of
from tests.decode.stacks import Captured
from tests.fuzz.run import fuzz
from tests.reference.decode import LINK_TYPES

_LINK_TYPES = (*LINK_TYPES, 65535)


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    if len(data) < 2:
        return
    octets = data[2:]
    record = Captured(_LINK_TYPES[data[0] % len(_LINK_TYPES)], octets, len(octets) + data[1])
    batch = make_batch([record])
    packets = decode_batch(batch)
    assert row_of(packets, batch, 0) == reference_row(record)
    decoded, rejected = count_events(packets)
    assert decoded + sum(rejected.values()) == 1


if __name__ == "__main__":
    fuzz(one)
