"""Clauses and conditions: what every key becomes, and every mistake with its line."""

import pytest

from signatures.model import (
    Buffer,
    Clause,
    Direction,
    Fold,
    Owner,
    PortRange,
    Role,
    Sample,
    Schedule,
    Scope,
    Severity,
    Signature,
    Suppression,
    Threshold,
    ThresholdKind,
    Track,
)
from tests.signatures.build import HEAD, read

WHOLE = (
    HEAD
    + """\
buffers = ["http.uri", "http.request_body"]
keywords = ["遠隔操作"]
contents = ["a|00 fF|b", "日|3B|"]
fold = ["width", "case", "kana"]
offset = 2
depth = 64
direction = "to_server"
dst_ports = [80, "8000-8100"]
src_networks = ["192.0.2.0/24", "!192.0.2.7", "2001:DB8:0::/32"]
protocols = ["tcp"]
ordered = true
sets = ["seen"]
needs = ["logged.in"]
needs_not = ["known"]
silent = true
subscriber_may_disable = true
[[signature.all]]
buffers = ["http.request_body"]
regexes = ['x[0-9]+']
distance = -3
within = 40
case_sensitive = true
[[signature.any]]
keywords = ["甲"]
fold = []
[[signature.any]]
contents = ["Z"]
at_start = true
[[signature.none]]
keywords = ["乙"]
at_end = true
[signature.schedule]
weekdays = ["fri", "mon"]
hours = ["22:00-05:00", "12:00-24:00"]
utc_offset = "-03:30"
[signature.threshold]
type = "both"
track = "by_src"
count = 5
seconds = 60
[[signature.suppress]]
track = "by_both"
networks = ["198.51.100.9"]
[signature.tests]
match = ["遠隔操作", { hex = "61 00ff62", buffer = "http.request_body" }]
no_match = [{ text = "遠隔", encoding = "shift_jis" }]
"""
)


def test_every_key() -> None:
    loaded, mistakes = read(WHOLE)
    assert mistakes == []
    both = (Buffer.HTTP_URI, Buffer.HTTP_REQUEST_BODY)
    folds = (Fold.WIDTH, Fold.CASE, Fold.KANA)
    assert loaded.signatures == (
        Signature(
            sid=2000001,
            rev=1,
            name={"ja": "x", "en": "x"},
            category="custom",
            severity=Severity.LOW,
            clauses=(
                Clause(
                    both,
                    keywords=("遠隔操作",),
                    contents=(b"a\x00\xffb", "日;".encode()),
                    folds=folds,
                    offset=2,
                    depth=64,
                ),
                Clause(
                    (Buffer.HTTP_REQUEST_BODY,),
                    regexes=("x[0-9]+",),
                    folds=(Fold.WIDTH, Fold.KANA),
                    case_sensitive=True,
                    distance=-3,
                    within=40,
                ),
                Clause(both, Role.ANY, keywords=("甲",), folds=()),
                Clause(both, Role.ANY, contents=(b"Z",), folds=folds, at_start=True),
                Clause(both, Role.NONE, keywords=("乙",), folds=folds, at_end=True),
            ),
            scope=Scope.TRANSACTION,
            ordered=True,
            dst_ports=(PortRange(80, 80), PortRange(8000, 8100)),
            src_networks=("192.0.2.0/24", "!192.0.2.7/32", "2001:db8::/32"),
            direction=Direction.TO_SERVER,
            protocols=("tcp",),
            schedule=Schedule((0, 4), ((1320, 300), (720, 1440)), -210),
            threshold=Threshold(ThresholdKind.BOTH, Track.BY_SRC, 5, 60),
            suppressions=(Suppression(Track.BY_BOTH, ("198.51.100.9/32",)),),
            sets=("seen",),
            needs=("logged.in",),
            needs_not=("known",),
            silent=True,
            samples=(
                Sample(Buffer.HTTP_URI, "遠隔操作".encode(), True),
                Sample(Buffer.HTTP_REQUEST_BODY, b"a\x00\xffb", True),
                Sample(Buffer.HTTP_URI, "遠隔".encode("shift_jis"), False),
            ),
            owner=Owner.OPERATOR,
            subscriber_may_disable=True,
            source="file:1",
        ),
    )


@pytest.mark.parametrize(
    ("more", "scope", "folds"),
    [
        ('buffers = ["http.uri"]', Scope.TRANSACTION, (Fold.WIDTH, Fold.CASE)),
        ('buffers = ["http.uri", "payload"]', Scope.FLOW, (Fold.WIDTH, Fold.CASE)),
        ('buffers = ["http.uri"]\nscope = "flow"\ncase_sensitive = true', Scope.FLOW, (Fold.WIDTH,)),
    ],
)
def test_defaults(more: str, scope: Scope, folds: tuple[Fold, ...]) -> None:
    (only,), mistakes = read(f'{HEAD}{more}\nkeywords = ["xyz"]\n')
    assert mistakes == []
    assert (only.scope, only.clauses[0].folds) == (scope, folds)


def test_terms_may_be_in_further_clauses_alone() -> None:
    text = '\n[[signature.any]]\ncontents = ["ab"]\n[[signature.any]]\ncontents = ["cd"]\n'
    (only,), mistakes = read(f'{HEAD}buffers = ["payload"]{text}')
    assert mistakes == []
    assert [clause.role for clause in only.clauses] == [Role.ANY, Role.ANY]


PAYLOAD = 'buffers = ["payload"]\ncontents = ["abcd"]\n'
URI = 'buffers = ["http.uri"]\ncontents = ["abcd"]\n'

