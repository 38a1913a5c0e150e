"""Fuzz target: any octets as a file to import.

    python -m tests.fuzz.fuzz_import -max_total_time=600

Invariant: whatever the octets, nothing but a `SignatureError` is raised; each line of rules or of a list came
in, was refused, or is empty or a comment; what came in is written so that it is read back without a mistake.
"""

from sensor.errors import SignatureError
from signatures.document import Documents
from signatures.importing.read import FileType, ImportOptions, import_file
from signatures.importing.rules import RuleOptions
from signatures.importing.tables import write_signatures
from signatures.importing.text_file import decode_text, lines_of
from signatures.importing.words import ListOptions
from tests.fuzz.run import fuzz

OPTIONS = ImportOptions(RuleOptions(stream_start=True), ListOptions())


def one(data: bytes) -> None:
    """Hold the invariant for one input, as a file of each type."""
    for file_type in FileType:
        try:
            imported = import_file(data, "input", file_type, OPTIONS)
        except SignatureError:
            continue
        for refusal in imported.refusals:
            assert refusal.option
            assert refusal.reason
        if file_type is not FileType.INDICATORS:
            text, _ = decode_text(data, latin=file_type is FileType.RULES)
            refused = sum(refusal.lines for refusal in imported.refusals)
            assert sum(imported.lines) + refused + imported.passed_over == len(lines_of(text))
        documents = Documents()
        documents.add(write_signatures(imported.signatures, {"name": "input"}).encode(), "output")
        assert len(documents.complete()) == imported.came
        assert documents.problems == []


if __name__ == "__main__":
    fuzz(one, "tests/importing")
