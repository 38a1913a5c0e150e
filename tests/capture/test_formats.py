"""Sound captures of every form, drawn at random, against what was written and the scalar reader."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.capture import formats
from sensor.capture.batch import NOT_A_PACKET
from tests.capture.rows import read_rows
from tests.reference.capture import Record, read_capture

WORD = st.integers(0, 2**32 - 1)
OCTETS = st.binary(max_size=200)
ORDERS = st.sampled_from(("<", ">"))
WINDOWS = st.integers(64, 2000)


@dataclass(frozen=True)
class Packet:
    """One record to write."""

    octets: bytes
    seconds: int
    tick: int
    missing: int
    """Octets on the wire that were not captured."""


PACKETS = st.lists(
    st.builds(Packet, OCTETS, WORD, st.integers(0, 999_999_999), st.integers(0, 2000)), max_size=30
)


@given(
    packets=PACKETS,
    magic=st.sampled_from((formats.PCAP_US, formats.PCAP_NS, formats.PCAP_MODIFIED)),
    order=ORDERS,
    link=WORD,
    window=WINDOWS,
)
def test_pcap_of_any_kind(packets: list[Packet], magic: int, order: str, link: int, window: int) -> None:
    """What was written is read, through any window."""
    modified = magic == formats.PCAP_MODIFIED
    octets = formats.pcap_header(magic, order, link) + formats.joined(
        formats.pcap_record(
            p.octets, p.seconds, p.tick, order=order, wire_len=len(p.octets) + p.missing, modified=modified
        )
        for p in packets
    )
    tick_ns = 1 if magic == formats.PCAP_NS else 1000
    rows = read_rows(octets, window)
    assert rows.records == [
        Record(
            number, p.octets, len(p.octets) + p.missing, p.seconds * 10**9 + p.tick * tick_ns, link & 0xFFFF
        )
        for number, p in enumerate(packets, 1)
    ]
    assert rows.received == len(packets)
    assert rows.notes == []


TICKS = st.integers(0, 2**64 - 1)
IDS = st.integers(0, 2)


@st.composite
def pcapng_sections(draw: st.DrawFn) -> bytes:
    """A few sections of three interfaces each, and all kinds of blocks."""
    made = b""
    for _ in range(draw(st.integers(1, 3))):
        order = draw(ORDERS)
        interfaces = st.builds(
            formats.interface,
            order=st.just(order),
            link=st.integers(0, 0xFFFF),
            snaplen=st.integers(0, 300),
            tsresol=st.none() | st.integers(0, 255),
            tsoffset=st.none() | st.integers(-(2**63), 2**63 - 1),
        )
        same = st.just(order)
        blocks = st.one_of(
            st.builds(formats.enhanced, OCTETS, TICKS, order=same, interface_id=IDS, wire_len=WORD),
            st.builds(formats.obsolete, OCTETS, TICKS, order=same, interface_id=IDS, drops=IDS),
            st.builds(formats.simple, OCTETS, order=same),
            st.builds(formats.block, st.sampled_from((4, 5, 0x1234, 0x80000001)), OCTETS, order=same),
            st.builds(formats.custom, OCTETS, order=same, copied=st.booleans()),
            interfaces,
        )
        made += formats.section(order)
        made += formats.joined(draw(st.lists(interfaces, min_size=3, max_size=3)))
        made += formats.joined(draw(st.lists(blocks, max_size=16)))
    return made


@given(octets=pcapng_sections(), window=WINDOWS)
def test_pcapng_of_any_kind(octets: bytes, window: int) -> None:
    """Rows, numbers and times are the scalar reader's, through any window."""
    expected = read_capture(octets)
    assert expected is not None
    assert expected.sound
    rows = read_rows(octets, window)
    assert rows.records == expected.records
    assert rows.received == expected.received
    assert rows.notes == []


