"""Samples are sent through the real stages, each as its signature's conditions ask."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.compile import dump_databases
from sensor.proof.samples import Failure, Reason, prove
from signatures.model import (
    Buffer,
    Clause,
    Direction,
    PortRange,
    Role,
    Sample,
    Schedule,
    Severity,
    Signature,
    Suppression,
    Threshold,
    ThresholdKind,
    Track,
)

WORD = "needle"


def signature(*samples: Sample, sid: int = 9000001, **changes: Any) -> Signature:
    buffers = tuple(Buffer)
    plain = Signature(
        sid, 1, {"en": "x"}, "custom", Severity.LOW, (Clause(buffers, contents=(WORD.encode(),)),)
    )
    return replace(plain, samples=samples, **changes)


def sample(octets: bytes, buffer: Buffer = Buffer.PAYLOAD, *, matches: bool = True) -> Sample:
    return Sample(buffer, octets, matches)


@pytest.mark.parametrize("buffer", Buffer)
def test_each_buffer_has_its_carrier(buffer: Buffer) -> None:
    only = signature(
        sample(b"needle", buffer),
        sample(b"need-le", buffer, matches=False),
        sample(b"", buffer, matches=False),
        sample(b"need", buffer),
        sample(b"xneedlex", buffer, matches=False),
        clauses=(Clause((buffer,), contents=(b"needle",)),),
    )
    assert prove([only]) == [
        Failure(9000001, 3, Reason.MISSED),
        Failure(9000001, 4, Reason.MATCHED),
    ]


def test_nothing_to_prove() -> None:
    assert prove([]) == prove([signature()]) == []


CONDITIONS: list[dict[str, Any]] = [
    {"direction": Direction.TO_CLIENT},
    {"direction": Direction.TO_SERVER, "src_ports": (PortRange(7, 9),), "dst_ports": (PortRange(0, 3),)},
    {"direction": Direction.TO_CLIENT, "src_ports": (PortRange(443, 443),)},
    {"src_networks": ("203.0.113.7/32",), "dst_networks": ("!192.0.2.0/24", "!10.0.0.0/8")},
    {"src_networks": ("2001:db8:1::/48", "!2001:db8:1::/49")},
    {"dst_networks": ("198.51.100.0/24", "2001:db8::1/128"), "src_networks": ("2001:db8::1/128",)},
    {"src_networks": ("192.0.2.9/32",), "dst_networks": ("192.0.2.9/32",)},
    {"protocols": ("udp",)},
    {"protocols": ("udp",), "direction": Direction.TO_CLIENT},
    {"protocols": ("tcp",)},
    {"threshold": Threshold(ThresholdKind.THRESHOLD, Track.BY_SRC, 10, 60)},
    {"suppressions": (Suppression(Track.BY_BOTH, ("0.0.0.0/0", "::/0")),)},
    {"schedule": Schedule((2,), ((0, 1),))},
    {"needs": ("seen",)},
    {"silent": True, "sets": ("seen",)},
]


@pytest.mark.parametrize("conditions", CONDITIONS, ids=map(str, range(len(CONDITIONS))))
def test_samples_are_sent_as_conditions_ask(conditions: dict[str, Any]) -> None:
    # Twice the same: neither a threshold nor a flow that both are in hides the second.
    samples = (sample(b"a needle"), sample(b"a needle"), sample(b"a noodle", matches=False))
    assert prove([signature(*samples, **conditions)]) == []


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_samples_whose_ends_are_told_share_no_flow(protocol: str) -> None:
    pinned = signature(
        *[sample(b"a needle")] * 3,
        sample(b"noodle", matches=False),
        sample(b"needle", matches=False),
        protocols=(protocol,),
        src_ports=(PortRange(5, 5),),
        dst_ports=(PortRange(6, 6),),
    )
    assert prove([pinned, replace(pinned, sid=2)]) == [
        Failure(9000001, 4, Reason.MATCHED),
        Failure(2, 4, Reason.MATCHED),
    ]


@pytest.mark.parametrize(
    "unsendable",
    [
        signature(sample(b"needle\n", Buffer.HTTP_HOST)),
        signature(sample(b"a needle", Buffer.HTTP_METHOD)),
        signature(sample(b"needle"), src_networks=("192.0.2.0/24",), dst_networks=("2001:db8::/32",)),
        signature(sample(b"needle"), src_networks=("192.0.2.0/24", "!192.0.0.0/16")),
        signature(sample(b"needle" * 11_000), protocols=("udp",)),
    ],
    ids=["line end", "method", "versions", "no address", "datagram"],
)
def test_what_no_packet_can_carry_is_a_failure(unsendable: Signature) -> None:
    assert prove([unsendable]) == [Failure(9000001, 0, Reason.UNSENDABLE)]


def test_whole_request_as_payload_proves_several_fields() -> None:
    clauses = (
        Clause((Buffer.HTTP_HOST,), contents=(b"example.jp",)),
        Clause((Buffer.HTTP_URI,), role=Role.ALL, contents=(b"/needle",)),
    )
    request = b"GET %b HTTP/1.1\r\nHost: www.example.jp\r\n\r\n"
    both = signature(sample(request % b"/needle"), sample(request % b"/x", matches=False), clauses=clauses)
    assert prove([both]) == []


def test_databases_may_be_those_of_a_compiler() -> None:
    signatures = [signature(sample(b"needle"), sample(b"needle", matches=False))]
    assert prove(signatures, databases=dump_databases(signatures)) == prove(signatures)


def test_failures_are_bounded_and_in_order() -> None:
    wrong = [signature(*[sample(b"x")] * 3, sid=sid) for sid in (5, 3, 4)]
    assert [(each.sid, each.sample) for each in prove(wrong, limit=4)] == [(5, 0), (5, 1), (5, 2), (3, 0)]


def test_more_samples_than_are_sent_at_once() -> None:
    def numbered(sid: int) -> Signature:
        word = b"needle%04d" % sid
        return signature(
            sample(b"a " + word),
            sample(b"needle", matches=False),
            sid=sid,
            clauses=(Clause((Buffer.PAYLOAD,), contents=(word,)),),
            protocols=("udp",) if sid % 2 else (),
        )

    many = [numbered(sid) for sid in range(1, 1200)]
    assert prove(many) == []
    wrong = replace(many[-1], samples=(sample(b"needle"), sample(b"needle1199", matches=False)))
    assert prove([*many[:-1], wrong]) == [
        Failure(1199, 0, Reason.MISSED),
        Failure(1199, 1, Reason.MATCHED),
    ]


@given(st.lists(st.tuples(st.sampled_from(Buffer), st.binary(max_size=80), st.booleans()), max_size=8))
def test_any_sample_is_answered(samples: list[tuple[Buffer, bytes, bool]]) -> None:
    """Whatever the octets: a failure for each sample at most, and none for octets that hold the word."""
    proved = prove([signature(*(Sample(*each) for each in samples))])
    assert len({each.sample for each in proved}) == len(proved)
    for each in proved:
        buffer, octets, matches = samples[each.sample]
        assert each.reason is not Reason.MISSED or WORD.encode() not in octets.lower()
        assert matches == (each.reason is Reason.MISSED) or each.reason is Reason.UNSENDABLE
        assert each.reason is not Reason.UNSENDABLE or buffer is not Buffer.PAYLOAD
