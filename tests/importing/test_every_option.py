import pytest

from signatures.document import Documents
from signatures.importing.rules import RuleOptions
from signatures.importing.tables import write_signatures
from signatures.model import Category, Severity, Signature
from tests.importing.build import RULES, imported

TEXT = RULES.read_text(encoding="utf-8")


def expected() -> dict[int, str]:
    """What becomes of the rule on each line."""
    lines = TEXT.split("\n")
    return {number + 1: line[3:] for number, line in enumerate(lines, 1) if line.startswith("#= ")}


def test_each_rule_comes_in_or_is_refused_by_its_option() -> None:
    result = imported(TEXT)
    became = {int(each.source.rpartition(":")[2]): "ok" for each in result.signatures}
    became |= {each.line: each.option for each in result.refusals}
    assert became == expected()
    assert len(became) > 80


def test_every_line_is_accounted_for() -> None:
    result = imported(TEXT)
    refused = sum(refusal.lines for refusal in result.refusals)
    assert sum(result.lines) + refused + result.passed_over == len(TEXT.splitlines())
    assert result.read == len(expected()) == result.came + sum(number for _, number in result.options())


def test_what_is_written_is_read_back_the_same() -> None:
    result = imported(TEXT)
    documents = Documents()
    documents.add(write_signatures(result.signatures, {"name": "test"}).encode(), "out.toml")
    read = documents.complete()
    assert documents.problems == []
    assert read.files[0].name == "test"
    assert [plain(each) for each in read] == [plain(each) for each in result.signatures]


def plain(signature: Signature) -> dict[str, object]:
    return {name: getattr(signature, name) for name in Signature.__dataclass_fields__ if name != "source"}


def test_what_a_rule_says_of_itself() -> None:
    first = imported(TEXT).signatures[0]
    assert (first.sid, first.rev, first.title("ja")) == (2000001, 3, "sticky buffers")
    assert (first.category, first.severity) == (Category.MALWARE, Severity.CRITICAL)
    assert first.references == ("http://example.com/a", "CVE-2024-1")


def test_variables_that_were_used_are_told() -> None:
    options = RuleOptions((("HOME_NET", "192.0.2.0/24"),))
    result = imported(
        'alert http $HOME_NET any -> $EXTERNAL_NET any (http.uri; content:"/x"; sid:1;)', options
    )
    assert result.variables == (("HOME_NET", "192.0.2.0/24"), ("EXTERNAL_NET", "!$HOME_NET"))
    (signature,) = result.signatures
    assert signature.src_networks == ("192.0.2.0/24",)
    assert signature.dst_networks == ("!192.0.2.0/24",)


def test_sids_can_be_moved_out_of_the_shipped_ones() -> None:
    rule = 'alert http any any -> any any (http.uri; content:"/x"; sid:1000001;)'
    assert imported(rule).options() == [("sid", 1)]
    assert imported(rule, RuleOptions(sid_offset=2_000_000)).signatures[0].sid == 3_000_001


@pytest.mark.parametrize("option", ["offset:4;", "depth:9;", "startswith;"])
def test_places_in_a_stream_are_taken_when_asked_for(option: str) -> None:
    rule = f'alert tcp any any -> any any (content:"RFB 003."; {option} sid:1;)'
    assert imported(rule).came == 0
    assert imported(rule, RuleOptions(stream_start=True)).came == 1
