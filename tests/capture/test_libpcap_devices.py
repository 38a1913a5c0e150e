"""Which interfaces there are, and which one a person means."""

import pytest

from sensor.capture.libpcap_devices import CaptureDevice, find_interface, list_interfaces
from sensor.errors import CaptureError
from tests.netns import veth_line

_WIRED = r"\Device\NPF_{11111111-0000-0000-0000-000000000000}"
_WIRELESS = r"\Device\NPF_{22222222-0000-0000-0000-000000000000}"


def _device(name: str, description: str) -> CaptureDevice:
    return CaptureDevice(name, description, is_loopback=False, is_up=True, is_running=True, addresses=())


DEVICES = [
    _device(_WIRED, "イーサネット - Intel(R) Ethernet Connection I219-V"),
    _device(_WIRELESS, "Wi-Fi - Intel(R) Wi-Fi 6 AX200 160MHz"),
    _device("lo0", ""),
]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (_WIRED, _WIRED),
        ("イーサネット", _WIRED),
        ("ethernet connection", _WIRED),
        ("wi-fi", _WIRELESS),
        ("lo0", "lo0"),
    ],
)
def test_name_or_a_part_of_the_description_is_enough(wanted: str, name: str) -> None:
    assert find_interface(wanted, DEVICES) == name


def test_what_may_be_several_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"Intel may be any .*1{8}.*I219-V\), .*2{8}"):
        find_interface("Intel", DEVICES)


@pytest.mark.parametrize("wanted", ["lo", "eth0", ""])
def test_what_is_none_is_refused_with_those_there_are(wanted: str) -> None:
    with pytest.raises(CaptureError, match=r"no interface .*Wi-Fi 6 AX200.*, lo0$"):
        find_interface(wanted, DEVICES)


@pytest.mark.linux
@pytest.mark.netns
def test_interfaces_are_listed() -> None:
    with veth_line() as line, line.left.entered():
        devices = {device.name: device for device in list_interfaces()}
    assert devices["lo"].is_loopback
    assert devices["lo"].addresses == ("127.0.0.1",)
    veth = devices[line.left.device]
    assert veth.addresses == (line.left.address,)
    assert (veth.is_up, veth.is_running, veth.is_loopback) == (True, True, False)
