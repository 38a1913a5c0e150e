"""tshark and the sensor see the same packets: as many, and each between the same addresses and ports."""

import asyncio
import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyshark
import pytest
from pyshark.capture.capture import TSharkCrashException

from fixtures.pcaps.catalogue import ROOT, captures, name_of
from sensor.addresses import address_text
from sensor.capture.source import open_captures
from sensor.decode.columns import Layer, Packets
from sensor.decode.stack import count_events, decode_batch
from tests.oracle.exceptions import NOT_TAKEN_APART
from tests.oracle.tshark import Ends, dissect

pytestmark = pytest.mark.tshark

WITH_PORTS = {Layer.TCP, Layer.UDP}
WITHOUT_ADDRESSES = {Layer.NONE, Layer.OTHER}


def rows_of(capture: Path) -> Iterator[tuple[int, Layer, Ends]]:
    """Packet number, layer and ends of every row that the sensor reads."""
    for source in open_captures([str(capture)]):
        for batch in source:
            packets = decode_batch(batch)
            decoded, rejected = count_events(packets)
            assert decoded + sum(rejected.values()) == len(batch)
            for row in range(len(packets)):
                yield batch.first_number + row, Layer(packets.layer[row]), ends_of(packets, row)


def ends_of(packets: Packets, row: int) -> Ends:
    """A row's ends as tshark would write them."""
    version = int(packets.ip_version[row])
    has_ports = packets.layer[row] in WITH_PORTS
    words = ((packets.src_hi, packets.src_lo), (packets.dst_hi, packets.dst_lo))
    src, dst = (address_text(version, int(high[row]), int(low[row])) for high, low in words)
    ports = (packets.src_port, packets.dst_port)
    src_port, dst_port = (int(column[row]) if has_ports else 0 for column in ports)
    return src, src_port, dst, dst_port


@pytest.mark.parametrize("capture", captures(), ids=name_of)
def test_same_packets_between_the_same_ends(capture: Path) -> None:
    theirs = dissect(capture)
    ours = list(rows_of(capture))
    assert [number for number, _, _ in ours] == [packet.number for packet in theirs]
    if name_of(capture) in NOT_TAKEN_APART:
        assert {packet.ends for packet in theirs} == {None}
        return
    for (number, layer, ends), packet in zip(ours, theirs, strict=True):
        if layer in WITHOUT_ADDRESSES:
            assert packet.ends is None, f"packet {number}"
        elif layer is Layer.FRAGMENT:
            # tshark gives the datagram's ports to the fragment that completes it.
            assert packet.ends is not None
            assert (ends[0], ends[2]) == (packet.ends[0], packet.ends[2]), f"packet {number}"
        else:
            assert ends == packet.ends, f"packet {number}"


def test_fixtures_are_not_all_alike() -> None:
    """The comparison above would hold for empty answers as well: it has something to compare."""
    layers = {layer for capture in captures() for _, layer, _ in rows_of(capture)}
    assert {Layer.TCP, Layer.UDP, Layer.ICMPV6, Layer.FRAGMENT, Layer.OTHER} <= layers


def test_pyshark_counts_the_demo_as_the_sensor_does() -> None:
    demo = ROOT / "http" / "demo.pcapng"
    ours = [ends for _, layer, ends in rows_of(demo) if layer is Layer.TCP]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyshark sets a child watcher, which asyncio deprecates
        loop = asyncio.new_event_loop()
        theirs: list[tuple[str, int, str, int]] = []
        capture = pyshark.FileCapture(str(demo), display_filter="tcp", keep_packets=False, eventloop=loop)
        try:
            # Now and then asyncio misses tshark's end and makes up a status of 255, which pyshark takes for a
            # crash. What tshark told until then is compared all the same.
            with contextlib.suppress(TSharkCrashException):
                theirs.extend(
                    (
                        str(packet.ip.src if "IP" in packet else packet.ipv6.src),
                        int(packet.tcp.srcport),
                        str(packet.ip.dst if "IP" in packet else packet.ipv6.dst),
                        int(packet.tcp.dstport),
                    )
                    for packet in capture
                )
            with contextlib.suppress(TSharkCrashException):
                capture.close()
        finally:
            capture._running_processes.clear()
            loop.close()
    assert ours == theirs
    assert {port for _, _, _, port in ours} >= {80, 443, 587, 5900}
