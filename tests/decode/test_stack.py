"""The columnar decoder against the scalar reference, on whole stacks."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.batch import NOT_A_PACKET
from sensor.decode import events
from sensor.decode.columns import Layer, Packets
from sensor.decode.events import DecoderEvent
from sensor.decode.stack import count_events, decode_batch
from tests.decode.batches import make_batch, reference_row, row_of
from tests.decode.stacks import Captured, near_valid_packets, random_packets


@given(near_valid_packets())
def test_columns_equal_the_reference(records: list[Captured]) -> None:
    batch = make_batch(records)
    packets = decode_batch(batch)
    for i, record in enumerate(records):
        assert row_of(packets, batch, i) == reference_row(record), record


@given(random_packets())
def test_random_octets_never_raise_and_equal_the_reference(records: list[Captured]) -> None:
    batch = make_batch(records)
    packets = decode_batch(batch)
    for i, record in enumerate(records):
        assert row_of(packets, batch, i) == reference_row(record), record


@given(near_valid_packets().filter(lambda records: len(records) > 1), st.data())
def test_rows_do_not_depend_on_the_batch(records: list[Captured], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(records) - 1))
    whole_batch = make_batch(records)
    whole = decode_batch(whole_batch)
    rows = [row_of(whole, whole_batch, i) for i in range(len(records))]
    parts = []
    for part in (records[:cut], records[cut:]):
        batch = make_batch(part)
        packets = decode_batch(batch)
        parts += [row_of(packets, batch, i) for i in range(len(part))]
    assert parts == rows


@given(near_valid_packets() | random_packets(), st.integers(0, 3))
def test_every_record_is_decoded_or_rejected(records: list[Captured], others: int) -> None:
    """Records that are no packets among them."""
    packets = decode_batch(make_batch([*records, *[Captured(NOT_A_PACKET, b"", 0)] * others]))
    decoded, rejected = count_events(packets)
    assert decoded + sum(rejected.values()) == len(records) + others
    assert rejected.get("capture.not_a_packet", 0) == others
    assert DecoderEvent.NONE.label not in rejected


@given(near_valid_packets())
def test_payloads_stay_inside_their_records(records: list[Captured]) -> None:
    batch = make_batch(records)
    packets = decode_batch(batch)
    has_payload = packets.layer >= Layer.FRAGMENT
    assert (packets.payload_len >= 0).all()
    assert (packets.payload_len <= packets.payload_wire_len)[has_payload].all()
    assert (packets.payload_offset >= batch.offset)[has_payload].all()
    end = packets.payload_offset + packets.payload_len
    assert (end <= batch.offset + batch.cap_len)[has_payload & (packets.payload_len > 0)].all()


def test_an_empty_batch_has_no_rows() -> None:
    batch = make_batch([])
    packets = decode_batch(batch)
    assert len(packets) == 0
    assert count_events(packets) == (0, {})


def test_events_fit_their_column_and_have_one_label_each() -> None:
    labels = {event.label for event in DecoderEvent}
    assert len(labels) == len(DecoderEvent)
    assert max(DecoderEvent) <= np.iinfo(Packets.empty(0).event.dtype).max
    assert DecoderEvent.IPV4_TRUNC_PKT.label == "ipv4.trunc_pkt"


def test_every_event_but_none_is_raised_by_some_header() -> None:
    sources = "".join(path.read_text() for path in Path(events.__file__).parent.glob("*.py"))
    unused = [event.name for event in DecoderEvent if f"DecoderEvent.{event.name}" not in sources]
    assert unused == []
