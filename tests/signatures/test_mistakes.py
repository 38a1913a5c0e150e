"""Mistakes in contents, conditions and samples, each told once."""

import pytest

from tests.signatures.build import HEAD, read

PAYLOAD = 'buffers = ["payload"]\ncontents = ["abcd"]\n'

MISTAKES = [
    ('contents = ["a|0|"]', "content 'a|0|': '0' is not octets of two hexadecimal digits each, as in 16 03"),
    (
        'contents = ["a|00"]',
        "content 'a|00': a | has no partner: octets are written as |16 03|, a | itself as |7C|",
    ),
    ('contents = ["a||b"]', "content 'a||b': '' is not octets of two hexadecimal digits each, as in 16 03"),
    ("contents = ['say \"a\"']", 'content \'say "a"\': " must be written in hexadecimal: |22|'),
    ("contents = ['a\\;']", "content 'a\\\\;': \\ must be written in hexadecimal: |5C|"),
    ('contents = ["ab", "|61 62|"]', "contents holds the octets of '|61 62|' twice"),
    ('contents = [""]', "an empty content matches everywhere"),
    ('contents = ["|00|"]', "content '|00|' is one octet: payload would match all the time"),
    (f'contents = ["{"x" * 256}"]', f"content '{'x' * 32}'… is longer than 255 octets"),
    (
        'src_networks = ["192.0.2.1/24"]',
        "192.0.2.1/24 is an address with a prefix length: write 192.0.2.0/24, or the address alone",
    ),
    (
        'src_networks = ["::ffff:192.0.2.0/120"]',
        "::ffff:192.0.2.0/120 stands for IPv4 addresses: write them as such",
    ),
    (
        'src_networks = ["10.0.0.0/8", "!10.0.0.0/7", "8.1.0.0/16"]',
        "src_networks: 10.0.0.0/8 is wholly excluded by !10.0.0.0/7",
    ),
    (
        'dst_networks = ["fe80::1%eth0"]',
        'dst_networks takes networks as "192.0.2.0/24" or "2001:db8::/32", not \'fe80::1%eth0\'',
    ),
    ('dst_networks = ["192.0.2.1", "192.0.2.1/32"]', "dst_networks holds 192.0.2.1/32 twice"),
    ("dst_networks = []", "dst_networks is empty; leave it out for any address"),
    (
        f"dst_networks = {[f'10.0.{n}.0/24' for n in range(257)]}",
        "dst_networks holds 257 entries, 256 at most",
    ),
    ('protocols = ["icmp"]', "unknown protocol 'icmp' (known: tcp, udp)"),
    ("protocols = []", "protocols is empty; leave it out for any protocol"),
    ("schedule = {}", "schedule has neither weekdays nor hours: leave it out for always"),
    (
        "schedule = { weekdays = [] }",
        "weekdays is empty, and so is the schedule: leave weekdays out for all of them",
    ),
    ('schedule = { weekdays = ["monday"] }', "unknown weekday 'monday' (did you mean mon?)"),
    ('schedule = { hours = ["22-5"] }', "hours are written as \"22:00-05:00\", not '22-5'"),
    ('schedule = { hours = ["24:00-05:00"] }', "hours are written as \"22:00-05:00\", not '24:00-05:00'"),
    ('schedule = { hours = ["00:00-24:00"] }', "00:00-24:00 is the whole day: leave hours out"),
    (
        'schedule = { hours = ["01:00-02:00"], utc_offset = "+15:00" }',
        'utc_offset is written as "+09:00", and at most 14 hours',
    ),
    ('schedule = "night"', "schedule must be a table, not a string"),
    (
        'threshold = { type = "limit", track = "by_src", count = 0, seconds = 1 }',
        "count must be from 1 to 1000000",
    ),
    (
        'threshold = { type = "limit", track = "by_src", count = 1, seconds = 604801 }',
        "seconds must be from 1 to 604800",
    ),
    ('threshold = { type = "limit", track = "by_src", count = 1 }', "seconds is missing"),
    (
        'suppress = [{ track = "by_rule", networks = ["::/0"] }]',
        "by_rule would silence it for everybody: use an [[override]] to disable it",
    ),
    (
        'suppress = [{ track = "by_src", networks = ["!::/0"] }]',
        'networks takes networks as "192.0.2.0/24" or "2001:db8::/32", not \'!::/0\'',
    ),
    ("suppress = [1]", "suppress must hold tables only, not an integer"),
    ('sets = ["a b"]', "sets: 'a b' must be letters, digits, dots, - and _, 64 at most"),
    ('tests = { match = [""] }', "a sample must have from 1 to 65536 octets"),
    (f'tests = {{ match = ["{"x" * 65537}"] }}', "a sample must have from 1 to 65536 octets"),
    ('tests = { match = ["a", "a"] }', "sample 2 of match is there twice"),
    ('tests = { match = ["a"], no_match = [{ hex = "61" }] }', "sample 1 of no_match is in match as well"),
    ('tests = { match = [{ text = "a", hex = "61" }] }', "a sample has either text or hex"),
    (
        'tests = { match = [{ text = "😀", encoding = "shift_jis" }] }',
        "text holds a character that shift_jis does not have: use hex, or leave it out",
    ),
    (
        'tests = { match = [{ text = "a", encoding = "latin-1" }] }',
        "encoding must be one of utf-8, shift_jis, cp932, euc-jp, iso-2022-jp, utf-16le, utf-16be",
    ),
    (
        'tests = { match = [{ hex = "6" }] }',
        "hex: '6' is not octets of two hexadecimal digits each, as in 16 03",
    ),
    (
        'tests = { match = [{ text = "a", buffer = "http.host" }] }',
        "the signature does not look into http.host",
    ),
    ("tests = { match = [1] }", "match must hold strings and tables only, not an integer"),
]


@pytest.mark.parametrize(("more", "reason"), MISTAKES, ids=lambda part: str(part)[:40])
def test_mistakes_of_conditions_and_samples(more: str, reason: str) -> None:
    base = PAYLOAD.replace("contents", "keywords") if more.startswith("contents") else PAYLOAD
    assert read(f"{HEAD}{base}{more}\n")[1] == [(9, reason)]
