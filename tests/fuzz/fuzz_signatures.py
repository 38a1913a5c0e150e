"""Fuzz target: any octets as a signature file.

    python -m tests.fuzz.fuzz_signatures -max_total_time=600

Invariant: whatever the octets, reading them raises nothing; each problem names a line of the file (or
none) and fits on a line; where there is no problem, the signatures compile and can be scanned with.
"""

from sensor.matching.compile import compile_signatures
from sensor.matching.scan import scan_fields
from signatures.document import Documents
from tests.fuzz.run import fuzz

VALUES = (b"", b"/a?b=c", "遠隔操作".encode(), b"x.example.com:80")


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    documents = Documents()
    documents.add(data, "input", builtin=b"sid = 100" in data)  # as the seeds are
    signatures = documents.complete()
    for problem in documents.problems:
        assert 0 <= problem.line <= data.count(b"\n") + 1
        assert problem.reason
        assert "\n" not in str(problem)
    if documents.problems:
        return
    plan = compile_signatures(signatures.signatures)
    for buffer in plan.buffers:
        scan_fields(plan, buffer, VALUES)


if __name__ == "__main__":
    fuzz(one, "signatures/builtin")
