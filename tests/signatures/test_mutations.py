"""Shipped files, mutated: the fuzz target's invariant, on near-valid TOML."""

from hypothesis import given
from hypothesis import strategies as st

from signatures.loader import BUILTIN
from tests.fuzz.fuzz_signatures import one

TABLES = [
    "[[signature]]" + table.replace("sid = 1", "sid = 2")  # the former are of shipped files alone
    for path in sorted(BUILTIN.glob("*.toml"))
    for table in path.read_text(encoding="utf-8").split("[[signature]]")[1:]
]
PIECES = (
    *('"', "'", '"""', "'''", "[", "]", "[[", "{", "}", "\\", "\n", "=", ".", ",", "#", "-", "\r\n", "\0"),
    *("\\u0000", "あ", "nan", "1e400", "-1", "9" * 30, "true", "1979-05-27", "[[signature]]\n", "[set]\n"),
    *(
        "[[signature.all]]\n",
        "[[signature.none]]\n",
        "distance = 0\n",
        "[[override]]\n",
        "[signature.tests]\n",
    ),
    *(
        "keywords",
        "contents",
        "regexes",
        "domains",
        "buffers",
        '"http.uri"',
        "name",
        "depth = 1\n",
        "'a|b*'",
        "'\\Qa'",
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """One or two tables with pieces put in, taken out, or put in place of others."""
    text = "".join(draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 12))
        text = text[:at] + draw(st.sampled_from(("", *PIECES))) + text[at + cut :]
    return text


@given(mutated())
def test_mutated_text(text: str) -> None:
    one(text.encode())


@given(mutated(), st.integers(0, 4000), st.binary(max_size=4))
def test_mutated_octets(text: str, at: int, octets: bytes) -> None:
    data = text.encode()
    one(data[:at] + octets + data[at + len(octets) :])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=16))
def test_any_regex(regex: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in regex)
    head = 'sid = 1\nrev = 1\nname = "x"\ncategory = "custom"\nseverity = "low"\n'
    one(f'[[signature]]\n{head}buffers = ["payload", "http.uri"]\nregexes = ["{quoted}"]\n'.encode())
