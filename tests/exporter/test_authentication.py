import asyncio
import base64
from collections.abc import Coroutine
from typing import Any

import bcrypt
import pytest

from exporter.authentication import REMEMBERED, WAITING, Authenticator, TooManyChecksError


def hashed(password: bytes, cost: int = 4) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


class Checks:
    """bcrypt, and which hashes it was asked for."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []

    def __call__(self, password: bytes, hashed_password: bytes) -> bool:
        self.hashes.append(hashed_password)
        return bcrypt.hashpw(password, hashed_password) == hashed_password


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    counted = Checks()
    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return counted


def test_a_scraper_pays_once_however_many_guess(checks: Checks) -> None:
    async def run() -> None:
        guarded = Authenticator({"a": hashed(b"right")})
        assert await guarded.admits(basic("a", "right"))
        for guess in range(REMEMBERED + 10):
            assert not await guarded.admits(basic("a", f"guess {guess}"))
        paid = len(checks.hashes)
        assert await guarded.admits(basic("a", "right"))
        assert not await guarded.admits(basic("a", f"guess {REMEMBERED + 9}"))
        assert len(checks.hashes) == paid
        assert len(guarded._refused) == REMEMBERED

    asyncio.run(run())


def test_those_who_ask_the_same_at_once_pay_once(checks: Checks) -> None:
    async def run() -> list[bool]:
        guarded = Authenticator({"a": hashed(b"right")})
        return await asyncio.gather(*(guarded.admits(basic("a", "right")) for _ in range(WAITING)))

    assert asyncio.run(run()) == [True] * WAITING
    assert len(checks.hashes) == 1


def test_checks_that_wait_are_bounded() -> None:
    async def run() -> list[bool | BaseException]:
        guarded = Authenticator({"a": hashed(b"right")})
        asked: list[Coroutine[Any, Any, bool]] = [
            guarded.admits(basic("a", f"guess {number}")) for number in range(WAITING + 5)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert await guarded.admits(basic("a", "right"))  # and it recovers
        return answers

    answers = asyncio.run(run())
    assert answers[:WAITING] == [False] * WAITING
    assert [type(answer) for answer in answers[WAITING:]] == [TooManyChecksError] * 5


def test_a_user_who_does_not_exist_costs_as_much_as_one_who_does(checks: Checks) -> None:
    guarded = Authenticator({"a": hashed(b"x"), "b": hashed(b"x", cost=5)})
    assert not asyncio.run(guarded.admits(basic("nobody", "x")))
    assert [made[:7] for made in checks.hashes] == [b"$2b$05$"]


def test_a_password_longer_than_bcrypt_reads_is_cut_as_the_hash_was() -> None:
    long = "x" * 72
    guarded = Authenticator({"a": hashed(long.encode())})
    assert asyncio.run(guarded.admits(basic("a", long + "more")))
    assert not asyncio.run(guarded.admits(basic("a", long[:-1])))


def test_a_password_may_hold_colons_and_any_octet() -> None:
    guarded = Authenticator({"a": hashed("パス:ワード".encode())})
    assert asyncio.run(guarded.admits(basic("a", "パス:ワード")))
    assert not asyncio.run(guarded.admits(b"Basic " + base64.b64encode(b"\xff\xfe:\x00")))


def test_without_users_and_token_all_are_admitted() -> None:
    assert asyncio.run(Authenticator({}).admits(b""))
    assert Authenticator({}).challenges == []


def test_without_a_token_none_is_right() -> None:
    guarded = Authenticator({"a": hashed(b"x")})
    for field in (b"Bearer", b"Bearer ", b"Bearer x"):
        assert not asyncio.run(guarded.admits(field))


def test_without_users_basic_is_never_right() -> None:
    guarded = Authenticator({}, b"0123456789abcdef")
    assert not asyncio.run(guarded.admits(basic("a", "x")))
    assert asyncio.run(guarded.admits(b"Bearer 0123456789abcdef"))
    assert [value.split()[0] for value in guarded.challenges] == ["Bearer"]
