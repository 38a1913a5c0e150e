"""Floods against the memory ceiling: how large a capture process becomes, whatever the line carries.

    python -m tests.bench.floods [--memory MIB] [--scale N] [FLOOD…]

Each flood runs in a process of its own and fills one of the pipeline's stores past its bound; ``all`` runs
them through one pipeline, one after the other. Packets are made as they are sent, so that no capture stands
in memory. A line of JSON is printed for each: the resident memory before the first packet and at its peak,
in MiB (Linux only), and what the counters say.
"""

import argparse
import gzip
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from sensor.arrays import GUARD
from sensor.capture.batch import Batch
from sensor.config import Settings
from sensor.matching.compile import dump_databases, load_plan
from sensor.pipeline import Pipeline
from signatures.loader import load_signatures
from signatures.model import Buffer, Clause, Severity, Signature

RAW_IP: Final = 101
SYN, ACK = 2, 16
_BATCH_OCTETS: Final = 1 << 20
_BEGIN_NS: Final = 1_769_817_600 * 10**9
_MSS: Final = 1400
_CLIENT_NET, _SERVER = 10 << 24, 0xC6336414

Packets = Iterator[bytes]


def tcp(flow: int, seq: int, flags: int, data: bytes = b"", *, from_server: bool = False, port: int) -> bytes:
    """A segment between one of many clients and a port of the server: each flood has its own."""
    ends = (_CLIENT_NET + (flow >> 2), 2000 + (flow & 3)), (_SERVER, port)
    (src, sport), (dst, dport) = ends[::-1] if from_server else ends
    head = struct.pack(">HHIIBBHHH", sport, dport, seq % 2**32, 1, 5 << 4, flags, 65535, 0, 0)
    return ip(src, dst, 6, head + data)


def ip(src: int, dst: int, proto: int, data: bytes, ident: int = 1, fragment: int = 0) -> bytes:
    """An IPv4 packet."""
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(data), ident, fragment, 64, proto, 0, src, dst)
    return head + data


def syns(scale: int) -> Packets:
    """Connections that are asked for, and no more."""
    for flow in range(20_000 * scale):
        yield tcp(flow, 1, SYN, port=81)


def words(scale: int) -> Packets:
    """Flows that say an octet of what may be HTTP, both ways, and something that is payload."""
    for flow in range(15_000 * scale):
        yield tcp(flow, 1, ACK, b"G", port=82)
        yield tcp(flow, 1, ACK, b"H" * 64, from_server=True, port=82)


def fragments(scale: int) -> Packets:
    """First fragments of datagrams whose rest never comes."""
    for number in range(8_000 * scale):
        yield ip(_CLIENT_NET + (number >> 16), _SERVER, 17, bytes(1200), number & 0xFFFF, 0x2000)


def holes(scale: int) -> Packets:
    """Segments behind a hole that is never filled, in many streams."""
    for flow in range(4_000 * scale):
        yield tcp(flow, 1, SYN, port=83)
        for number in range(1, 9):
            yield tcp(flow, 2 + 2 * number * _MSS, ACK, bytes(_MSS), port=83)


def said(flows: int, octets: bytes, port: int) -> Packets:
    """The same octets in many connections at once, a segment of each in turn."""
    for flow in range(flows):
        yield tcp(flow, 1, SYN, port=port)
    for at in range(0, len(octets), _MSS):
        for flow in range(flows):
            yield tcp(flow, 2 + at, ACK, octets[at : at + _MSS], port=port)


def heads(scale: int) -> Packets:
    """Request heads that are never finished."""
    return said(2_000 * scale, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000, 84)


def bodies(scale: int) -> Packets:
    """Request bodies that are never finished."""
    return said(
        2_000 * scale, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 20_000, 85
    )


