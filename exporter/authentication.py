"""Who may read the metrics: HTTP's Basic (RFC 7617, bcrypt hashes) and Bearer (RFC 6750) schemes.

A bcrypt check takes tens of milliseconds by design, so it runs in a thread, one at a time, and answers are
remembered: a scraper pays once. What is remembered is a keyed digest, never a password. Accepted and
refused credentials are kept apart, so that guessing can't drive out those of a scraper.
"""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

import bcrypt

REMEMBERED: Final = 64
"""Credentials of each kind that are remembered: many scrapers and a few mistakes."""
WAITING: Final = 16
"""Checks that may wait for one another: at bcrypt's cost 10 the last waits a second."""
_BCRYPT_OCTETS: Final = 72
"""bcrypt looks at no more; what made the hash cut a longer password in silence."""
_NOBODY: Final = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
"""Salt and digest of a password that nobody has, checked for users who don't exist."""


class TooManyChecksError(Exception):
    """So many passwords wait to be checked that another can't."""


class Authenticator:
    """Checks the ``Authorization`` field of requests."""

    def __init__(self, users: Mapping[str, str], bearer_token: bytes = b"") -> None:
        """``users`` are bcrypt hashes by name; with neither those nor a token everybody is admitted."""
        self._users = {user.encode(): hashed.encode() for user, hashed in users.items()}
        self._token = bearer_token
        # As costly as the costliest, so that time tells no guesser which names exist.
        self._nobody = max((h[:7] for h in self._users.values()), default=b"") + _NOBODY.encode()
        self._secret = secrets.token_bytes(32)
        self._accepted: dict[bytes, None] = {}
        self._refused: dict[bytes, None] = {}
        self._waiting = 0
        self._one_check = asyncio.Lock()

    @property
    def challenges(self) -> list[str]:
        """Values for ``WWW-Authenticate``; none where everybody is admitted."""
        basic = ['Basic realm="watchdog-sensor", charset="UTF-8"'] if self._users else []
        return basic + (['Bearer realm="watchdog-sensor"'] if self._token else [])

    async def admits(self, authorization: bytes) -> bool:
        """Whether a request with this field value (empty for none) may go on.

        :raises TooManyChecksError: if it can't be told now.
        """
        if not self._users and not self._token:
            return True
        scheme, _, credentials = authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            return bool(self._token) and hmac.compare_digest(credentials.strip(), self._token)
        if scheme.lower() != b"basic" or not self._users:
            return False
        try:
            user, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        except binascii.Error:
            return False
        return bool(colon) and await self._knows(user, password[:_BCRYPT_OCTETS])

    async def _knows(self, user: bytes, password: bytes) -> bool:
        digest = hmac.digest(self._secret, user + b":" + password, "sha256")
        known = self._recall(digest)
        if known is not None:
            return known
        if self._waiting >= WAITING:
            raise TooManyChecksError
        self._waiting += 1
        try:
            async with self._one_check:
                known = self._recall(digest)  # who waited may have waited for the same
                if known is None:
                    hashed = self._users.get(user, self._nobody)
                    matches = await asyncio.to_thread(bcrypt.checkpw, password, hashed)
                    known = matches and user in self._users
                    self._remember(self._accepted if known else self._refused, digest)
                return known
        finally:
            self._waiting -= 1

    def _recall(self, digest: bytes) -> bool | None:
        if digest in self._accepted:
            return True
        return False if digest in self._refused else None

    @staticmethod
    def _remember(cache: dict[bytes, None], digest: bytes) -> None:
        cache[digest] = None
        if len(cache) > REMEMBERED:
            del cache[next(iter(cache))]
