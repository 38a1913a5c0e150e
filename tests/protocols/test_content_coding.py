import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.content_coding import decode_content
from sensor.protocols.http1 import Http1Limits, Http1Parser
from sensor.protocols.transaction import HttpTransaction
from tests.protocols.http1_cases import GET


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return coder.compress(data) + coder.flush()


CODERS = [
    (b"gzip", gzip.compress),
    (b"X-GZIP", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", raw_deflate),
    (b"br", brotli.compress),
    (b"zstd", zstandard.compress),
    (b"gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    (b"identity", bytes),
    (b"", bytes),
]
TEXT = "遠隔操作のご案内 ".encode() * 3000


@pytest.mark.parametrize(("coding", "encode"), CODERS)
def test_round_trip_cut_and_limit(coding: bytes, encode: Callable[[bytes], bytes]) -> None:
    assert decode_content(encode(TEXT), coding, 1 << 20) == (TEXT, "")
    decoded, _ = decode_content(encode(TEXT), coding, 1000)
    assert decoded == TEXT[:1000]
    part, wrong = decode_content(encode(TEXT)[:-8], coding, 1 << 20)
    assert TEXT.startswith(part)
    assert wrong == ""


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
@given(data=st.binary(max_size=300))
def test_garbage_is_returned_or_decoded_within_the_limit(coding: bytes, data: bytes) -> None:
    decoded, _ = decode_content(data, coding, 50)
    assert len(decoded) <= 50


def test_what_precedes_damage_is_kept() -> None:
    damaged = gzip.compress(TEXT[:4000] + bytes(range(256)) * 30, 9)
    damaged = damaged[: len(damaged) - 40] + b"\xff" * 40
    decoded, wrong = decode_content(damaged, b"gzip", 1 << 20)
    assert decoded.startswith(TEXT[:4000])
    assert wrong == "http.decompression_failed"


def test_gzip_members() -> None:
    assert decode_content(gzip.compress(b"a") + gzip.compress(b"b"), b"gzip", 100) == (b"ab", "")


def test_bomb() -> None:
    bomb = zlib.compress(bytes(1 << 20))
    decoded, wrong = decode_content(bomb, b"deflate", 1 << 19)
    assert len(decoded) == 1 << 19
    assert wrong == "http.compression_bomb"


def test_unknown_and_stacked() -> None:
    assert decode_content(b"abc", b"sdch", 10) == (b"abc", "http.abnormal_ce_header")
    assert decode_content(b"abc", b"gzip, gzip, gzip", 10) == (b"abc", "http.too_many_encoding_layers")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Transfer-Encoding: gzip, chunked\r\n", gzip.compress(TEXT)),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", gzip.compress(TEXT)),
        (b"Transfer-Encoding: identity, chunked\r\n", TEXT),
        (
            b"Transfer-Encoding: gzip, chunked\r\nContent-Encoding: br\r\n",
            gzip.compress(brotli.compress(TEXT)),
        ),
    ],
)
def test_what_was_done_for_the_transfer_is_undone_first(fields: bytes, body: bytes) -> None:
    sink: list[HttpTransaction] = []
    parser = Http1Parser(Http1Limits(), sink, want_response_body=True)
    head = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"
    octets = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    parser.feed(True, GET, 0, len(GET))
    parser.feed(False, octets, 0, len(octets))
    (transaction,) = sink
    assert transaction.response_body == TEXT
    assert transaction.anomalies == ()


def test_gzip_members_without_content_cost_little() -> None:
    empty = gzip.compress(b"")
    assert decode_content(empty * 500 + gzip.compress(b"last"), b"gzip", 100) == (b"last", "")
    many = empty * 5000
    assert decode_content(many + gzip.compress(b"last"), b"gzip", 100)[1] == "http.decompression_failed"
