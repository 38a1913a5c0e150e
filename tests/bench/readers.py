"""Yardsticks in Python: what well-known readers make of a capture, and Hyperscan with nothing around it.

Each is a program of its own, started afresh for every measurement:
``python -m tests.bench.readers dpkt CAPTURE --packets 100000``.
"""

# ruff: noqa: PLC0415  # each imports only what it needs: start-up is part of what is measured

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

_METHODS: Final = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH ")
_BLOCK: Final = 4 << 20
"""Octets scanned by one call, as many as the sensor reads at once."""

Answer = dict[str, Any]


def count(options: argparse.Namespace) -> Answer:
    """How many packets a capture holds, and their octets on the wire."""
    from sensor.capture.source import open_captures

    packets = octets = 0
    for capture in open_captures([options.capture]):
        for batch in capture:
            packets += len(batch)
            octets += int(batch.wire_len.sum())
    return {"packets": packets, "octets": octets}


def dpkt(options: argparse.Namespace) -> Answer:
    """Ethernet, IP and TCP of each packet, and the first line of requests: no flows, no reassembly."""
    import dpkt as library

    packets = requests = 0
    with Path(options.capture).open("rb") as file:
        for _, frame in islice(library.pcap.UniversalReader(file), options.packets):
            packets += 1
            try:
                segment = library.ethernet.Ethernet(frame).data.data
            except (library.UnpackError, AttributeError):
                continue
            if isinstance(segment, library.tcp.TCP) and segment.data.startswith(_METHODS):
                requests += len(segment.data.split(b"\r\n", 1)[0].split(b" ")) == 3
    return {"packets": packets, "requests": requests}


def scapy(options: argparse.Namespace) -> Answer:
    """Each packet dissected by Ether, and a question whether there is TCP in it."""
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import RawPcapReader

    packets = segments = 0
    with RawPcapReader(options.capture) as reader:
        for frame, _ in islice(reader, options.packets):
            packets += 1
            segments += TCP in Ether(frame)
    return {"packets": packets, "segments": segments}


def pyshark(options: argparse.Namespace) -> Answer:
    """Each packet's layers as tshark reports them, and the request's URI where there is one."""
    import pyshark as library

    packets = requests = 0
    with library.FileCapture(options.capture, keep_packets=False) as capture:
        for packet in islice(capture, options.packets):
            packets += 1
            requests += "HTTP" in packet and hasattr(packet.http, "request_uri")
    return {"packets": packets, "requests": requests}


def hyperscan(options: argparse.Namespace) -> Answer:
    """The sensor's payload database over the same payload octets: reading and decoding are not counted."""
    from sensor.matching.cache import Cache
    from sensor.matching.compile import compile_cached
    from sensor.places import plan_cache
    from signatures.loader import load_signatures
    from signatures.model import Buffer

    loaded = load_signatures([options.signatures], builtin=True)
    plan = compile_cached(loaded.signatures, Cache(plan_cache()))
    literals = plan.buffers[Buffer.PAYLOAD].literals
    assert literals is not None, "the signatures for measurements have keywords for the payload"
    matches = octets = 0
    cpu = 0.0

    def collect(*_: object) -> None:
        nonlocal matches
        matches += 1

    for block in _payloads(options.capture):
        octets += len(block)
        began = time.process_time()
        literals.database.scan(block, match_event_handler=collect)
        cpu += time.process_time() - began
    return {"cpu_seconds": cpu, "octets": octets, "matches": matches}


def _payloads(capture: str) -> Iterator[bytes]:
    """The TCP and UDP payload of a capture in the packets' order, in blocks."""
    from sensor.capture.source import open_captures
    from sensor.decode.stack import decode_batch

    parts: list[bytes] = []
    size = 0
    for file in open_captures([capture]):
        for batch in file:
            packets = decode_batch(batch)
            octets = batch.octets.data
            ends = packets.payload_offset + packets.payload_len
            rows = zip(packets.payload_offset.tolist(), ends.tolist(), strict=True)
            block = b"".join([octets[start:end] for start, end in rows if start < end])
            parts.append(block)
            size += len(block)
            if size >= _BLOCK:
                yield b"".join(parts)
                parts, size = [], 0
    if size:
        yield b"".join(parts)


READERS: Final[dict[str, Callable[[argparse.Namespace], Answer]]] = {
    reader.__name__: reader for reader in (count, dpkt, scapy, pyshark, hyperscan)
}


def main() -> None:
    """Run one reader; print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("capture")
    parser.add_argument("--packets", type=int, default=None)
    parser.add_argument("--signatures", type=Path)
    options = parser.parse_args()
    print(json.dumps(READERS[options.reader](options)))


if __name__ == "__main__":
    main()
