"""Captures made for measurements: ordinary web traffic, and a flood of SYNs.

Columns of all packets are computed by numpy, and the octets joined a wave of connections at a time, so
that a million packets take seconds. The same arguments give the same file. Checksums are left 0.

Run as a program it writes one capture and prints what is in it as JSON: the process that measures has
to stay small (see ``tests.bench.measure``), so it does not do this itself.
"""

import argparse
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from tests.bench.http_messages import MSS, HttpMessages

_FILE_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
_HEADERS: Final = np.dtype(
    [
        ("sec", "<u4"), ("usec", "<u4"), ("cap_len", "<u4"), ("wire_len", "<u4"),
        ("eth_dst", "u1", 6), ("eth_src", "u1", 6), ("ether_type", ">u2"),
        ("version_ihl", "u1"), ("tos", "u1"), ("total_len", ">u2"), ("id", ">u2"), ("fragment", ">u2"),
        ("ttl", "u1"), ("proto", "u1"), ("ip_sum", ">u2"), ("src", ">u4"), ("dst", ">u4"),
        ("src_port", ">u2"), ("dst_port", ">u2"), ("seq", ">u4"), ("ack", ">u4"),
        ("data_offset", "u1"), ("flags", "u1"), ("window", ">u2"), ("tcp_sum", ">u2"), ("urgent", ">u2"),
    ]
)  # fmt: skip
"""Record header, Ethernet, IPv4 and TCP without options, as they lie in the file."""
_FRAME: Final = 54
_PADDING: Final = bytes(6)
"""Behind a bare segment: Ethernet's shortest frame has 60 octets."""
_BEGIN_US: Final = 1_769_817_600 * 1_000_000
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10

_WAVE: Final = 256
"""Connections under way at once: each spans several of the blocks that a reader reads at a time."""
_MOST_EXCHANGES: Final = 16
_CLIENTS: Final = 4093
_SYN_OPTIONS: Final = bytes((2, 4, 5, 180, 4, 2, 1, 1)) + bytes(2)
"""MSS, SACK permitted; then two octets of padding bring the frame to 64."""

