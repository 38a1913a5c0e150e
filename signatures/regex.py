"""Whether Hyperscan takes a regex, and what it says where it does not."""

import hyperscan

from signatures.encodings import regex_expression

REGEX_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH
"""Once per value or stream is enough, and keeps ``.*`` from matching at every octet."""


def regex_flags(case_sensitive: bool) -> int:
    """Hyperscan's flags for a regex of a signature."""
    return int(REGEX_FLAGS | (0 if case_sensitive else hyperscan.HS_FLAG_CASELESS))


def regex_fault(regex: str, case_sensitive: bool, stream: bool) -> str:
    """Why ``regex`` can't be used, empty if it can.

    :param stream: whether it must work across the segments of a stream as well.
    """
    try:
        expression = regex_expression(regex)
        modes = [hyperscan.HS_MODE_BLOCK] + [hyperscan.HS_MODE_STREAM] * stream
        for mode in modes:
            database = hyperscan.Database(mode=mode)
            database.compile(
                expressions=[expression], ids=[0], elements=1, flags=[regex_flags(case_sensitive)]
            )
    except ValueError as error:
        return str(error)
    except hyperscan.HyperscanError as error:
        fault = str(error).rstrip(".")
        return "it matches the empty text, and so everything" if "empty buffer" in fault else fault
    return ""
