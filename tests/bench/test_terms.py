"""The cost of terms is measured on what stands in the files, and told for each set."""

from pathlib import Path

import pytest

from signatures.loader import load_signatures
from tests.bench.generate import write_http
from tests.bench.keywords import Kind, write_signatures
from tests.bench.report import markdown
from tests.bench.results import CaptureResult, Results
from tests.bench.terms import measure_starts, measure_terms
from tests.bench.yardsticks import Capture


@pytest.mark.parametrize("kind", Kind)
def test_a_file_holds_as_many_terms_as_were_asked_for(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "terms.toml"
    write_signatures(path, 25, kind=kind)
    clauses = [each.clauses[0] for each in load_signatures([path], builtin=False)]
    words = {word for clause in clauses for word in clause.keywords}
    literals = {octets.decode() for clause in clauses for octets in clause.contents}

    assert len(words | literals) == 25
    assert (not words, not literals) == (kind is Kind.LITERALS, kind is not Kind.LITERALS)
    ascii_terms = sum(term.isascii() for term in words | literals)
    assert ascii_terms == {Kind.JAPANESE: 0, Kind.MIXED: 12}.get(kind, 25)


@pytest.mark.posix
def test_each_set_is_told_beside_none_and_beside_literals(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    made = write_http(path, 500)
    capture = Capture("http", "tiny", path, made.packets, made.octets)
    starts = measure_starts([2], 1, tmp_path, lambda _: None)
    costs = measure_terms(starts, capture, 1, tmp_path, lambda _: None)

    names = ["no signature", "2 ASCII literals", "2 ASCII words", "2 Japanese words"]
    assert [cost.start.terms.name for cost in costs] == names
    assert [cost.nothing and cost.nothing.start.terms.name for cost in costs] == [None, *names[:1] * 3]
    assert [cost.literals and cost.literals.start.terms.name for cost in costs] == [
        None,
        None,
        *names[1:2] * 2,
    ]

    results = Results({}, 1, 2, starts, [CaptureResult(capture, [], [], {}, costs)])
    assert all(markdown(results).count(f"| {name} |") == 2 for name in names)
    assert all(results.as_json().count(f'"{name}"') == 2 for name in names)
