import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sensor.errors import SignatureError
from sensor.proof.samples import prove
from signatures.importing.read import ImportOptions, import_file
from signatures.importing.result import Imported
from signatures.importing.rules import RuleOptions
from signatures.importing.words import ListOptions
from signatures.model import Buffer, Category, Sample

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USER_AGENT = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"


def read(document: Any) -> Imported:
    return import_file(
        json.dumps(document).encode(), "x.json", None, ImportOptions(RuleOptions(), ListOptions(), NOW)
    )


def bundle(*patterns: str, **fields: Any) -> Imported:
    indicators = [
        {"type": "indicator", "id": f"indicator--{at}", "pattern_type": "stix", "pattern": pattern, **fields}
        for at, pattern in enumerate(patterns)
    ]
    return read({"type": "bundle", "id": "bundle--1", "objects": [{"type": "identity"}, *indicators]})


def request(target: bytes, host: bytes, agent: bytes = b"x") -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n" % (target, host, agent)


@pytest.mark.parametrize(
    ("pattern", "match", "no_match"),
    [
        (
            "[domain-name:value = 'Evil.example']",
            [request(b"/", b"evil.example"), request(b"/", b"a.evil.example:80")],
            [request(b"/", b"notevil.example")],
        ),
        (
            "[url:value = 'http://evil.example/a?b=c']",
            [request(b"/a?b=c", b"evil.example"), request(b"/a?b=c", b"evil.example:80")],
            [request(b"/a", b"evil.example"), request(b"/a?b=c", b"a.example")],
        ),
        (
            "[url:value = 'http://evil.example:8080/a']",
            [request(b"/a", b"evil.example:8080")],
            [request(b"/a", b"evil.example")],
        ),
        (
            f"[{USER_AGENT} LIKE 'Bot/_.%']",
            [request(b"/", b"h", b"Bot/1.0"), request(b"/", b"h", b"Bot/1.")],
            [
                request(b"/", b"h", b"Bot/10.0"),
                request(b"/", b"h", b"aBot/1.0"),
                request(b"/", b"h", b"bot/1.0"),
            ],
        ),
    ],
)
def test_what_an_indicator_finds(pattern: str, match: list[bytes], no_match: list[bytes]) -> None:
    (signature,) = bundle(pattern).signatures
    assert (signature.category, signature.references) == (Category.MALWARE, ("stix:indicator--0",))
    samples = [Sample(Buffer.PAYLOAD, octets, True) for octets in match]
    samples += [Sample(Buffer.PAYLOAD, octets, False) for octets in no_match]
    failures = prove([replace(signature, samples=tuple(samples))])
    assert [samples[each.sample].octets for each in failures] == []


def test_comparisons_joined_by_or_are_signatures_of_their_own() -> None:
    result = bundle("[domain-name:value = 'a.example' OR domain-name:value = 'b.example'] OR "
                    "[url:value = 'http://c.example']")  # fmt: skip
    assert [each.sid for each in result.signatures] == [2_900_000, 2_900_001, 2_900_002]
    assert result.passed_over == 1
    assert result.read_as == "indicators (STIX 2.1), utf-8"


@pytest.mark.parametrize(
    ("pattern", "option"),
    [
        ("[domain-name:value = 'a.example' AND url:value = 'http://a.example']", "AND"),
        ("[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']", "FOLLOWEDBY"),
        ("[ipv4-addr:value = '192.0.2.1']", "ipv4-addr:value"),
        ("[file:hashes.'SHA-256' = 'aa']", "file:hashes.'SHA-256'"),
        ("[domain-name:value MATCHES 'a']", "MATCHES"),
        ("[domain-name:value LIKE '%.example']", "LIKE"),
        ("[domain-name:value = 'a b']", "domains"),
        ("[url:value = 'https://a.example/']", "url https"),
        ("[url:value = 'http://a.example/%41']", "url"),
        ("[domain-name:value = 'a.example' domain-name:value = 'b.example']", "(pattern)"),
        ("domain", "(pattern)"),
        ("[]", "(pattern)"),
    ],
)
def test_what_is_refused(pattern: str, option: str) -> None:
    result = bundle(pattern)
    assert (result.came, result.options()) == (0, [(option, 1)])


