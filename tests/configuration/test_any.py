"""Whatever a file holds, it is read or refused in lines; nothing else escapes."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sensor.configuration import check_configuration, show_configuration
from sensor.configuration.keys import TABLES
from tests.configuration.test_read import FULL

SCALARS = st.one_of(
    st.integers(),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=300),
    st.sampled_from(
        ["64MiB", "9" * 5000, "1e9", "[::1]:9477", "::", "a/b", "\0", "ü" * 16, "", "[fe80::1%lo]:1"]
    ),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


def check(octets: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(octets)
        configuration, problems = check_configuration(path)
        last = octets.count(b"\n") + 1
        for problem in problems:
            assert 0 <= problem.line <= last
            assert "\n" not in problem.reason
        if not problems:
            path.write_text(show_configuration(configuration, "ja"), encoding="utf-8")
            assert check_configuration(path)[1] == []


@given(st.data())
def test_any_value_of_any_key(data: st.DataObject) -> None:
    lines = []
    for table, keys in TABLES.items():
        lines.append(f"[{table}]")
        chosen = [name for name in keys if data.draw(st.integers(0, 5)) == 0]
        lines += [f"{name} = {json.dumps(data.draw(VALUES))}" for name in chosen]
    check("\n".join(lines).encode())


@given(st.integers(0, len(FULL)), st.integers(0, 20), st.binary(max_size=8))
def test_any_damage(at: int, length: int, octets: bytes) -> None:
    whole = FULL.encode()
    check(whole[:at] + octets + whole[at + length :])
