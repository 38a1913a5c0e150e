"""The shipped sets: sound, in both languages, and finding what they are about."""

import numpy as np
import pytest

from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.matching.scan import scan_fields, scan_payload
from signatures.loader import BUILTIN, check_files, load_signatures
from signatures.model import NAME_BUFFERS, Buffer, Owner


@pytest.fixture(scope="module")
def plan() -> MatchPlan:
    return compile_signatures(load_signatures([]).signatures)


def titles(plan: MatchPlan, signature: np.ndarray[tuple[int], np.dtype[np.int64]]) -> set[str]:
    return {plan.signatures[index].title() for index in signature.tolist()}


def payload(plan: MatchPlan, octets: bytes, offset: int = 0) -> set[str]:
    start, end = np.zeros(1, np.int64), np.full(1, len(octets), np.int64)
    matches = scan_payload(plan, octets, start, end, run_offset=start + offset)
    return titles(plan, matches.clause)


def test_sound_and_complete() -> None:
    assert check_files([BUILTIN]).problems == []
    signatures = load_signatures([]).signatures
    assert len({signature.sid for signature in signatures}) == len(signatures) > 50
    assert len({signature.title("ja") for signature in signatures}) == len(signatures)
    assert len({signature.title("en") for signature in signatures}) == len(signatures)
    for signature in signatures:
        assert set(signature.name) == {"ja", "en"}
        assert signature.owner is Owner.BUILTIN
        assert signature.sid > 1_001_000
        assert {sample.matches for sample in signature.samples} == {True, False}
        assert not signature.description or set(signature.description) == {"ja", "en"}


def test_files_state_their_licence() -> None:
    files = load_signatures([]).files
    assert len(files) == len(list(BUILTIN.glob("*.toml"))) >= 5
    assert {entry.license for entry in files} == {"Apache-2.0"}
    assert all(entry.name and entry.version for entry in files)


def test_no_payload_regexes(plan: MatchPlan) -> None:
    """Each would cost one call of Hyperscan for every chunk of every stream."""
    assert not plan.has_payload_regexes


RDP = bytes.fromhex("0300002b26e00000000000") + b"Cookie: mstshash=user\r\n\x01\x00\x08\x00\x0b\x00\x00\x00"


@pytest.mark.parametrize(
    ("octets", "title"),
    [
        (RDP, "RDP: connection request"),
        (b"RFB 003.008\n", "VNC: start of screen sharing"),
        (bytes.fromhex("01000000010000000808"), "Radmin: start of a session"),
        (b"REDQ\x02\x00\x00\x00", "SPICE: remote screen of a virtual machine"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH: connection"),
        (b"l\x00\x0b\x00\x00\x00\x00\x00", "X11: connection to a display"),
        (b"B\x00\x00\x0b\x00\x00\x00\x00", "X11: connection to a display"),
    ],
)
def test_sessions_by_how_they_begin(plan: MatchPlan, octets: bytes, title: str) -> None:
    assert payload(plan, octets) == {title}
    assert payload(plan, octets, offset=64) == set()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("POST /a HTTP/1.1\r\n\r\nCMD=POLL\nINFO=1\n", "NetSupport: remote control traffic"),
        ("Time: 1<br>User Name: u<br>Computer Name: c<br>", "Agent Tesla: report of stolen data"),
        ("Subject: HawkEye Keylogger - Reborn v9 - Passwords Logs", "HawkEye: mail with stolen data"),
        ("\r\n-------- Snake Tracker --------\r\n", "Snake: mail with stolen data"),
        ("STOR Ardamax_FTP_Delivery.html", "Ardamax: log upload by FTP"),
        ("これは遠隔操作です", "Words: remote control"),
        ("盗聴器", "Words: surveillance"),
        ("キーロガー", "Words: keylogger"),
    ],
)
def test_content(plan: MatchPlan, text: str, title: str) -> None:
    assert payload(plan, b"x" * 100 + text.encode(), offset=5000) == {title}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("relay-1a2b3c4d.net.anydesk.com", "AnyDesk"),
        ("router1.teamviewer.com", "TeamViewer"),
        ("teamviewer.com", "TeamViewer"),
        ("remotedesktop.google.com", "Chrome Remote Desktop"),
        ("api.flexispy.com", "FlexiSPY"),
        ("hw.cab", "Hoverwatch"),
    ],
)
def test_names_in_host_dns_and_tls(plan: MatchPlan, name: str, title: str) -> None:
    seen = {f"{title}: name seen in DNS or TLS"}
    for buffer in (Buffer.TLS_SNI, Buffer.DNS_QUERY):
        assert titles(plan, scan_fields(plan, buffer, [name.upper().encode()]).clause) == seen
    host = scan_fields(plan, Buffer.HTTP_HOST, [name.encode() + b":80"])
    assert titles(plan, host.clause) == {f"{title}: HTTP to its servers"}


@pytest.mark.parametrize("name", ["google.com", "example-teamviewer.com", "show.cab", "mail.google.com"])
def test_other_names(plan: MatchPlan, name: str) -> None:
    for buffer in NAME_BUFFERS:
        assert not len(scan_fields(plan, buffer, [name.encode()]))


def test_winrm(plan: MatchPlan) -> None:
    uri = scan_fields(plan, Buffer.HTTP_URI, [b"/wsman?PSVersion=5.1", b"/docs/wsman"])
    assert uri.run.tolist() == [0]
    agent = scan_fields(plan, Buffer.HTTP_USER_AGENT, [b"Microsoft WinRM Client", b"curl/8"])
    assert agent.run.tolist() == [0]
