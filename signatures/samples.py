"""Samples of a signature: what it says that it matches, and that it does not."""

import codecs
from typing import Final

from sensor.toml import type_name
from signatures.limits import MAX_SAMPLE, MAX_SAMPLES
from signatures.model import Buffer, Sample
from signatures.octets import read_hex
from signatures.values import Fields

TESTS_KEYS: Final = ("match", "no_match")
SAMPLE_KEYS: Final = ("text", "hex", "encoding", "buffer")
ENCODINGS: Final = ("utf-8", "shift_jis", "cp932", "euc-jp", "iso-2022-jp", "utf-16le", "utf-16be")
"""Of a sample's text: the charsets in which keywords are looked for."""


def read_samples(outer: Fields, buffers: tuple[Buffer, ...]) -> tuple[Sample, ...]:
    """``tests``.

    :param buffers: what the signature looks into; a sample that names no buffer is of the first.
    """
    fields = outer.table("tests")
    if fields is None:
        return ()
    fields.only(TESTS_KEYS)
    samples: dict[tuple[Buffer, bytes], Sample] = {}
    for key in TESTS_KEYS:
        for index, entry in enumerate(fields.entries(key, MAX_SAMPLES, "samples")):
            sample = _sample(fields, key, index, entry, buffers)
            if sample is None:
                continue
            known = samples.setdefault((sample.buffer, sample.octets), sample)
            if known is not sample:
                where = "there twice" if known.matches is sample.matches else "in match as well"
                fields.wrong(key, f"sample {index + 1} of {key} is {where}")
    return tuple(samples.values())


def _sample(tests: Fields, key: str, index: int, entry: object, buffers: tuple[Buffer, ...]) -> Sample | None:
    default = buffers[0] if buffers else Buffer.PAYLOAD
    if isinstance(entry, str):
        return _sized(tests, key, Sample(default, entry.encode(), key == "match"))
    if not isinstance(entry, dict):
        tests.wrong(key, f"{key} must hold strings and tables only, not {type_name(entry)}")
        return None
    fields = tests.within(f"{key}.{index}", entry)
    fields.only(SAMPLE_KEYS)
    if ("text" in fields) is ("hex" in fields):
        fields.wrong("", "a sample has either text or hex")
        return None
    octets = _hex(fields) if "hex" in fields else _text(fields)
    buffer = fields.choice("buffer", Buffer, default)
    # Payload may be a whole HTTP request, with several fields that the signature looks into.
    if buffer not in buffers and buffer is not Buffer.PAYLOAD:
        fields.wrong("buffer", f"the signature does not look into {buffer}")
    return None if octets is None else _sized(fields, "", Sample(buffer, octets, key == "match"))


def _sized(fields: Fields, key: str, sample: Sample) -> Sample | None:
    if 0 < len(sample.octets) <= MAX_SAMPLE:
        return sample
    fields.wrong(key, f"a sample must have from 1 to {MAX_SAMPLE} octets")
    return None


def _hex(fields: Fields) -> bytes | None:
    text = fields.value("hex")
    if "encoding" in fields:
        fields.wrong("encoding", "encoding is of text; hex are octets already")
    if not isinstance(text, str):
        fields.wrong("hex", f"hex must be a string, not {type_name(text)}")
        return None
    try:
        return read_hex(text)
    except ValueError as error:
        fields.wrong("hex", f"hex: {error}")
        return None


def _text(fields: Fields) -> bytes | None:
    text = fields.value("text")
    encoding = fields.value("encoding") if "encoding" in fields else ENCODINGS[0]
    if encoding not in ENCODINGS:
        fields.wrong("encoding", f"encoding must be one of {', '.join(ENCODINGS)}")
        return None
    if not isinstance(text, str):
        fields.wrong("text", f"text must be a string, not {type_name(text)}")
        return None
    try:
        return codecs.encode(text, encoding)
    except UnicodeEncodeError:
        fields.wrong(
            "text", f"text holds a character that {encoding} does not have: use hex, or leave it out"
        )
        return None
