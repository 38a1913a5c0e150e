"""Every mistake in a file is told with its line and its reason, and no other is."""

from pathlib import Path

import pytest

from signatures.loader import check_files
from signatures.model import Category
from signatures.validate import validate_signature

GOOD = {
    "sid": "9000001",
    "rev": "1",
    "name": '"remote control"',
    "category": '"custom"',
    "severity": '"low"',
    "buffers": '["payload"]',
    "keywords": '["anydesk"]',
}


def problems(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "file.toml"
    path.write_text(text, encoding="utf-8")
    found = check_files([path], builtin=False).problems
    assert {problem.file for problem in found} <= {str(path)}
    return [(problem.line, problem.reason) for problem in found]


def table(**changes: str | None) -> str:
    """A sound table with some keys set otherwise, or left out; line 1 is its header."""
    keys = GOOD | changes
    return "[[signature]]\n" + "".join(
        f"{key} = {value}\n" for key, value in keys.items() if value is not None
    )


MISTAKES = [
    ("sid", "0", "sid must be from 1 to 2147483648"),
    ("sid", "2147483649", "sid must be from 1 to 2147483648"),
    ("sid", '"1"', "sid must be an integer, not a string"),
    ("sid", "true", "sid must be an integer, not a boolean"),
    ("sid", "1.0", "sid must be an integer, not a float"),
    ("sid", "1979-05-27", "sid must be an integer, not a date or time"),
    ("rev", "0", "rev must be from 1 to 2147483648"),
    ("rev", "[]", "rev must be an integer, not an array"),
    ("name", '" "', "name is empty"),
    ("name", "{}", "name is empty"),
    ("name", "1", "name must be a string or a table of ja and en"),
    ("name", '{ en = "x", fr = "y" }', "unknown key 'fr' (known: ja, en)"),
    ("name", "{ ja = 1 }", "name.ja must be a string, not an integer"),
    ("name", f'"{"x" * 1025}"', "name is longer than 1024 characters"),
    (
        "category",
        '"remote-operations"',
        "unknown category 'remote-operations' (did you mean remote-operation?)",
    ),
    ("category", f'"{"x" * 65}"', f"unknown category '{'x' * 64}' (known: {', '.join(Category)})"),
    ("category", "{}", "category must be a string, not a table"),
    ("severity", '"hihg"', "unknown severity 'hihg' (did you mean high?)"),
    ("severity", '"x"', "unknown severity 'x' (known: low, medium, high, critical)"),
    ("severity", "3", "severity must be a string, not an integer"),
    ("buffers", '["http.url"]', "unknown buffer 'http.url' (did you mean http.uri?)"),
    ("buffers", "[]", "buffers is empty"),
    ("buffers", '"payload"', "buffers must be an array of strings, not a string"),
    ("buffers", '["payload", "payload"]', "buffers holds 'payload' twice"),
    ("keywords", '["ok", ""]', "an empty keyword matches everywhere"),
    ("keywords", '["ok", "a"]', "keyword 'a' is one octet: payload would match all the time"),
    ("keywords", '["ok", "ok"]', "keywords holds 'ok' twice"),
    ("keywords", f'["{"あ" * 65}"]', f"keyword '{'あ' * 16}'… is longer than 64 characters"),
    ("keywords", f'["{"𠮷" * 64}"]', f"keyword '{'𠮷' * 16}'… is longer than 255 octets in UTF-8"),
    ("keywords", '["ok", 1]', "keywords must hold strings only, not an integer"),
    ("keywords", '"ok"', "keywords must be an array of strings, not a string"),
    (
        "regexes",
        "['ok', 'a(b']",
        "regex 'a(b' can't be used: Missing close parenthesis for group started at index 1",
    ),
    ("regexes", r"['(a)\1']", r"regex '(a)\\1' can't be used: Back-references are unsupported"),
    (
        "regexes",
        r"['a*']",
        "regex 'a*' can't be used: it matches the empty text, and so everything",
    ),
    (
        "regexes",
        "['[あい]']",
        "regex '[あい]' can't be used: a class takes single octets, 'あ' is several: write (?:…|…)",
    ),
    (
        "regexes",
        r"['\Qあ\E']",
        r"regex '\\Qあ\\E' can't be used: \Q and (?# can't be used together with characters outside ASCII",
    ),
    ("regexes", f"['{'x' * 1025}']", f"regex '{'x' * 16}'… is longer than 1024 characters"),
    (
        "domains",
        '["Example.com"]',
        "'Example.com' must be a name as example.com, in lower case (xn--… for others)",
    ),
    ("domains", '["com"]', "'com' must be a name as example.com, in lower case (xn--… for others)"),
    ("domains", '["a..com"]', "'a..com' must be a name as example.com, in lower case (xn--… for others)"),
    ("domains", '["a-.com"]', "'a-.com' must be a name as example.com, in lower case (xn--… for others)"),
    (
        "domains",
        '["*.example.com"]',
        "'*.example.com' must be a name as example.com, in lower case (xn--… for others)",
    ),
    ("domains", '["example.com"]', "domains can be looked for in dns.query, http.host, tls.sni only"),
    ("case_sensitive", '"yes"', "case_sensitive must be true or false, not a string"),
    ("src_ports", '"80-"', "src_ports takes ports as 80 or \"8000-8100\", not '80-'"),
    ("src_ports", "true", "src_ports takes ports as 80 or \"8000-8100\", not 'True'"),
    ("src_ports", "[]", "src_ports is empty; leave it out for any port"),
    ("dst_ports", '[80, "9-8"]', "dst_ports must be from 0 to 65535, the lower port first"),
    ("dst_ports", "65536", "dst_ports must be from 0 to 65535, the lower port first"),
    ("direction", '"to_sever"', "unknown direction 'to_sever' (did you mean to_server?)"),
    ("depth", "-1", "depth must be from 0 to 2147483648"),
    ("references", "[1]", "references must hold strings only, not an integer"),
    ("references", '["a", ""]', "references is empty"),
    ("name", '"\\u001b[2J"', "name holds a control character"),
    ("description", '{ ja = "a\\u009bb" }', "description.ja holds a control character"),
    ("description", "[]", "description must be a string or a table of ja and en"),
    ("sevrity", '"low"', "unknown key 'sevrity' (did you mean severity?)"),
]


@pytest.mark.parametrize(("key", "value", "reason"), MISTAKES, ids=lambda part: str(part)[:24])
def test_one_mistake(tmp_path: Path, key: str, value: str, reason: str) -> None:
    """The line is the key's, in the second table, behind a text that imitates one."""
    decoy = 'description = """\n[[signature]]\nsid = 3\n"""\n'
    before = table(sid="1") + decoy
    found = problems(tmp_path, before + table(**{key: value}))
    at = before.count("\n") + 2 + list(GOOD | {key: value}).index(key)
    if key == "domains" and "only" not in reason:
        found.remove((at, "domains can be looked for in dns.query, http.host, tls.sni only"))
    assert found == [(at, reason)]


@pytest.mark.parametrize("key", ["sid", "rev", "name", "category", "severity", "buffers"])
def test_key_missing(tmp_path: Path, key: str) -> None:
    assert problems(tmp_path, "\n" + table(**{key: None})) == [(2, f"{key} is missing")]


def test_nothing_to_look_for(tmp_path: Path) -> None:
    reason = "no keywords, contents, regexes or domains: nothing to look for"
    assert problems(tmp_path, table(keywords=None)) == [(1, reason)]
    assert problems(tmp_path, table(keywords="[]")) == [(1, reason)]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\n" + table(), 1, "unknown key 'x' (known: signature, set, override)"),
        (table() + "[sets]\n", 9, "unknown key 'sets' (did you mean set?)"),
        ("[set]\nname = 1\n" + table(), 2, "name must be a string, not an integer"),
        ('[set]\nlicence = "x"\n' + table(), 2, "unknown key 'licence' (did you mean license?)"),
        ("set = 1\n" + table(), 1, "set must be a table, not an integer"),
        ("\nsignature = 1\n", 2, "signature must be written as [[signature]] tables"),
        ("[signature]\nsid = 1\n", 1, "signature must be written as [[signature]] tables"),
        ("[[signature]]\nsid = \n", 2, "is not TOML: Invalid value"),
        ('a = """\n', 2, "is not TOML: Unterminated string (at end of document)"),
        (table() + "sid = 2\n", 9, "is not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 100_000, 0, "is nested too deep"),
    ],
)
def test_the_file_as_a_whole(tmp_path: Path, text: str, line: int, reason: str) -> None:
    assert problems(tmp_path, text) == [(line, reason)]


def test_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    found = problems(tmp_path, "a = " + "9" * 5000)
    assert len(found) == 1
    assert found[0][1].startswith("is not TOML: Exceeds the limit")


def test_all_mistakes_at_once_in_order_of_line(tmp_path: Path) -> None:
    text = table(sid="0", keywords='["a"]', severity='"x"') + table(rev="0") + table(sid="0")
    assert [line for line, _ in problems(tmp_path, text)] == [2, 6, 8, 11, 18]


class Counted(str):
    """A string that counts how often it is compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_one_entry_twice_among_many_is_found_in_few_steps() -> None:
    entries = [Counted(f"keyword {number}") for number in range(2000)]
    reasons: list[str] = []
    validate_signature(
        {"keywords": [*entries, Counted(entries[-1])]}, "", lambda _key, reason: reasons.append(reason)
    )
    assert "keywords holds 'keyword 1999' twice" in reasons
    assert Counted.comparisons < 10 * len(entries)
