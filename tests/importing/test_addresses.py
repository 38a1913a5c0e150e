import pytest

from signatures.importing.addresses import Variables, check_defined
from signatures.importing.result import RefusedError
from signatures.model import PortRange


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("any", []),
        ("80", [(80, 80)]),
        ("[80,443]", [(80, 80), (443, 443)]),
        (":1023", [(0, 1023)]),
        ("1024:", [(1024, 65535)]),
        ("!80", [(0, 79), (81, 65535)]),
        ("[80:90,!85,[100,101]]", [(80, 84), (86, 90), (100, 101)]),
        ("$HTTP_PORTS", [(80, 80)]),
        ("[$FILE_DATA_PORTS,!110]", [(80, 80), (143, 143)]),
        ("0:65535", []),
        ("![1:10,20]", [(0, 0), (11, 19), (21, 65535)]),
    ],
)
def test_ports(text: str, ports: list[tuple[int, int]]) -> None:
    assert Variables().ports(text) == tuple(PortRange(*each) for each in ports)


@pytest.mark.parametrize(
    "text",
    ["70000", "a", "80:70", "[80", "80]", "[80,!80]", "!any", "$NONE", "![80,!443]", "", "1:2:3", "$A"],
)
def test_no_ports(text: str) -> None:
    with pytest.raises(RefusedError):
        Variables({"A": "[$A,1]"}).ports(text)


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("any", ()),
        ("192.0.2.1", ("192.0.2.1/32",)),
        ("192.0.2.1/24", ("192.0.2.0/24",)),
        ("[192.0.2.0/24,!192.0.2.9]", ("192.0.2.0/24", "!192.0.2.9/32")),
        ("!$OWN", ("!192.0.2.0/24", "!2001:db8::/32")),
        ("[any,!$OWN]", ("!192.0.2.0/24", "!2001:db8::/32")),
        ("[ 192.0.2.0/24 , [2001:db8::/32] ]", ("192.0.2.0/24", "2001:db8::/32")),
    ],
)
def test_networks(text: str, networks: tuple[str, ...]) -> None:
    assert Variables({"OWN": "[192.0.2.0/24,2001:db8::/32]"}).networks(text) == networks


@pytest.mark.parametrize("text", ["a.example", "!any", "[]", "![$EXTERNAL_NET]", "192.0.2.0/33", "[[", "1,"])
def test_no_networks(text: str) -> None:
    with pytest.raises(RefusedError):
        Variables().networks(text)


def test_variables_remember_which_were_used() -> None:
    variables = Variables({"EXTERNAL_NET": "any"})
    assert variables.networks("$EXTERNAL_NET") == ()
    assert variables.used == {"EXTERNAL_NET": "any"}


@pytest.mark.parametrize(
    "defined",
    [
        {"HOME_NET": "any", "EXTERNAL_NET": "any"},
        {"HOME_NET": "[192.0.2.0/24,!192.0.2.1]", "OFFICE": "$HOME_NET"},
        {"HTTP_PORTS": "[80,8000:8080]", "MINE": "$HTTP_PORTS", "OTHER": "![1,2]"},
    ],
)
def test_variables_that_can_be_used(defined: dict[str, str]) -> None:
    check_defined(defined)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("HOME_NET", "nonsense", "nonsense is no network in CIDR notation"),
        ("HOME_NET", "80", "80 is no network in CIDR notation"),
        ("HTTP_PORTS", "192.0.2.1", "192.0.2.1 is no port or first:last"),
        ("HOME_NET", "$NONE", "$NONE is not defined: --define NONE=…"),
        ("HOME_NET", "$HOME_NET", "$HOME_NET: too deep, or a variable that stands for itself"),
        ("MINE", "x", "neither networks (x is no network in CIDR notation) nor ports"),
    ],
)
def test_variables_that_cannot(name: str, value: str, reason: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_defined({name: value})
    assert (caught.value.option, caught.value.reason) == (name, reason)