CONTRADICTIONS = [
    (PAYLOAD + "depth = 3\n", 9, "depth 3 is too small: the shortest text ends at octet 4"),
    (PAYLOAD + "depth = 9\noffset = 9\n", 10, "offset 9 is not below depth 9: nothing fits between them"),
    (PAYLOAD + "at_end = true\n", 9, "payload has no end to be at: it may always go on"),
    (PAYLOAD + "at_start = true\noffset = 1\n", 9, "at_start and offset 1 can't both hold"),
    (
        PAYLOAD + "distance = 1\n",
        9,
        "distance goes by the clause before, and this is the first: see [[signature.all]]",
    ),
    (
        'buffers = ["payload"]\n[[signature.all]]\ncontents = ["ab"]\nwithin = 9\n',
        10,
        "within goes by the clause before, and this is the first",
    ),
    (
        PAYLOAD + '[[signature.all]]\nbuffers = ["http.uri"]\ncontents = ["ab"]\nwithin = 9\n',
        12,
        "within goes by the clause before, which does not look into http.uri",
    ),
    (
        PAYLOAD + '[[signature.all]]\ncontents = ["ab"]\ndistance = 8\nwithin = 9\n',
        12,
        "within 9 is too small: the shortest text ends after 10",
    ),
    (
        PAYLOAD + '[[signature.all]]\ncontents = ["ab"]\nat_start = true\ndistance = 0\n',
        11,
        "at_start and distance can't both hold: the clause before comes first",
    ),
    (
        PAYLOAD + '[[signature.none]]\ncontents = ["ab"]\ndistance = 8\n',
        11,
        "distance is of [[signature.all]] alone: only these come one after the other",
    ),
    (
        PAYLOAD + 'scope = "transaction"\n',
        9,
        'payload is of no transaction: leave payload out, or write scope = "flow"',
    ),
    (
        URI + 'direction = "to_client"\n',
        9,
        "to_client never holds: what is looked into goes to the server",
    ),
    (
        URI.replace("uri", "response_body") + 'direction = "to_server"\n',
        9,
        "to_server never holds: what is looked into goes to the client",
    ),
    (URI + 'protocols = ["udp"]\n', 9, "HTTP and TLS are carried by tcp: without it this never fires"),
    (
        PAYLOAD + '[[signature.none]]\ncontents = ["xy", "abcd"]\nbuffers = ["payload", "http.uri"]\n',
        10,
        "'61 62 63 64' must match by another clause, and must not by this one",
    ),
    (
        'buffers = ["payload"]\n[[signature.none]]\ncontents = ["ab"]\n',
        8,
        "nothing but [[signature.none]]: there must be something to look for as well",
    ),
    (PAYLOAD + "ordered = true\n", 9, "ordered is of clauses that must all match, and there is one at most"),
    (
        PAYLOAD + 'needs = ["a"]\nneeds_not = ["b", "a"]\n',
        10,
        "'a' is in needs as well: it can't be set and not be set",
    ),
    (PAYLOAD + "silent = true\n", 9, "silent and without sets, it would do nothing"),
    (
        'buffers = ["payload"]\nkeywords = ["ab"]\ncase_sensitive = true\nfold = ["case"]\n',
        10,
        'fold holds "case", and case_sensitive is true: leave one of them out',
    ),
    (PAYLOAD + 'fold = ["kana"]\n', 9, "fold is of keywords, and there are none"),
    (
        'buffers = ["payload"]\ndepth = 9\n[[signature.any]]\ncontents = ["ab"]\n',
        8,
        "depth is of the texts of the same table, and there are none",
    ),
    (
        PAYLOAD + "[[signature.all]]\ndepth = 9\n",
        9,
        "no keywords, contents, regexes or domains in [[signature.all]]: nothing to look for",
    ),
    (
        PAYLOAD + '[[signature.all]]\ncontents = ["ab"]\n' * 32,
        1,
        "33 clauses, 32 at most: make several signatures of them",
    ),
]


@pytest.mark.parametrize(("more", "line", "reason"), CONTRADICTIONS, ids=lambda part: str(part)[:40])
def test_contradictions(more: str, line: int, reason: str) -> None:
    assert read(HEAD + more)[1] == [(line, reason)]


@pytest.mark.parametrize(
    "more",
    [
        PAYLOAD + "depth = 4\n",
        PAYLOAD + "offset = 5\ndepth = 9\n",
        'buffers = ["payload"]\nregexes = ["ab+"]\ndepth = 1\n',  # the regex tells no length
        URI + "at_start = true\nat_end = true\n",
        URI + '[[signature.none]]\nbuffers = ["http.host"]\ncontents = ["abcd"]\n',
        PAYLOAD + '[[signature.none]]\ncontents = ["abcd"]\noffset = 100\n',
        PAYLOAD + '[[signature.all]]\ncontents = ["ab"]\ndistance = -9\nwithin = 1\n',
        URI + 'direction = "to_client"\n[[signature.all]]\nbuffers = ["payload"]\ncontents = ["ab"]\n',
    ],
)
def test_what_only_looks_like_a_contradiction(more: str) -> None:
    assert read(HEAD + more)[1] == []


def test_a_mistake_in_a_table_of_an_array_is_at_its_line() -> None:
    text = """\
buffers = ["payload"]
contents = ["ab"]
[[signature.all]]
contents = ["cd"]
[[signature.none]]
contents = ["ef"]
[[signature.all]]
contents = ["gh"]
depth = 1
[signature.threshold]
type = "none"
[[signature.suppress]]
track = "by_src"
networks = 1
"""
    assert read(HEAD + text)[1] == [
        (15, "depth 1 is too small: the shortest text ends at octet 2"),
        *((16, f"{key} is missing") for key in ("track", "count", "seconds")),
        (17, "unknown type 'none' (known: limit, threshold, both)"),
        (20, "networks must be an array of strings, not an integer"),
    ]
