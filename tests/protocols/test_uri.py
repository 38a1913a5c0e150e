import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.uri import normalise_uri


@pytest.mark.parametrize(
    ("target", "normal"),
    [
        (b"/a//b/../c/./d/", b"/a/c/d/"),
        (b"/%2e%2e%2f../etc/passwd", b"/etc/passwd"),
        (b"/\x89\x93%8au?q=%E9%81%A0", "/\x89\x93\x8au?q=".encode("latin-1") + "遠".encode()),
        (b"/a\\..\\b", b"/b"),
        (b"/%252e", b"/%2e"),
        (b"/x?u=http://a//b/../c", b"/x?u=http://a//b/../c"),
        (b"http://H//x/../y?q=%41", b"http://H/y?q=A"),
        (b"/%zz%4", b"/%zz%4"),
        (b"/a/..", b"/"),
        (b"*", b"*"),
        (b"host:443", b"host:443"),
        (b"", b""),
    ],
)
def test_normal_form(target: bytes, normal: bytes) -> None:
    assert normalise_uri(target) == normal


@given(st.text("/.a?=&", max_size=30).map(str.encode))
def test_a_normal_path_stays_as_it_is(tail: bytes) -> None:
    once = normalise_uri(b"/" + tail)
    assert normalise_uri(once) == once


def test_plain_targets_are_not_copied() -> None:
    target = bytes(bytearray(b"/plain/path?q=1"))
    assert normalise_uri(target) is target


@given(st.binary(max_size=60))
def test_any_octets(target: bytes) -> None:
    assert len(normalise_uri(target)) <= len(target) + 1
