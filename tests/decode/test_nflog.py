"""How long a packet in a netfilter log message was: nothing but its own header can tell."""

import struct

import pytest

from sensor.decode.stack import decode_batch
from tests.decode.batches import make_batch, reference_row, row_of
from tests.decode.stacks import Captured

SEGMENT = struct.pack(">HHIIBBHHH", 80, 40000, 1, 1, 5 << 4, 0x18, 512, 0, 0) + b"x" * 100
HEADER_LEN = {4: 20, 6: 40}


def message(version: int, payload_len: int, copied: int) -> Captured:
    """A log message of ``copied`` octets of a TCP segment; the IP header tells ``payload_len``."""
    if version == 4:
        total = payload_len and payload_len + HEADER_LEN[4]
        header = struct.pack(">BBHHHBBHII", 0x45, 0, total, 0, 0, 64, 6, 0, 1, 2)
    else:
        header = struct.pack(">IHBB", 6 << 28, payload_len, 6, 64) + bytes(31) + b"\1"
    data = header + SEGMENT[:copied]
    data = bytes.fromhex("02000000") + struct.pack("<HH", 4 + len(data), 9) + data
    return Captured(239, data, len(data))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("told", "copied", "captured", "on_wire"),
    [
        pytest.param(120, 120, 100, 100, id="whole"),
        pytest.param(120, 60, 40, 100, id="the rule asked for less"),
        pytest.param(70, 120, 50, 50, id="padded"),
        pytest.param(0, 120, 100, 100, id="offloaded"),
        pytest.param(0, 60, 40, 40, id="offloaded and the rule asked for less"),
    ],
)
def test_payload_lengths(version: int, told: int, copied: int, captured: int, on_wire: int) -> None:
    sent = message(version, told, copied)
    batch = make_batch([sent])
    row = row_of(decode_batch(batch), batch, 0)
    assert row == reference_row(sent)
    assert (row["payload_len"], row["payload_wire_len"]) == (captured, on_wire)
    assert row["ip_len"] == HEADER_LEN[version] + 20 + on_wire


def test_a_message_cut_short_by_the_capture() -> None:
    """Of an offloaded packet the attribute tells more than the octets that are there."""
    sent = message(4, 0, 120)
    batch = make_batch([Captured(239, sent.data[:-30], sent.wire_len)])
    row = row_of(decode_batch(batch), batch, 0)
    assert (row["payload_len"], row["payload_wire_len"]) == (70, 100)
