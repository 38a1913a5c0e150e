"""Functions of libpcap's fill the memory, on POSIX and on Windows; a reader of files makes batches of it."""

import ctypes
import struct
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.libpcap_library import ERRBUF_SIZE, library
from sensor.capture.libpcap_window import CAPACITY, DispatchWindow, DumpSink, QueueSink
from sensor.capture.pcap import PcapReader
from tests.capture.rows import read_rows, records_of
from tests.reference.capture import Record

pytestmark = pytest.mark.linux


class Npcap:
    """libpcap with the functions that only Windows has, as they are there."""

    def __init__(self) -> None:
        self.precision = 0
        self._pcap = library()
        self.pcap_sendqueue_queue = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
        )(self._queue)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pcap, name)

    def pcap_get_tstamp_precision(self, _handle: int) -> int:
        return self.precision

    @staticmethod
    def _queue(queue: int, header: int, data: int) -> int:
        # struct pcap_send_queue; struct pcap_pkthdr, whose two longs have 64 bits here and 32 there.
        maxlen, used, buffer = struct.unpack("@IIP", ctypes.string_at(queue, 16))
        sec, usec, cap_len, wire_len = struct.unpack("@llII", ctypes.string_at(header, 24))
        record = struct.pack("=IIII", sec, usec, cap_len, wire_len) + ctypes.string_at(data, cap_len)
        if used + len(record) > maxlen:
            return -1
        ctypes.memmove(buffer + used, record, len(record))
        ctypes.memmove(queue + 4, struct.pack("@I", used + len(record)), 4)
        return 0


def _read(pcap: Any, file: Path, sink: type[DumpSink | QueueSink]) -> tuple[list[Record], int]:
    """The records of a file that libpcap reads, and how often the window was filled."""
    plain = ctypes.CDLL(library()._name)
    plain.pcap_open_offline.restype = ctypes.c_void_p
    handle = plain.pcap_open_offline(str(file).encode(), ctypes.create_string_buffer(ERRBUF_SIZE))
    assert handle
    window = DispatchWindow(pcap, handle, "test", 262_144, sink)
    records: list[Record] = []
    fillings = 0
    try:
        batches = iter(PcapReader(window, []))
        start = window.end
        while window.fill() == 0 and window.end > start:
            records += records_of([next(batches)])
            fillings += 1
            window.rewind()
            start = 0
    finally:
        window.close()
        library().pcap_close(handle)
    return records, fillings


def _pcaps(fixtures_dir: Path) -> list[Path]:
    return [
        fixtures_dir / "http/pipelining.pcap",
        fixtures_dir / "link/raw.pcap",
        fixtures_dir / "link/null.pcap",
    ]


def test_dumped_records_are_those_of_the_file(fixtures_dir: Path) -> None:
    for file in _pcaps(fixtures_dir):
        assert _read(library(), file, DumpSink)[0] == read_rows(file.read_bytes()).records


def test_queued_records_are_those_of_the_file(fixtures_dir: Path) -> None:
    for file in _pcaps(fixtures_dir):
        assert _read(Npcap(), file, QueueSink)[0] == read_rows(file.read_bytes()).records


def test_queued_times_may_be_nanoseconds(fixtures_dir: Path) -> None:
    file = _pcaps(fixtures_dir)[0]
    npcap = Npcap()
    npcap.precision = 1
    second = 10**9
    expected = [
        record.ts_ns // second * second + record.ts_ns % second // 1000
        for record in read_rows(file.read_bytes()).records
    ]
    assert [record.ts_ns for record in _read(npcap, file, QueueSink)[0]] == expected


@pytest.mark.parametrize("sink", [DumpSink, QueueSink])
def test_file_longer_than_the_memory_is_whole(tmp_path: Path, sink: type[DumpSink | QueueSink]) -> None:
    # Every record as long as one may be: the memory must never run over, whatever comes.
    size = 262_144
    header = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, size, 1)
    count = CAPACITY // size + 10
    records = [struct.pack("=IIII", 1, i, size, size) + bytes([i]) * size for i in range(count)]
    file = tmp_path / "long.pcap"
    file.write_bytes(header + b"".join(records))
    pcap = library() if sink is DumpSink else Npcap()
    read, fillings = _read(pcap, file, sink)
    assert [record.octets[:: size // 2] for record in read] == [bytes([i, i]) for i in range(count)]
    assert [record.number for record in read] == list(range(1, count + 1))
    assert fillings > 1
