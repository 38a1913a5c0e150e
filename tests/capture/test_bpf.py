"""Capture filters: what libpcap makes of an expression, and what it is refused for."""

import struct

import pytest

from sensor.capture.af_packet import LINKTYPE_ETHERNET, LINKTYPE_RAW
from sensor.capture.bpf import MAX_EXPRESSION, SNAPLEN, compile_filter
from sensor.errors import ConfigError

pytestmark = pytest.mark.linux

RETURN = 0x06
LOAD_HALF_WORD = 0x28
LOAD_OCTET = 0x30
KERNEL_EXTENSIONS = 0xFFFFF000
"""SKF_AD_OFF: loads from here on are of what the kernel keeps beside the packet."""


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("HBBI", program))


def test_an_empty_expression_lets_everything_pass() -> None:
    program = compile_filter("", "lo", LINKTYPE_ETHERNET)
    assert instructions(program) == [(RETURN, 0, 0, SNAPLEN)]


def test_link_types_put_the_network_header_elsewhere() -> None:
    ethernet = instructions(compile_filter("ip", "lo", LINKTYPE_ETHERNET))
    assert ethernet[0] == (LOAD_HALF_WORD, 0, 0, 12)
    raw = instructions(compile_filter("ip", "lo", LINKTYPE_RAW))
    assert raw[0] == (LOAD_OCTET, 0, 0, 0)


@pytest.mark.root
@pytest.mark.parametrize("interface", ["lo", "no-such-link"])
def test_vlan_tags_are_looked_for_where_the_kernel_keeps_them(interface: str) -> None:
    operands = [
        operand for *_, operand in instructions(compile_filter("vlan 5", interface, LINKTYPE_ETHERNET))
    ]
    assert any(operand >= KERNEL_EXTENSIONS for operand in operands)


def test_a_link_type_without_vlan_refuses_one() -> None:
    with pytest.raises(ConfigError, match="VLAN"):
        compile_filter("vlan 5", "lo", LINKTYPE_RAW)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("tcp prt 80", "capture filter 'tcp prt 80': .*syntax error"),
        ("tcp\0", "NUL"),
        ("x" * (MAX_EXPRESSION + 1), f"{MAX_EXPRESSION} octets"),
        (" or ".join(["ip6 protochain 5"] * 150), "instructions"),
    ],
)
def test_an_unusable_expression_is_refused_in_one_line(expression: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        compile_filter(expression, "lo", LINKTYPE_ETHERNET)
    assert "\n" not in str(caught.value)
