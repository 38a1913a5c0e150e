"""Internationalised labels of host names (RFC 3492, RFC 5890): ``xn--`` and what follows it, shown as UTF-8.

A label is found wherever it stands: in names with dots, and behind the length octet that DNS puts before it.
"""

from sensor.matching.views.characters import listed
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"-"
"""What stands behind the first ``-`` of ``xn--``."""
_LABEL_MAX = 63
"""RFC 1035 section 2.3.4."""
_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"
_LABELS_BASE = 256
_OCTETS_PER_LABEL = 256
"""Labels that are read of one source: some hundred, and one for so many octets; each that was not read before
takes up to 50 microseconds."""


def punycode_labels(leads: Leads) -> Escapes:
    """Labels among ``leads``, places of ``-``."""
    leads = Leads(leads.octets, leads.start - 2, leads.run, leads.floor, leads.limit)
    leads = leads.where(
        (leads.start >= leads.floor)
        & (leads.at(0) | 0x20 == ord("x"))
        & (leads.at(1) | 0x20 == ord("n"))
        & (leads.at(3) == ord("-"))
    )
    bound = _LABELS_BASE + leads.octets.shape[0] // _OCTETS_PER_LABEL
    left_out = max(0, len(leads) - bound)
    octets = leads.octets.data
    start: list[int] = []
    end: list[int] = []
    row: list[int] = []
    meant: list[bytes] = []
    known: dict[bytes, bytes | None] = {}
    columns = (leads.start[:bound], leads.before()[:bound], leads.limit[:bound])
    for number, (at, before, limit) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if end and at < end[-1]:
            continue
        label = _label(bytes(octets[at : min(limit, at + _LABEL_MAX)]), before)
        if label not in known:
            known[label] = _decode(label)
        text = known[label]
        if text is not None:
            start.append(at)
            end.append(at + len(label))
            row.append(number)
            meant.append(text)
    return listed(leads, row, start, end, meant, left_out)


def _label(octets: bytes, before: int) -> bytes:
    """The label that ``octets`` begin with; DNS's next length octet may look like a letter of it."""
    size = len(octets) - len(octets.lstrip(_LETTERS))
    return octets[: before if 4 < before <= size else size]


def _decode(label: bytes) -> bytes | None:
    try:
        return label[4:].lower().decode("punycode").encode()
    except UnicodeError:
        return None
