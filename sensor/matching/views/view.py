"""What is scanned in place of octets that stand escaped on the line."""

from dataclasses import dataclass
from enum import StrEnum

from sensor.arrays import I64, U8, Bool


class Form(StrEnum):
    """A way to escape octets; the values are what ``Reading.form`` shows."""

    PERCENT = "percent"
    UNICODE = "unicode"
    HTML = "html"
    QUOTED_PRINTABLE = "quoted-printable"
    ENCODED_WORD = "encoded-word"
    BASE64 = "base64"
    PUNYCODE = "punycode"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The decoded neighbourhoods of one form's escapes."""

    form: Form
    octets: U8
    """(m,) decoded octets, all regions one after another."""
    origin: I64
    """(m,) index in the source of the first octet that each was read from; ascending within a region."""
    origin_end: I64
    """(m,) index behind the last one."""
    region_start: I64
    """(r,) where each region starts in ``octets``; ascending, the regions cover ``octets``."""
    region_end: I64
    region_run: I64
    """(r,) index of the run of the source that each region lies in, ascending."""

    def __len__(self) -> int:
        return int(self.octets.shape[0])

    def seen_through(self, outer: "View") -> "View":
        """This view of ``outer.octets``, made with its regions as runs, as a view of ``outer``'s source."""
        return View(
            self.form,
            self.octets,
            outer.origin[self.origin],
            # The last octet decides; base64's line breaks and soft breaks may leave none behind it.
            outer.origin_end[self.origin_end - 1],
            self.region_start,
            self.region_end,
            outer.region_run[self.region_run],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Escapes:
    """Escapes of one form, ascending, not overlapping, each wholly inside a run."""

    start: I64
    """(n,) index of the first octet of each in the source."""
    end: I64
    run: I64
    """(n,) index of the run that each lies in."""
    octets: U8
    """What they stand for, one after another."""
    length: I64
    """(n,) how many of ``octets`` each stands for."""
    soft: Bool | None = None
    """(n,) whether it is decoded only beside others, and makes no region by itself; None: none is."""
    left_out: int = 0
    """Places that were not looked at because there are too many."""
