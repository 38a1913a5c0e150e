"""A plain list, one word a line, made into signatures: keywords that match in every form and writing."""

from dataclasses import dataclass

from signatures.contradictions import default_scope
from signatures.importing.result import Imported, Refusal, RefusedError, refuse
from signatures.importing.tables import check_signature
from signatures.importing.text_file import lines_of
from signatures.model import Buffer, Category, Clause, Severity, Signature
from signatures.values import LANGUAGES

FIRST_SID = 2_900_000
MAX_ENTRIES = 100_000
"""Words or indicators of a file: as many sids are its own."""
DEFAULT_BUFFERS = (Buffer.HTTP_URI, Buffer.HTTP_REQUEST_BODY, Buffer.HTTP_RESPONSE_BODY)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the signatures of a list, or of indicators, are like."""

    first_sid: int = FIRST_SID
    """The others follow in the order of the file: add new ones at its end."""
    category: Category = Category.CUSTOM
    severity: Severity = Severity.LOW
    buffers: tuple[Buffer, ...] = DEFAULT_BUFFERS
    """Of words; indicators have their own."""
    title: str = "list"
    """Name of the signatures, before their number; never the word."""


def import_words(text: str, name: str, options: ListOptions) -> Imported:
    """A signature for each word of ``text``.

    :param name: of the file, for ``Signature.source``.
    """
    signatures: list[Signature] = []
    refusals: list[Refusal] = []
    seen: dict[str, int] = {}
    passed_over = 0
    for line, entry in enumerate(lines_of(text), 1):
        word = entry.strip()
        if not word or word.startswith("#"):
            passed_over += 1
            continue
        try:
            if before := seen.get(word):
                refuse("(word)", f"stands on line {before} already")
            clause = Clause(options.buffers, keywords=(word,))
            signature = make_signature(options, len(signatures), "", (clause,), f"{name}:{line}")
        except RefusedError as error:
            refusals.append(Refusal(line, 0, error.option, error.reason))
            continue
        seen[word] = line
        signatures.append(signature)
    return Imported(tuple(signatures), (1,) * len(signatures), tuple(refusals), passed_over, "list")


def make_signature(
    options: ListOptions,
    number: int,
    kind: str,
    clauses: tuple[Clause, ...],
    source: str,
    reference: str = "",
    name: str = "",
) -> Signature:
    """The signature of a word or an indicator.

    :param number: how many came in before it.
    :param kind: what it is, for its name if it has none of its own.
    :raises RefusedError: if it can't be one.
    """
    if number >= MAX_ENTRIES:
        raise RefusedError("(file)", f"holds more than {MAX_ENTRIES:,}")
    return check_signature(
        Signature(
            sid=options.first_sid + number,
            rev=1,
            name=dict.fromkeys(LANGUAGES, name or f"{options.title} #{number + 1}{kind and f': {kind}'}"),
            category=options.category.value,
            severity=options.severity,
            clauses=clauses,
            scope=default_scope(clauses),
            references=(reference,) if reference else (),
            source=source,
        )
    )
