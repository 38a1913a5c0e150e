"""Signatures and values over so few octets that keywords occur, overlap, and nearly occur."""

from hypothesis import strategies as st

from signatures.model import Buffer, Signature
from tests.signatures.build import signature

# Both cases; the octets of あ (E3 81 82) and い (E3 81 84), alone too; what separates and ends names.
OCTETS = (b"a", b"A", b"b", b"B", b"c", b"\n", b".", b":", b"\x00", b"\xe3", b"\x81", b"\x82", "い".encode())
VALUES = st.lists(st.sampled_from(OCTETS), max_size=24).map(b"".join)
KEYWORDS = st.text("abAcあ.\n\0", min_size=1, max_size=5)
REGEXES = st.sampled_from(("^ab", "a+b", "b[^c]{1,3}c", "(?:ab|ba)\\x00", "あ{2}", "\\xe3(?-i:b)", "^[^a]b"))
"""Simple enough for :mod:`re` to agree; ``あ{2}`` must be spelt out for it, see ``spelt``."""

DOMAINS = st.sampled_from(("a.b", "b.ab", "ab.a.b"))


def spelt(regex: str) -> str:
    """``regex`` as :mod:`re` needs it for octets."""
    return regex.replace("あ", "(?:あ)")


@st.composite
def signatures(
    draw: st.DrawFn, buffer: Buffer, *, regexes: bool = False, domains: bool = False
) -> list[Signature]:
    """One to four signatures of ``buffer``."""
    return [
        signature(
            sid=number + 1,
            buffers=(buffer,),
            contents=tuple(each.encode() for each in draw(st.lists(KEYWORDS, max_size=3, unique=True))),
            regexes=tuple(draw(st.lists(REGEXES, max_size=2, unique=True))) if regexes else (),
            domains=tuple(draw(st.lists(DOMAINS, max_size=2, unique=True))) if domains else (),
            case_sensitive=draw(st.booleans()),
            depth=draw(st.sampled_from((0, 0, 1, 4, 9))),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
