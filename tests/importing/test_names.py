"""Rules that look into the names of TLS and DNS: what they find, and do not, on a line."""

from dataclasses import replace

import pytest

from sensor.proof.samples import prove
from signatures.model import Buffer, Sample, Scope
from tests.importing.build import one, refused

TLS = "alert tls any any -> any any"
DNS = "alert dns any any -> any any"
UDP = "alert udp any any -> any 53"


@pytest.mark.parametrize(
    ("header", "options", "match", "no_match"),
    [
        (TLS, 'tls.sni; content:"evil.example"; nocase;', [b"www.EVIL.example"], [b"evil.jp"]),
        (TLS, 'tls_sni; content:"evil.example"; endswith;', [b"a.evil.example"], [b"evil.example.jp"]),
        (TLS, 'tls.sni; content:"evil.example"; bsize:12;', [b"evil.example"], [b"a.evil.example"]),
        (TLS, 'tls.sni; pcre:"/^[0-9a-f]{8}\\.example$/";', [b"0123abcd.example"], [b"x0123abcd.example"]),
        (DNS, 'dns.query; content:"evil.example"; nocase;', [b"a.evil.Example"], [b"evil.jp"]),
        (DNS, 'dns_query; content:".example"; endswith;', [b"a.example"], [b"a.example.jp", b"example"]),
        (DNS, 'dns.query; content:"abc"; startswith;', [b"abcd.example"], [b"xabc.example"]),
        (UDP, 'dns.query; content:"evil.example";', [b"a.evil.example"], [b"evil.jp"]),
        (DNS, 'dns.query; content:"one"; content:"two"; distance:1;', [b"one.two"], [b"two.one"]),
        (DNS, 'dns.query; content:"one"; dns.query; content:"two";', [b"two.one"], [b"one.example"]),
        (DNS, 'dns.query; content:"one"; content:!"two";', [b"one.example"], [b"one.two"]),
        (
            DNS,
            'dns.query; dotprefix; content:".evil.jp"; endswith; nocase;',
            [b"evil.jp", b"a.evil.jp"],
            [b"devil.jp"],
        ),
    ],
)
def test_names_on_a_line(header: str, options: str, match: list[bytes], no_match: list[bytes]) -> None:
    signature = one(options, header)
    buffer = Buffer.TLS_SNI if "tls" in options else Buffer.DNS_QUERY
    assert signature.buffers == (buffer,)
    assert signature.scope is Scope.TRANSACTION
    samples = [Sample(buffer, name, True) for name in match] + [
        Sample(buffer, name, False) for name in no_match
    ]
    failures = prove([replace(signature, samples=tuple(samples))])
    assert [(each.reason, samples[each.sample].octets) for each in failures] == []


def test_a_name_beside_another_buffer_is_refused() -> None:
    assert refused('tls.sni; content:"a.jp"; pkt_data; content:"b";', TLS) == "content (payload)"
    assert refused('http.host; content:"a.jp"; dns.query; content:"b";', DNS) == "dns.query"
