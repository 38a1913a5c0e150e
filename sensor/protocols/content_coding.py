"""Content codings of HTTP (RFC 9110, section 8.4.1; br RFC 7932; zstd RFC 8878), undone within bounds.

A body that decodes to more than the limit is cut there, so a compression bomb costs no more than the
limit, in work and in memory.
"""

import zlib
from collections.abc import Callable

import brotli
import zstandard

MAX_CODINGS = 2
"""Stacked codings that are undone, as in Suricata's default."""

BOMB_RATIO = 100
"""A body cut at the limit that grew by more than this is called a bomb; text compresses 3 to 20 times."""

_MAX_MEMBERS = 1024  # of a gzip body; bgzip's hold 64 KiB each, empty ones only cost
_STEP = 4096  # octets fed at once; after damage, this many are fed again one by one
_ZSTD_WINDOW = 8 << 20  # RFC 8878, section 3.1.1.1.2: what a decoder should support
_GZIP, _ZLIB, _RAW = 31, 15, -15


def decode_content(body: bytes, coding: bytes, limit: int) -> tuple[bytes, str]:
    """Undo the codings of a body.

    :param coding: the Content-Encoding value, empty for none.
    :param limit: octets that are kept of the result and of every stage.
    :returns: what could be decoded, and the name of what was wrong, empty if nothing was. A body cut
        short yields what it holds and is not wrong; one in an unknown coding is returned as it is.
    """
    names = [name for part in coding.split(b",") if (name := part.strip().lower()) not in (b"", b"identity")]
    if len(names) > MAX_CODINGS:
        return body[:limit], "http.too_many_encoding_layers"
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            return body[:limit], "http.abnormal_ce_header"
        decoded, sound = decoder(body, limit)
        if not sound:
            return decoded or body[:limit], "http.decompression_failed"
        if len(decoded) >= limit and len(decoded) > BOMB_RATIO * len(body):
            return decoded, "http.compression_bomb"
        body = decoded
    return body[:limit], ""


def _inflate(body: bytes, limit: int, window: int) -> tuple[bytes, bool]:
    """Undo one zlib stream, or gzip members one after another (RFC 1952, section 2.2)."""
    out = bytearray()
    pos = 0
    for _ in range(_MAX_MEMBERS):
        if pos >= len(body) or len(out) >= limit:
            return bytes(out), True
        decoder = zlib.decompressobj(window)
        while pos < len(body) and not decoder.eof and len(out) < limit:
            step = body[pos : pos + _STEP]
            before = decoder.copy()
            try:
                out += decoder.decompress(step, limit - len(out))
            except zlib.error:
                _salvage(before, step, out, limit)
                return bytes(out), False
            pos += len(step)
        pos -= len(decoder.unused_data)
        if not decoder.eof or body[pos : pos + 2] != b"\x1f\x8b":
            return bytes(out), True
    return bytes(out), False


def _salvage(decoder: "zlib._Decompress", step: bytes, out: bytearray, limit: int) -> None:
    """Decode the octets of ``step`` that stand before the damage in it."""
    for at in range(len(step)):
        if len(out) >= limit:
            return
        try:
            out += decoder.decompress(step[at : at + 1], limit - len(out))
        except zlib.error:
            return


def _gunzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    return _inflate(body, limit, _GZIP)


def _deflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    """The zlib format by RFC 9110, raw deflate by what some servers send."""
    is_zlib = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    if is_zlib:
        decoded, sound = _inflate(body, limit, _ZLIB)
        if sound or decoded:
            return decoded, sound
    return _inflate(body, limit, _RAW)


def _unbrotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    out = bytearray()
    decoder = brotli.Decompressor()
    try:
        for pos in range(0, len(body), _STEP):
            out += decoder.process(body[pos : pos + _STEP], output_buffer_limit=limit - len(out))
            # The limit is not exact: a decoder holding more output must be asked again before it is fed.
            while not decoder.can_accept_more_data() and len(out) < limit:
                out += decoder.process(b"", output_buffer_limit=limit - len(out))
            if len(out) >= limit or decoder.is_finished():
                break
    except brotli.error:
        return bytes(out[:limit]), False
    return bytes(out[:limit]), True


def _unzstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    out = bytearray()
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            while len(out) < limit:
                piece = reader.read(min(_STEP, limit - len(out)))
                if not piece:
                    break
                out += piece
    except zstandard.ZstdError:
        return bytes(out), False
    return bytes(out), True


_DECODERS: dict[bytes, Callable[[bytes, int], tuple[bytes, bool]]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _deflate,
    b"br": _unbrotli,
    b"zstd": _unzstd,
}