def test_interface_clocks_are_exact() -> None:
    """A tick of 2 ** -40 s, one of 10 ** -12 s, and an offset, worked out by hand."""
    octets = (
        formats.section()
        + formats.interface(tsresol=0x80 | 40)
        + formats.interface(tsresol=12)
        + formats.interface(tsresol=0, tsoffset=-5)
        + formats.enhanced(b"", (3 << 40) + (1 << 39))
        + formats.enhanced(b"", 7_000_000_123_999, interface_id=1)
        + formats.enhanced(b"", 105, interface_id=2)
    )
    assert [r.ts_ns for r in read_rows(octets).records] == [3_500_000_000, 7_000_000_123, 100_000_000_000]


def test_times_outside_int64_stop_at_its_ends() -> None:
    """No time wraps round to another century."""
    octets = formats.section() + formats.interface(tsresol=0) + formats.enhanced(b"", 2**64 - 1)
    assert [r.ts_ns for r in read_rows(octets).records] == [9_223_372_035 * 10**9]


def test_offsets_and_ticks_that_cancel_out() -> None:
    """Time is exact where only one of the two, or the way to their sum, is out of range."""
    cases = [(-(2**63), 2**63 + 5), (-(2**63), 2**63 - 5), (-18_446_744_068, 18_446_744_073)]
    octets = formats.section() + b"".join(formats.interface(tsresol=0, tsoffset=start) for start, _ in cases)
    octets += b"".join(formats.enhanced(b"", ticks, interface_id=i) for i, (_, ticks) in enumerate(cases))
    assert [r.ts_ns for r in read_rows(octets).records] == [5 * 10**9, -5 * 10**9, 5 * 10**9]


def test_times_before_int64_stop_at_its_ends() -> None:
    octets = formats.section()
    octets += formats.interface(tsresol=0, tsoffset=-(2**63)) + formats.interface(tsoffset=2**63 - 1)
    octets += formats.enhanced(b"", 7) + formats.enhanced(b"", 0, interface_id=1)
    assert [r.ts_ns for r in read_rows(octets).records] == [-9_223_372_035 * 10**9, 9_223_372_035 * 10**9]


def test_simple_packet_has_the_time_of_the_packet_before() -> None:
    """Packet time does not fall back to 1970 between two packets that know theirs."""
    head = formats.section() + formats.interface()
    octets = head + formats.simple(b"a") + formats.enhanced(b"b", 7) + formats.simple(b"c")
    for window in (64, 4096):
        assert [r.ts_ns for r in read_rows(octets, window).records] == [0, 7000, 7000]


def test_records_that_are_no_packets_take_numbers() -> None:
    """They are rows of their own, without octets, at the time of the packet before them."""
    octets = formats.section() + formats.custom(b"w") + formats.interface() + formats.enhanced(b"a", 7)
    octets += formats.custom(b"x") + formats.custom(b"y", copied=False) + formats.enhanced(b"b", 9)
    for window in (64, 4096):
        rows = read_rows(octets, window)
        assert [(r.number, r.octets) for r in rows.records] == [(2, b"a"), (5, b"b")]
        assert rows.others == [
            Record(1, b"", 0, 0, NOT_A_PACKET),
            Record(3, b"", 0, 7000, NOT_A_PACKET),
            Record(4, b"", 0, 7000, NOT_A_PACKET),
        ]


def test_any_number_of_records_that_are_no_packets() -> None:
    """One batch however they alternate with packets, and every number is exact."""
    pair = formats.enhanced(b"a") + formats.custom(b"x")
    octets = formats.section() + formats.interface() + pair * 500
    rows = read_rows(octets, 1 << 20)
    assert [r.number for r in rows.records] == list(range(1, 1001, 2))
    assert [r.number for r in rows.others] == list(range(2, 1001, 2))
    assert rows.batches == 1
    small = read_rows(octets, 64)
    assert (small.records, small.others) == (rows.records, rows.others)


def test_no_link_type_of_a_file_says_that_a_record_is_no_packet() -> None:
    """Not even the highest."""
    octets = formats.section() + formats.interface(link=0xFFFF) + formats.enhanced(b"a")
    assert [r.link_type for r in read_rows(octets).records] == [0xFFFF]
