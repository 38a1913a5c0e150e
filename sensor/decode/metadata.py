"""Cisco MetaData (CMD): a header behind EtherType 0x8909 that carries a security group tag.

Version, length, then options of a length and type, and a value each; only the one with a security
group tag is in use, so the header is 6 octets long and the true EtherType follows.
"""

import numpy as np

from sensor.arrays import gather
from sensor.decode.ethertype import dispatch_ethertype
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Rows, Walk

HEADER = np.dtype(
    [
        ("version", "u1"),
        ("length", "u1"),
        ("option", ">u2"),
        ("value", ">u2"),
        ("ethertype", ">u2"),
    ]
)
_VERSION = 1


def decode_metadata(walk: Walk, rows: Rows) -> None:
    """Skip the tag."""
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.METADATA_HEADER_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    good = (header["version"] == _VERSION) & (header["length"] == 1)
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.METADATA_UNSUPPORTED_OPTION)
    dispatch_ethertype(walk, rows.skip(HEADER.itemsize), header["ethertype"].astype(np.uint16))
