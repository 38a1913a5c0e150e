"""Whether Hyperscan takes a regex, and what it says where it does not."""

import hyperscan

from signatures.encodings import regex_expression

REGEX_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH
"""Once per value or stream is enough, and keeps ``.*`` from matching at every octet."""

_NO_OCTET = (b"", b"a", b" ", b"\n")
"""Whatever a match of no octets can stand before: assertions tell only the end, word octets, others, and the
line feed apart."""


def regex_flags(case_sensitive: bool) -> int:
    """Hyperscan's flags for a regex of a signature."""
    return int(REGEX_FLAGS | (0 if case_sensitive else hyperscan.HS_FLAG_CASELESS))


def regex_fault(regex: str, case_sensitive: bool, stream: bool) -> str:
    """Why ``regex`` can't be used, empty if it can.

    :param stream: whether it must work across the segments of a stream as well.
    """
    if regex.startswith("(*"):
        return "(*…) would change what all of it means: octets are matched, never characters"
    try:
        expression = regex_expression(regex)
        modes = [hyperscan.HS_MODE_BLOCK] + [hyperscan.HS_MODE_STREAM] * stream
        for mode in modes:
            database = hyperscan.Database(mode=mode)
            database.compile(
                expressions=[expression], ids=[0], elements=1, flags=[regex_flags(case_sensitive)]
            )
        if _takes_no_octet(expression):
            return "it matches where there is no octet, in an absent field too: have it take one at least"
    except ValueError as error:
        return str(error)
    except hyperscan.HyperscanError as error:
        fault = str(error).rstrip(".")
        return "it matches the empty text, and so everything" if "empty buffer" in fault else fault
    return ""


def _takes_no_octet(expression: bytes) -> bool:
    """Whether a match may end where its text starts; Hyperscan itself refuses the plainest of these."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    # Every match, as the first that is reported may be a longer one.
    database.compile(expressions=[expression], ids=[0], elements=1, flags=[0])
    ends: list[int] = []
    for text in _NO_OCTET:
        database.scan(text, match_event_handler=lambda _id, _start, end, _flags, _context: ends.append(end))
    return 0 in ends
