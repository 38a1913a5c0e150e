"""Dtype aliases and gathers of network-order fields, shared by every columnar stage.

A gather copies the same few octets of every row out of a batch in one numpy operation, so that a
header is read from memory once and its fields are then cheap strided views.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

GUARD = 256
"""Octets that every batch buffer holds past its last packet, so that a fixed-size gather at any
row's start stays inside the buffer. Longer than the longest header gathered at once."""


def gather(octets: U8, offset: I64, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Copy one ``dtype`` record at each offset; unaligned offsets are fine.

    :param octets: (m,) uint8, contiguous.
    :param offset: (n,) int64, each with ``0 <= offset <= m - dtype.itemsize``.
    :param dtype: a structured dtype with network-order (``>``) fields, or a plain one.
    :returns: (n,) of ``dtype``.
    :raises IndexError: if an offset is out of range: a fault of the caller, never of the wire.
    """
    size = dtype.itemsize
    window: NDArray[Any] = np.ndarray(
        (octets.shape[0] - size + 1,), dtype=f"V{size}", buffer=octets, strides=(1,)
    )
    # Indexing, not ndarray.take: take() first makes the overlapping window contiguous.
    records: NDArray[Any] = window[offset].view(dtype)
    return records
