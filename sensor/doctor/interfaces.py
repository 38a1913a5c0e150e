"""The interfaces to watch: there, up, of a kind that is decoded; what their drivers do to packets."""

import shlex
import socket
import struct
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sensor.capture.links import Link, read_link, read_links
from sensor.doctor.ethtool import read_offloads
from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning

_ARPHRD_LOOPBACK: Final = 772
_KINDS: Final = {
    1: "Ethernet",
    _ARPHRD_LOOPBACK: "loopback",
    801: "802.11",
    803: "802.11 radiotap",
    65534: "IP",
}
_ARPHRD_PRISM: Final = 802
_ARPHRD_RADIOTAP: Final = 803
_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP: Final = 1
_PROMISCUOUS: Final = 1
_FORWARDING: Final = (Path("/proc/sys/net/ipv4/ip_forward"), Path("/proc/sys/net/ipv6/conf/all/forwarding"))


def check_interfaces(subject: Subject) -> Findings:
    """Each interface of the configuration; those that there are, if it names none."""
    names = subject.configuration.capture.interfaces
    if not names:
        there = ", ".join(link.name for link in read_links() if link.hardware_type != _ARPHRD_LOOPBACK)
        yield warning(
            f"no interface is named; there are: {there or 'none but loopback'}",
            f"インターフェースが指定されていません。あるもの: {there or 'ループバックのみ'}",
            "name one with -i, or in [capture] interfaces",
            "-i または [capture] interfaces で指定してください",
        )
    for name in names:
        link = read_link(name)
        if link is None:
            yield from _missing(name)
        else:
            yield from _state(link)
            if sys.platform == "linux":
                yield from _kind(link)
                yield from _promiscuous(link, wanted=subject.configuration.capture.promiscuous)
                yield from _offloads(name)


def _missing(name: str) -> Findings:
    there = [link.name for link in read_links()]
    near = get_close_matches(name, there, 1, 0.5)
    yield problem(
        f"there is no interface {name}",
        f"インターフェース {name} はありません",
        f"did you mean {near[0]}?" if near else f"name one of: {', '.join(there)}",
        f"{near[0]} ではありませんか" if near else f"次のいずれかを指定してください: {', '.join(there)}",
    )


def _state(link: Link) -> Findings:
    name = link.name
    if not link.is_up:
        yield problem(
            f"{name} is down", f"{name} は停止しています", f"sudo ip link set {shlex.quote(name)} up"
        )
    elif not link.is_running:
        yield warning(
            f"{name} is up, but has no carrier: nothing arrives",
            f"{name} は有効ですが、リンクがありません（何も届きません）",
            "plug the cable in, or switch the other end on",
            "ケーブルと接続先の機器を確認してください",
        )
    else:
        kind = _KINDS.get(link.hardware_type, f"type {link.hardware_type}, read from the IP header on")
        yield ok(f"{name} is up ({kind})", f"{name} は動作中です（{kind}）")


def _kind(link: Link) -> Findings:
    name = link.name
    if link.hardware_type == _ARPHRD_PRISM:
        yield problem(
            f"{name} delivers Prism headers, which are not decoded",
            f"{name} の Prism ヘッダーには対応していません",
            f"sudo iw dev {shlex.quote(name)} set type monitor",
        )
    elif link.hardware_type == _ARPHRD_RADIOTAP:
        yield warning(
            f"{name} is in monitor mode: only frames without encryption can be read",
            f"{name} はモニターモードです。暗号化されていないフレームだけを読めます",
            "watch the access point's wired side instead",
            "アクセスポイントの有線側を監視してください",
        )
    elif Path(f"/sys/class/net/{name}/phy80211").exists():
        yield warning(
            f"{name} is wireless: it shows this machine's own traffic, not that of others",
            f"{name} は無線です。見えるのはこの機器自身の通信だけです",
            "to watch a whole network, run the sensor on its gateway",
            "ネットワーク全体を見るには、ゲートウェイで実行してください",
        )


def _promiscuous(link: Link, *, wanted: bool) -> Findings:
    if not wanted or link.hardware_type == _ARPHRD_LOOPBACK:
        return
    name = link.name
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as any_socket:
            membership = struct.pack("iHH8x", link.index, _PROMISCUOUS, 0)
            any_socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
    except PermissionError:
        return  # told as such already
    except OSError as error:
        yield warning(
            f"{name} can't be promiscuous ({describe(error)}): only this machine's packets are seen",
            f"{name} はプロミスキャスモードにできません（{describe(error)}）",
            "[capture] promiscuous = false",
        )
    else:
        yield ok(f"{name} can be promiscuous", f"{name} はプロミスキャスモードにできます")


def _offloads(name: str) -> Findings:
    try:
        offloads = read_offloads(name)
    except OSError as error:
        yield ok(
            f"{name}: its driver tells of no offloads ({describe(error)})",
            f"{name}: オフロードの情報はありません（{describe(error)}）",
        )
        return
    if offloads.lro and any(_is_on(path) for path in _FORWARDING):
        yield warning(
            f"{name} joins packets by LRO, and this machine forwards: what it forwards is damaged",
            f"{name} の LRO が有効で、この機器は転送もしています。転送するパケットが壊れます",
            f"sudo ethtool -K {shlex.quote(name)} lro off",
        )
        return
    states = {"GRO": offloads.gro, "LRO": offloads.lro, "TSO": offloads.tso, "VLAN": offloads.rx_vlan}
    shown = ", ".join(f"{title} {'on' if state else 'off'}" for title, state in states.items())
    yield ok(
        f"{name} offloads {shown}: joined packets are read whole, VLAN tags put back",
        f"{name} のオフロード {shown}: 結合されたパケットもそのまま読み、VLAN タグは復元します",
    )


def _is_on(path: Path) -> bool:
    try:
        return path.read_text("ascii").strip() not in ("", "0")
    except OSError:
        return False
