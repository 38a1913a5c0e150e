"""Captures cut short, corrupt, hostile: what comes before the fault is read, and the rest is noted."""

import errno
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.capture import formats
from fixtures.pcaps.capture.make import cases
from sensor.arrays import GUARD
from sensor.capture.pcap import PcapReader
from sensor.capture.source import CaptureFile
from sensor.capture.window import SLACK, Window
from sensor.errors import CaptureError
from tests.capture.rows import read_rows
from tests.fuzz.fuzz_capture import one
from tests.reference.capture import read_capture


class FailingDisk:
    """A stream of which only the front can be read."""

    def __init__(self, octets: bytes) -> None:
        self._octets = io.BytesIO(octets)

    def readinto1(self, buffer: memoryview, /) -> int:
        """Read, and fail where a file would end."""
        count = self._octets.readinto1(buffer)
        if not count:
            raise OSError(errno.EIO, "Input/output error")
        return count


PLAIN = {name: octets for name, octets in cases().items() if not name.endswith(".gz")}
CONVERT = "if Wireshark reads it, convert it with editcap -F pcapng"
NUMBERS = st.sampled_from((0, 1, 7, 8, 11, 12, 31, 32, 33, 255, 0x40000, 0x40001, 0x7FFFFFFF, 0xFFFFFFFF))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A case with a few octets or words changed, a piece cut out or repeated, or its end cut off."""
    octets = bytearray(draw(st.sampled_from(sorted(PLAIN.values()))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(octets) - 4, 0)))
        change = draw(st.integers(0, 3))
        if change == 0:
            octets[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change == 1:
            word = struct.pack(draw(st.sampled_from(("<I", ">I"))), draw(NUMBERS))
            octets[at & ~3 : (at & ~3) + 4] = word
        elif change == 2:
            del octets[at : at + draw(st.integers(1, 64))]
        else:
            octets[at:at] = octets[at : at + draw(st.integers(1, 64))]
    return bytes(octets[: draw(st.integers(0, len(octets))) or None])


@given(octets=damaged(), window=st.integers(64, 1500))
def test_damaged_captures_are_read_as_far_as_they_go(octets: bytes, window: int) -> None:
    """The rows before the first fault, one note exactly if there is a fault, a buffer that stays small."""
    expected = read_capture(octets)
    try:
        rows = read_rows(octets, window)
    except CaptureError:
        assert expected is None or not expected.received
        return
    assert expected is not None
    assert rows.records == expected.records
    assert rows.received == expected.received
    assert len(rows.notes) == (not expected.sound)
    assert rows.buffer_len <= max(window, 64, 2 * len(octets)) + SLACK + GUARD


@given(octets=st.binary(max_size=300))
def test_fuzz_invariant_on_garbage(octets: bytes) -> None:
    """Garbage behind each magic number."""
    for start in (b"", b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0"):
        one(start + octets)


@pytest.mark.parametrize("name", sorted(cases()))
def test_fuzz_invariant_on_cases(name: str) -> None:
    """Every case whole, and cut at every place of its second half."""
    octets = cases()[name]
    for end in range(len(octets) // 2, len(octets) + 1, 7):
        one(octets[:end])
    one(octets)


def test_no_endless_walk_on_zero_lengths() -> None:
    """Blocks of no length end the reading; records of no length are 16 octets each."""
    zeros = bytes(1 << 16)
    assert read_rows(formats.pcap_header() + zeros).received == len(zeros) // 16
    rows = read_rows(formats.section() + zeros)
    assert rows.received == 0
    assert rows.notes == [
        "test: block at octet 28 claims 0 octets, which it cannot have; nothing from there on was read"
    ]


def test_window_grows_only_to_the_record_limit() -> None:
    """The longest record is read through the smallest window; a longer one is corrupt."""
    longest = formats.pcap_record(bytes(262_144))
    rows = read_rows(formats.pcap_header() + longest + longest, 64)
    assert [len(r.octets) for r in rows.records] == [262_144] * 2
    assert rows.buffer_len <= 2 * (262_144 + 16) + SLACK + GUARD
    rows = read_rows(formats.pcap_header() + longest + formats.pcap_record(bytes(262_145)), 64)
    assert rows.received == 1
    (note,) = rows.notes
    assert note.startswith("test: record 2 at octet 262184 claims 262145 octets, more than 262144;")


def test_a_block_length_of_gigabytes_allocates_nothing() -> None:
    """The block is refused before the window would grow for it."""
    head = formats.section() + formats.interface() + formats.enhanced(b"a")
    rows = read_rows(head + formats.block(0x1234, bytes(3000), length=0xFFFF_FFF0), 64)
    assert rows.received == 1
    assert len(rows.notes) == 1
    assert rows.buffer_len <= 256 + SLACK + GUARD


SHORTEST = {1: 20, 2: 32, 3: 16, 6: 32, 9: 35, 0xBAD: 16, 0x40000BAD: 16, 0x204: 36, 0x221: 36, 0x1234: 12}


@pytest.mark.parametrize(("kind", "shortest"), SHORTEST.items())
def test_block_shorter_than_its_kind_is_corrupt(kind: int, shortest: int) -> None:
    """One octet less than the fields of the block need; padding makes the file whole all the same."""
    head = formats.section() + formats.interface()
    for length in (shortest, shortest - 1):
        body = bytes(-(-length // 4) * 4 - 12)
        rows = read_rows(head + formats.block(kind, body, length=length) + formats.enhanced(b"after"))
        assert bool(rows.notes) == (length < shortest)
        assert bool(rows.received) == (length == shortest)


def test_interface_must_come_before_its_packets() -> None:
    """Although the window holds both when the packet is read."""
    late = (
        formats.enhanced(b"a", interface_id=1) + formats.interface() + formats.enhanced(b"b", interface_id=1)
    )
    rows = read_rows(formats.section() + formats.interface() + formats.enhanced(b"c") + late)
    assert [r.octets for r in rows.records] == [b"c"]
    assert len(rows.notes) == 1


def test_interfaces_of_a_section_end_with_it() -> None:
    """The next section has to describe its own."""
    rows = read_rows(PLAIN["little.pcapng"] + formats.section() + formats.enhanced(b"a"))
    assert rows.received == 8
    assert len(rows.notes) == 1


def test_nothing_behind_the_fault_is_counted() -> None:
    """Not even a record that would have been countable."""
    behind = formats.enhanced(b"a", interface_id=9) + formats.custom(b"x") + formats.enhanced(b"b")
    rows = read_rows(formats.section() + formats.interface() + formats.enhanced(b"c") + behind)
    assert rows.received == 1
    assert rows.others == []


def test_interfaces_are_bounded() -> None:
    """What needs more than any capture has ends the reading; what was read before stays."""
    head = formats.section() + formats.interface() + formats.enhanced(b"a")
    rows = read_rows(head + formats.interface() * 65_536 + formats.enhanced(b"b"), 1 << 20)
    assert rows.received == 1
    assert "describes more than 65536 interfaces" in rows.notes[0]


def test_captured_length_above_the_wire_length() -> None:
    """The captured octets are believed: a row never holds more than it had on the wire."""
    octets = formats.pcap_header() + formats.pcap_record(b"abcdef", wire_len=2)
    assert [(r.octets, r.wire_len) for r in read_rows(octets).records] == [(b"abcdef", 6)]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("cut_record.pcap", "ends early after record 7: the last record is cut short; 69 octets left over"),
        ("cut_header.pcap", "ends early after record 8: the last record is cut short; 15 octets left over"),
        ("cut_block.pcapng", "ends early after record 7: the last block is cut short; 83 octets left over"),
        ("corrupt_length.pcap", "record 5 at octet 437 claims 640034342 octets, more than 262144"),
        ("two_lengths.pcapng", "block at octet 532 claims 180 octets, which it cannot have"),
        ("unknown_interface.pcapng", "names an interface that the capture does not describe before it"),
        ("corrupt_cap_len.pcapng", "claims 131072 captured octets, more than it can hold"),
    ],
)
def test_note_says_what_is_wrong_and_where(name: str, note: str) -> None:
    """One line, which names the file."""
    (line,) = read_rows(cases()[name]).notes
    assert line.startswith("test: ")
    assert note in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "test is empty (0 octets); capture it again"),
        (formats.pcap_header()[:23], "test ends within its file header (23 octets); capture it again"),
        (formats.section()[:27], "test: ends within its first section header; capture it again"),
        (
            formats.section(major=2),
            "test: block at octet 0 begins a section of version 2, not 1; capture it again",
        ),
        (
            b"GET / HTTP/1.1\r\n",
            f"test is not a pcap or pcapng capture: starts with 47 45 54 20; {CONVERT}",
        ),
        (b"\x28\xb5\x2f\xfd0123", "test is not a pcap or pcapng capture: zstd data: unpack it with zstd -d"),
        (b"\x1f\x8b\x07garbage", "test is damaged gzip data (Unknown compression method); copy it again"),
    ],
)
def test_what_is_no_capture_is_refused(octets: bytes, message: str) -> None:
    """On opening, with one line that says what to do."""
    with pytest.raises(CaptureError) as caught:
        CaptureFile(io.BufferedReader(io.BytesIO(octets)), "test")
    assert str(caught.value) == message


def test_read_error_is_the_operators_trouble() -> None:
    """What was read before it has become rows; then one line says where it happened."""
    batches = iter(PcapReader(Window(FailingDisk(PLAIN["us_little.pcap"]), "test", 200), []))
    assert len(next(batches)) == 2
    with pytest.raises(CaptureError) as caught:
        list(batches)
    reason = "test cannot be read on after 809 octets (Input/output error)"
    assert str(caught.value) == f"{reason}; check the disk or the connection it lies on"
