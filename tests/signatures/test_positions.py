"""Lines of tables and keys, in whatever way the file is laid out."""

import pytest

from signatures.positions import find_headers, find_positions

TEXT = '''\
# [[signature]]
title = "[[signature]]"
[[signature]]
sid = 1
note = """
[[signature]]
sid = 2 \\"""
"""
other = \'\'\'
rev = 1
\'\'\'
keywords = [
  "sid = 3",
  'rev = 4', # rev = 5
]
quotes = """ends in two quotes"""""
rev = 6
  [[ signature ]]  # the second
    sid = 7
    [signature.name]
    ja = "x"
[set]
name = "y"
[[signature]]
name.en = "dotted"
'''


def test_layouts() -> None:
    positions = find_positions(TEXT)
    assert [place.line for place in positions.signatures] == [3, 18, 24]
    first, second, third = positions.signatures
    assert first.keys == {"sid": 4, "note": 5, "other": 9, "keywords": 12, "quotes": 16, "rev": 17}
    assert second.keys == {"sid": 19, "name": 20, "name.ja": 21}
    assert third.keys == {"name": 25, "name.en": 25}
    assert positions.top.keys == {"title": 2, "set": 22, "set.name": 23}


@pytest.mark.parametrize(("key", "line"), [("sid", 4), ("missing", 3), ("", 3)])
def test_a_key_that_is_not_there_is_at_its_table(key: str, line: int) -> None:
    assert find_positions(TEXT).signature(0).of(key) == line


def test_a_signature_without_a_header_is_at_the_top() -> None:
    positions = find_positions("signature = [{ sid = 1 }]\n")
    assert positions.signature(0).of("sid") == 1


QUOTED = """\
"title" = "x"
[["signature"]]
"sid" = 1
'rev' = 2
keywords = [
["signature"],
  ["a", [
[["signature"]]
  ]],
true
]
src_ports = [ # [[signature]]
  80,
]
[[ 'signature' ]]
[ signature . "name" ]
"ja" = "x"
["set"]
"na\\u006de" = "y"
[signature."description"]
en = "of the last signature still"
"""


def test_quoted_names_and_arrays_that_look_like_headers() -> None:
    positions = find_positions(QUOTED)
    assert [place.line for place in positions.signatures] == [2, 15]
    first, second = positions.signatures
    assert first.keys == {"sid": 3, "rev": 4, "keywords": 5, "src_ports": 12}
    assert second.keys == {"name": 16, "name.ja": 17, "description": 20, "description.en": 21}
    assert positions.top.keys == {"title": 1, "set": 18, "set.name": 19}


@pytest.mark.parametrize(
    "line", [" " * 200_000 + "#", "a" * 200_000 + " = 1", '"' + "a." * 100_000 + '" = 1']
)
def test_long_lines_take_time_in_proportion(line: str) -> None:
    assert [place.line for place in find_positions(f"{line}\n[[signature]]\n").signatures] == [2]


NESTED = """\
[[signature]]
sid = 1
[[signature.all]]
depth = 1
[[signature.all]]
depth = 2
within = 3
[signature.schedule]
hours = ["01:00-02:00"]
[[signature.all]]
[signature.all.x]
y = 1
[[override]]
sid = 2
[override.schedule]
hours = 1
[[signature]]
[[signature.all]]
depth = 3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("all", 3),
        ("all.0", 3),
        ("all.0.depth", 4),
        ("all.1.depth", 6),
        ("all.1.offset", 5),
        ("all.2.x.y", 12),
        ("all.2", 10),
        ("schedule.hours", 9),
        ("schedule.hours.0", 9),
        ("none.0.depth", 1),
    ],
)
def test_tables_in_tables(path: str, line: int) -> None:
    assert find_positions(NESTED).signature(0).of(path) == line


def test_tables_after_one_another_are_apart() -> None:
    positions = find_positions(NESTED)
    assert positions.override(0).of("schedule.hours") == 16
    assert positions.signature(1).of("all.0.depth") == 19
    assert positions.override(1) is positions.top


@pytest.mark.parametrize("text", [NESTED, "[[ signature\t]] # x\n\n  [[signature]]\n# [[signature]]\n"])
def test_headers_alone(text: str) -> None:
    places = find_positions(text).signatures
    assert find_headers(text, "signature", len(places)) == tuple(place.line for place in places)


@pytest.mark.parametrize("text", [TEXT, QUOTED])
def test_headers_that_take_reading_all(text: str) -> None:
    assert find_headers(text, "signature", len(find_positions(text).signatures)) == ()