_Row = np.dtype(
    [
        ("connection", np.int64), ("from_server", np.bool_), ("request", np.bool_), ("flags", np.uint8),
        ("seq", np.uint32), ("ack", np.uint32), ("offset", np.int64), ("length", np.int64), ("us", np.int64),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Generated:
    """What a generated capture holds."""

    packets: int
    octets: int
    """Of frames; the file's own headers are not counted."""
    flows: int
    requests: int


def write_http(path: Path, packets: int, seed: int = 1) -> Generated:
    """Write ``packets`` packets of keep-alive HTTP connections; the last ones may be cut off."""
    rng = random.Random(seed)
    http = HttpMessages(rng)
    written = octets = flows = requests = connection = 0
    begin_us = _BEGIN_US
    with path.open("wb") as out:
        out.write(_FILE_HEADER)
        while written < packets:
            messages: list[tuple[Any, ...]] = []
            data = [_PADDING]
            for _ in range(_WAVE):
                messages += _conversation(rng, http, connection, data)
                connection += 1
            rows = _segments(messages)[: packets - written]
            rows["us"] += begin_us
            octets += _write(out, rows, b"".join(data))
            begin_us = int(rows["us"][-1]) + 1_000
            written += len(rows)
            flows += len(np.unique(rows["connection"]))
            requests += int(rows["request"].sum())
    return Generated(written, octets, flows, requests)


def _conversation(
    rng: random.Random, http: HttpMessages, connection: int, data: list[bytes]
) -> Iterator[tuple[Any, ...]]:
    """Messages of a connection: connection, from_server, flags, seq, ack, length, µs since the one before.

    Octets of those that have any are appended to ``data``.
    """
    client, server = rng.getrandbits(32), rng.getrandbits(32)
    host, agent = http.host(), http.agent()

    def pause() -> int:
        return 2_000 + rng.randrange(18_000)

    yield connection, False, _SYN, client, 0, 0, rng.randrange(200_000)
    yield connection, True, _SYN | _ACK, server, client + 1, 0, pause()
    client, server = client + 1, server + 1
    yield connection, False, _ACK, client, server, 0, 50
    for _ in range(rng.randint(1, _MOST_EXCHANGES)):
        request, response = http.request(host, agent), http.response()
        data += (request, response)
        yield connection, False, _PSH | _ACK, client, server, len(request), pause()
        client += len(request)
        yield connection, True, _PSH | _ACK, server, client, len(response), pause()
        server += len(response)
    yield connection, False, _FIN | _ACK, client, server, 0, pause()
    yield connection, True, _FIN | _ACK, server, client + 1, 0, pause()
    yield connection, False, _ACK, client + 1, server + 1, 0, 50


def _segments(messages: list[tuple[Any, ...]]) -> NDArray[Any]:
    """Rows of the packets that carry messages, in order of time.

    A response goes out as full segments and a rest, and each second one is followed by a pure ACK: row
    ``j`` of a message is an ACK if ``j % 3 == 2``. Requests and bare segments are one row each.
    """
    connection, from_server, flags, seq, ack, length, pause = (
        np.array(column, np.int64) for column in zip(*messages, strict=True)
    )
    segments = np.maximum(1, -(-length // MSS))
    count = segments + segments // 2
    first = np.cumsum(count) - count
    of = np.repeat(np.arange(len(messages)), count)
    j = np.arange(of.shape[0]) - first[of]
    is_ack = j % 3 == 2
    start = np.where(is_ack, 0, (j - j // 3) * MSS)
    sent = np.minimum((j - j // 3 + ~is_ack) * MSS, length[of])

    rows = np.zeros(of.shape[0], _Row)
    rows["connection"] = connection[of]
    rows["from_server"] = from_server[of] ^ is_ack
    rows["request"] = (length[of] > 0) & (from_server[of] == 0)
    rows["flags"] = np.where(is_ack | (sent < length[of]), _ACK, flags[of])
    rows["seq"] = (np.where(is_ack, ack[of], seq[of] + start) & 0xFFFFFFFF).astype(np.uint32)
    rows["ack"] = (np.where(is_ack, seq[of] + sent, ack[of]) & 0xFFFFFFFF).astype(np.uint32)
    rows["length"] = np.where(is_ack, 0, sent - start)
    data_at = len(_PADDING) + np.cumsum(length) - length
    rows["offset"] = np.where(rows["length"] > 0, data_at[of] + start, 0)

    waited = np.cumsum(np.where(j == 0, pause[of], 12))
    begins = np.flatnonzero(np.append(True, connection[1:] != connection[:-1]))
    base = np.repeat(waited[first[begins]] - pause[begins], np.diff(np.append(first[begins], of.shape[0])))
    rows["us"] = waited - base
    ordered: NDArray[Any] = rows[np.argsort(rows["us"], kind="stable")]
    return ordered


def _write(out: BinaryIO, rows: NDArray[Any], data: bytes) -> int:
    """Write rows as packet records; how many octets their frames have."""
    carried = np.where(rows["length"] > 0, rows["length"], len(_PADDING))
    frame = carried + _FRAME
    from_server = rows["from_server"]
    client, client_port = 0x0A000001 + rows["connection"] % _CLIENTS, 20_000 + rows["connection"] // _CLIENTS
    server = 0xCB007101 + rows["connection"] % 200
    heads = _heads(len(rows), rows["us"], frame)
    heads["total_len"] = 40 + rows["length"]
    heads["src"], heads["dst"] = np.where(from_server, (server, client), (client, server))
    heads["src_port"] = np.where(from_server, 80, client_port)
    heads["dst_port"] = np.where(from_server, client_port, 80)
    for name in ("seq", "ack", "flags"):
        heads[name] = rows[name]

    head, size, view = memoryview(heads.tobytes()), _HEADERS.itemsize, memoryview(data)
    parts: list[Any] = [None] * (2 * len(rows))
    parts[::2] = [head[at : at + size] for at in range(0, len(head), size)]
    starts = rows["offset"]
    parts[1::2] = [view[a:b] for a, b in zip(starts.tolist(), (starts + carried).tolist(), strict=True)]
    out.write(b"".join(parts))
    return int(frame.sum())


def _heads(n: int, us: NDArray[np.int64], frame: NDArray[np.int64] | int) -> NDArray[Any]:
    """Headers of ``n`` packets; addresses, ports, numbers and flags are left to the caller."""
    heads = np.zeros(n, _HEADERS)
    heads["sec"], heads["usec"] = us // 1_000_000, us % 1_000_000
    heads["cap_len"] = heads["wire_len"] = frame
    heads["eth_dst"], heads["eth_src"] = (2, 0, 0, 0, 0, 1), (2, 0, 0, 0, 0, 2)
    heads["ether_type"], heads["version_ihl"], heads["ttl"], heads["proto"] = 0x0800, 0x45, 64, 6
    heads["data_offset"], heads["window"] = 0x50, 0xFFFF
    return heads


def write_flood(path: Path, packets: int, seed: int = 1) -> Generated:
    """Write a flood of SYNs to one server, from random addresses and ports, in frames of 64 octets."""
    words = np.random.PCG64(seed).random_raw(2 * packets)  # raw: the same in every version of numpy
    source, seq = words[::2], words[1::2]
    frame = _FRAME + len(_SYN_OPTIONS)
    syns = np.zeros(packets, [("head", _HEADERS), ("options", "u1", len(_SYN_OPTIONS))])
    heads = _heads(packets, _BEGIN_US + np.arange(packets), frame)
    heads["total_len"] = 48
    heads["src"], heads["src_port"] = source & 0xFFFFFFFF, (source >> 32) & 0xFFFF
    heads["dst"], heads["dst_port"] = 0xCB007101, 80
    heads["seq"], heads["flags"], heads["data_offset"] = seq & 0xFFFFFFFF, _SYN, 0x70
    syns["head"] = heads
    syns["options"] = np.frombuffer(_SYN_OPTIONS, np.uint8)
    with path.open("wb") as out:
        out.write(_FILE_HEADER)
        syns.tofile(out)
    return Generated(packets, packets * frame, len(np.unique(source & 0xFFFFFFFFFFFF)), 0)


def main() -> None:
    """Write one capture; print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("http", "flood"))
    parser.add_argument("path", type=Path)
    parser.add_argument("packets", type=int)
    options = parser.parse_args()
    write = write_http if options.kind == "http" else write_flood
    print(json.dumps(asdict(write(options.path, options.packets))))


if __name__ == "__main__":
    main()