def test_other_patterns_and_revoked_indicators() -> None:
    assert bundle("alert …", pattern_type="snort").options() == [("pattern_type snort", 1)]
    assert bundle("[domain-name:value = 'a.example']", revoked=True).passed_over == 2


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"valid_until": "2026-03-01T12:00:00.000Z"}, "expired"),
        ({"valid_until": "2020-01-01T00:00:00Z", "valid_from": "2019-01-01T00:00:00Z"}, "expired"),
        ({"valid_from": "2026-03-01T12:00:00.001Z"}, "not yet valid"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_from": 5}, "valid_from"),
    ],
)
def test_an_indicator_is_taken_only_while_it_is_valid(fields: dict[str, Any], option: str) -> None:
    result = bundle("[domain-name:value = 'a.example' OR domain-name:value = 'b.example']", **fields)
    assert (result.came, result.options()) == (0, [(option, 1)])


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_from": "2026-03-01T12:00:00Z", "valid_until": "2026-03-01T12:00:00.1+00:00"},
        {"valid_until": "2026-03-01T12:00:01.123456789Z"},
        {"valid_until": None},
    ],
)
def test_an_indicator_that_is_valid(fields: dict[str, Any]) -> None:
    assert bundle("[domain-name:value = 'a.example']", **fields).came == 1


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Emotet C2", "Emotet C2"),
        ("悪性ドメイン　A", "悪性ドメイン A"),
        (" a\n\x1b[31mb\u202e\ud800 ", "a [31mb"),
        ("x" * 5000, "x" * 127 + "…"),
        ("\n", "list #1: domain"),
        (7, "list #1: domain"),
    ],
)
def test_the_name_of_an_indicator_is_the_signatures(name: object, title: str) -> None:
    (signature,) = bundle("[domain-name:value = 'a.example']", name=name).signatures
    assert signature.title("ja") == signature.title("en") == title


def test_refusals_are_counted_in_objects_or_attributes() -> None:
    assert bundle("domain").unit == "object"
    attribute = {"type": "md5", "value": "aa", "to_ids": True}
    assert read({"Event": {"Attribute": [attribute]}}).unit == "attribute"


def test_a_misp_event() -> None:
    attributes = [
        {"type": "domain", "value": "evil.example", "to_ids": True, "uuid": "u-1"},
        {"type": "url", "value": "http://evil.example/a", "to_ids": True},
        {"type": "domain", "value": "good.example", "to_ids": False},
        {"type": "domain", "value": "unsaid.example"},
        {"type": "md5", "value": "aa", "to_ids": True},
        {"type": "domain", "value": "evil.example", "to_ids": True},
    ]
    nested = {"Attribute": [{"type": "user-agent", "value": "Bot/1", "to_ids": True}]}
    result = read({"Event": {"Attribute": attributes, "Object": [nested]}})
    assert result.read_as == "indicators (MISP), utf-8"
    assert (result.came, result.passed_over) == (3, 2)
    assert result.options() == [("(indicator)", 1), ("type md5", 1)]
    assert result.signatures[0].references == ("misp:u-1",)
    assert result.signatures[2].clauses[0].contents == (b"Bot/1",)


@pytest.mark.parametrize(
    "octets", [b"{", b"[]", b"{}", b'{"type": "bundle"}', b"[" * 100_000, b'[{"Event": 1}]']
)
def test_json_that_is_neither(octets: bytes) -> None:
    with pytest.raises(SignatureError, match=r"x\.json: is "):
        import_file(octets, "x.json", None, ImportOptions(RuleOptions(), ListOptions()))
