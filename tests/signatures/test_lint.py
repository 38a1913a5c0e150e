"""What `signatures check` warns of, and what it must not."""

from typing import Any

import pytest

from signatures.lint import MAX_WARNINGS, lint
from signatures.model import (
    Buffer,
    Clause,
    Direction,
    Fold,
    PortRange,
    Role,
    Severity,
    Signature,
    Suppression,
    Track,
)

PAYLOAD = (Buffer.PAYLOAD,)
URI = (Buffer.HTTP_URI,)


def clause(*keywords: str, buffers: tuple[Buffer, ...] = PAYLOAD, **changes: Any) -> Clause:
    return Clause(buffers, keywords=keywords, **changes)


def signature(*clauses: Clause, sid: int = 9000001, **changes: Any) -> Signature:
    return Signature(
        sid, 1, {"en": "x"}, "custom", Severity.LOW, clauses, source=f"my.toml:{sid % 1000}", **changes
    )


def warnings(*signatures: Signature) -> list[str]:
    return [each.reason for each in lint(signatures, {each.sid for each in signatures})]


SOUND: list[Signature] = [
    signature(clause("遠隔操作", "anydesk", "キーロガー")),
    signature(clause("information", buffers=(Buffer.HTTP_HOST,))),
    signature(clause("GET", buffers=(Buffer.HTTP_METHOD,))),
    signature(clause("情報", depth=64)),
    signature(clause("情報", at_start=True)),
    signature(clause("情報"), clause("遠隔操作")),
    signature(clause("遠隔操作"), clause("情報", role=Role.NONE)),
    signature(clause("遠隔操作"), clause("情報", role=Role.ANY)),
    signature(clause("qzx", buffers=URI)),
    signature(Clause(PAYLOAD, contents=(b"\x16\x03\x01\xff\xfe",))),
    signature(Clause(PAYLOAD, contents=(b"\x16\x03",), depth=2)),
    signature(clause("遠隔操作", "遠隔操作ソフト", at_end=True, buffers=URI)),
    signature(clause("ｶﾅｶﾅ", "カナカナ", folds=())),  # as written
    signature(clause("遠隔操作"), sets=("seen",), needs=()),
    signature(clause("遠隔操作"), src_networks=("10.0.0.0/8",), dst_networks=("!2001:db8::/32",)),
    signature(clause("遠隔操作"), suppressions=(Suppression(Track.BY_SRC, ("0.0.0.0/0",)),)),
]


@pytest.mark.parametrize("sound", SOUND, ids=range(len(SOUND)))
def test_sound_signatures_get_no_warning(sound: Signature) -> None:
    assert warnings(sound) == []


DOUBTFUL = [
    (signature(clause("情報")), "'情報' is common: it stands in 359 of 1,000 Japanese pages"),
    (signature(clause("ＦＩＬＥ")), "is common: it stands in "),  # noqa: RUF001  # full width
    (signature(clause("password")), "'password' is common: it stands in up to 52 of 1,000 English pages"),
    (signature(clause("情報", buffers=URI)), "'情報' is common"),
    (signature(Clause(PAYLOAD, contents=("情報".encode(),))), "is common"),
    (signature(clause("情報"), clause("ファイル")), "'ファイル' is common"),
    (signature(clause("鰯")), "'鰯' is short: by chance it stands 16 times in each MiB"),
    (signature(clause("qzx")), "'qzx' is short: by chance it stands 0.5 times in each MiB"),
    (signature(Clause(PAYLOAD, contents=(b"\x16\x03\x01",))), "is short: by chance it stands 0.062 times"),
    (
        signature(clause("遠隔操作", "遠隔操作ソフト")),
        "'遠隔操作ソフト' adds nothing: it contains '遠隔操作'",
    ),
    (signature(clause("AnyDesk", "anydesk.example")), "'anydesk.example' adds nothing"),
    (
        signature(Clause((Buffer.HTTP_HOST,), domains=("example.com", "a.b.example.com"))),
        "'a.b.example.com' adds nothing: it is below 'example.com'",
    ),
    (signature(clause("遠隔操作"), needs=("seen",)), "never fires: it needs the flag 'seen'"),
    (
        signature(clause("遠隔操作"), src_networks=("10.0.0.0/8",), dst_networks=("2001:db8::/32",)),
        "never fires: src_networks and dst_networks are of different versions of IP",
    ),
    (
        signature(clause("遠隔操作"), suppressions=(Suppression(Track.BY_BOTH, ("0.0.0.0/0", "::/0")),)),
        "never fires: it is suppressed for every address",
    ),
]


@pytest.mark.parametrize(("doubtful", "reason"), DOUBTFUL, ids=range(len(DOUBTFUL)))
def test_doubtful_signatures_get_one(doubtful: Signature, reason: str) -> None:
    told = warnings(doubtful)
    assert any(reason in each for each in told), told
    assert all(each.startswith("sid 9000001: ") for each in told)


def test_repeats_of_another_signature() -> None:
    one = signature(clause("遠隔操作", "盗聴"), sid=1)
    for other in (
        signature(clause("遠隔操作"), sid=2),
        signature(clause("盗聴", "鍵の記録", buffers=(*URI, *PAYLOAD)), sid=2),
    ):
        (told,) = warnings(one, other)
        assert told.startswith("sid 2: sid 1 looks for the same in the same buffer: '")
    for different in (
        signature(clause("遠隔操作", buffers=URI), sid=2),
        signature(clause("遠隔操作", depth=2000), sid=2),
        signature(clause("遠隔操作", folds=(*Fold,)), sid=2),
        signature(clause("遠隔操作"), sid=2, dst_ports=(PortRange(25, 25),)),
        signature(clause("遠隔操作"), sid=2, direction=Direction.TO_CLIENT),
        signature(clause("遠隔操作"), clause("鍵の記録"), sid=2),
        signature(clause("遠隔操作ソフト"), sid=2),
    ):
        assert warnings(one, different) == []


def test_flags_that_another_signature_sets_are_met() -> None:
    setter = signature(clause("盗聴"), sid=1, sets=("seen",))
    assert warnings(setter, signature(clause("遠隔操作"), sid=2, needs=("seen",))) == []


def test_only_those_asked_for_are_told_of_with_their_place() -> None:
    shipped, own = signature(clause("情報"), sid=1), signature(clause("情報"), sid=9000002)
    told = lint([shipped, own], {9000002})
    assert {(each.file, each.line) for each in told} == {("my.toml", 2)}
    assert len(told) == 2  # common, and what sid 1 looks for


def test_warnings_are_bounded() -> None:
    many = [signature(clause("情報", buffers=(Buffer.HTTP_URI,)), sid=sid) for sid in range(1, 2000)]
    assert len(lint(many, {each.sid for each in many})) == MAX_WARNINGS
