"""A worker's work, so that it can be done with rights and without."""

import gc
import hashlib
import random
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import brotli
import numpy as np
import zstandard

from exporter.eve import EveWriter
from sensor.capture.batch import Batch
from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.protocols.content_coding import decode_content
from sensor.worker.memory import ResidentMemory
from sensor.worker.preload import preload
from signatures.loader import load_signatures
from tests.golden.replay import SIGNATURES

_TEXT = b"watch the dog " * 1000
_GROWTH = 300 << 20


def prepare(folder: Path) -> tuple[Callable[[], dict[str, Any]], list[int]]:
    """Load what the work needs.

    :returns: the work, which needs nothing but memory and the descriptors that are returned with it.
    """
    signatures = load_signatures([SIGNATURES], builtin=True).signatures
    preload()
    loaded = set(sys.modules)
    batches = [
        replace(batch, octets=batch.octets.copy())
        for capture in open_captures([str(folder)])
        for batch in capture
    ]
    bodies = {
        b"gzip": zlib.compress(_TEXT, wbits=31),
        b"deflate": zlib.compress(_TEXT),
        b"br": brotli.compress(_TEXT),
        b"zstd": zstandard.ZstdCompressor().compress(_TEXT),
    }
    resident = ResidentMemory(0)
    imported = set(sys.modules) - loaded

    def do() -> dict[str, Any]:
        loaded = set(sys.modules)  # confine() may import
        events = _events(compile_signatures(signatures), batches)
        results = {
            "events": hashlib.sha256(events).hexdigest(),
            "alerts": events.count(b'"event_type":"alert"'),
            "bodies": {
                coding.decode(): decode_content(body, coding, 1 << 20) == (_TEXT, "")
                for coding, body in bodies.items()
            },
            "traceback": _traceback(),
            "grown": _grow_and_shrink(),
            "clock": abs(time.time() - time.time_ns() / 1e9) < 60 and len(time.ctime()) > 0,
            "random": random.SystemRandom().random() < 1,
            "resident": resident() > 0,
            "collected": gc.collect() >= 0,
        }
        return {**results, "imported": sorted(imported | set(sys.modules) - loaded)}

    assert resident.descriptor is not None
    return do, [resident.descriptor]


def _events(plan: MatchPlan, batches: list[Batch]) -> bytes:
    """Every event as EVE JSON, as if the captures were one."""
    lines = BytesIO()
    eve = EveWriter(lines)
    pipeline = Pipeline(Settings(), plan, want_flows=True)
    for batch in batches:
        for results in pipeline.process(batch):
            eve.write(results)
    for results in pipeline.finish():
        eve.write(results)
    return lines.getvalue()


def _traceback() -> bool:
    """Whether an exception and a warning can be told of; their source lines can't be read any more."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("something", stacklevel=1)
    warnings.formatwarning(caught[0].message, UserWarning, caught[0].filename, caught[0].lineno)
    try:
        np.frombuffer(b"abc", np.int64)
    except ValueError:
        return "ValueError" in traceback.format_exc()
    return False


def _grow_and_shrink() -> bool:
    """Take memory in large and in small pieces, and give it back."""
    large = np.ones(_GROWTH // 2, np.uint8)
    small = [bytes(1000) for _ in range(_GROWTH // 2000)]
    large = np.append(large, large[:1000])
    return len(large) + len(small) > 0