def requests(scale: int) -> Packets:
    """Requests that are never answered."""
    for flow in range(2_000 * scale):
        octets = b"".join(b"GET /%d/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (flow, n) for n in range(40))
        yield tcp(flow, 1, ACK, octets, port=86)


def memos(scale: int) -> Packets:
    """Heads of which no two are the same, as long as any that is remembered."""
    for number in range(8_000 * scale):
        filler = b"%08d" % number * 110
        request = b"GET /%d HTTP/1.1\r\nHost: a\r\nUser-Agent: %b\r\nReferer: %b\r\n\r\n"
        flow = number % 64
        place = 1 + number // 64 * 2000
        yield tcp(flow, place, ACK, (request % (number, filler, filler)).ljust(2000)[:2000], port=87)


def bombs(scale: int) -> Packets:
    """Small responses that decode to a MiB each, hundreds of them in a batch."""
    body = gzip.compress(bytes(1 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    for flow in range(200 * scale):
        yield tcp(flow, 1, SYN | ACK, from_server=True, port=88)
        yield tcp(flow, 2, ACK, head + body, from_server=True, port=88)


def alerts(scale: int) -> Packets:
    """Datagrams each of which holds what every shipped signature looks for in payload."""
    shipped = load_signatures([], builtin=True).signatures
    wanted = [
        next(chain(clause.contents, (keyword.encode() for keyword in clause.keywords)))
        for each in shipped
        for clause in each.clauses
        if Buffer.PAYLOAD in clause.buffers and (clause.contents or clause.keywords)
    ]
    data = b" ".join(wanted)
    head = struct.pack(">HHHH", 2000, 53, 8 + len(data), 0)
    for number in range(4_000 * scale):
        yield ip(_CLIENT_NET + number, _SERVER, 17, head + data)


FLOODS: Final[Mapping[str, Callable[[int], Packets]]] = MappingProxyType(
    {
        each.__name__: each
        for each in (syns, words, fragments, holes, heads, bodies, requests, memos, bombs, alerts)
    }
)


def batches(packets: Packets) -> Iterator[Batch]:
    """Packets in batches of about a block of the kernel's ring."""
    number = 1
    waiting: list[bytes] = []
    size = 0
    for packet in packets:
        waiting.append(packet)
        size += len(packet)
        if size >= _BATCH_OCTETS:
            yield _batch(waiting, number)
            number += len(waiting)
            waiting, size = [], 0
    if waiting:
        yield _batch(waiting, number)


def _batch(packets: list[bytes], number: int) -> Batch:
    length = np.array([len(packet) for packet in packets], np.int64)
    octets = np.frombuffer(bytearray(b"".join(packets) + bytes(GUARD)), np.uint8)
    times = _BEGIN_NS + 1000 * np.arange(number, number + len(packets), dtype=np.int64)
    links = np.full(len(packets), RAW_IP, np.uint32)
    used = octets.shape[0] - GUARD
    return Batch(octets, np.cumsum(length) - length, length, length, times, links, number, used)


def flood_signatures() -> list[Signature]:
    """The shipped ones, and one that looks into bodies."""
    bodies_too = Signature(
        sid=1,
        rev=1,
        name={"en": "x"},
        category="custom",
        severity=Severity.LOW,
        clauses=(
            Clause((Buffer.HTTP_REQUEST_BODY, Buffer.HTTP_RESPONSE_BODY), keywords=("nowhere to be found",)),
        ),
    )
    return [*load_signatures([], builtin=True).signatures, bodies_too]


def compiled() -> list[bytes]:
    """What a worker of the service is sent."""
    return dump_databases(flood_signatures())


def pipeline_of(memory: int) -> Pipeline:
    """A pipeline of so many octets.

    As in the service, another process compiles: that takes more memory than a worker of the least size has.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as compiler:
        dumped = compiler.submit(compiled).result()
    return Pipeline(Settings.for_memory(memory), load_plan(flood_signatures(), dumped))


def measure(floods: list[str], memory: int, scale: int) -> dict[str, Any]:
    """Send floods through one pipeline."""
    pipeline = pipeline_of(memory)
    before = resident()["VmRSS"]
    for name in floods:
        for batch in batches(FLOODS[name](scale)):
            for _ in pipeline.process(batch):
                pass
    counters = pipeline.counters.snapshot()
    http = pipeline.http_counters
    for name in http.__slots__:
        counters[f"http.{name}"] = getattr(http, name)
    return {
        "flood": " ".join(floods),
        "idle": before,
        "peak": resident()["VmHWM"],
        "counters": {name: value for name, value in counters.items() if value},
    }


def resident() -> dict[str, float]:
    """VmRSS and VmHWM of this process, MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line.startswith(("VmRSS", "VmHWM"))]
    return {name.rstrip(":"): round(int(size) / 1024, 1) for name, size, _ in rows}


def main() -> None:
    """Measure the floods that are named, or each of them and all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("flood", nargs="*", choices=[*FLOODS, "all", []])
    parser.add_argument("--memory", type=int, default=512, metavar="MIB")
    parser.add_argument("--scale", type=int, default=8, metavar="N")
    options = parser.parse_args()
    if len(options.flood) == 1:
        names = list(FLOODS) if options.flood == ["all"] else options.flood
        print(json.dumps(measure(names, options.memory << 20, options.scale)), flush=True)
        return
    for name in options.flood or [*FLOODS, "all"]:
        sizes = [f"--memory={options.memory}", f"--scale={options.scale}"]
        subprocess.run([sys.executable, "-m", "tests.bench.floods", *sizes, name], check=True)


if __name__ == "__main__":
    main()
