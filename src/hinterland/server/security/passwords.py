"""Passwords: the policy, and Argon2id in a bounded pool of threads.

A password is normalised to NFC, so that the same letters typed on two systems are the same password; nothing else is
changed: case, width and spaces count, and nothing is cut (RFC 8265 §4.2). Lengths count code points.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hinterland.contract.errors import Refusal
from hinterland.kit.blank_text import is_blank
from hinterland.server.security.common_passwords import common_passwords
from hinterland.server.settings import AuthSettings

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 1_024


class Passwords:
    """Hashes and verifies passwords; what exceeds the pool and its queue is refused with `rate_limited`."""

    def __init__(self, settings: AuthSettings) -> None:
        self._shortest = settings.password_min_length
        self._refuses_common = settings.refuse_common_passwords
        self._capacity = settings.hash_threads + settings.hash_queue
        self._pending = 0
        self._pool = ThreadPoolExecutor(settings.hash_threads, "hinterland-password")
        self._hasher = PasswordHasher(
            time_cost=settings.hash_passes, memory_cost=settings.hash_memory_kib, parallelism=1
        )
        # Passwords of unknown users are verified against it: it costs the same and never matches.
        self._dummy = self._pool.submit(self._hasher.hash, secrets.token_bytes(32))

    def problems(self, password: str) -> list[str]:
        """What is wrong with a new password: the messages for its field. One that shows nothing would not log in.

        Raises the `password_policy` refusal for an absurd length.
        """
        length = len(unicodedata.normalize("NFC", password[: LONGEST * 4]))
        if length > LONGEST:
            raise Refusal("password_policy", f"a password has at most {LONGEST:,} characters")
        if password and is_blank(password):
            return ["must not be blank"]
        return [f"must have at least {self._shortest} characters"] if length < self._shortest else []

    async def encode(self, password: str) -> str:
        """The encoded hash of a new password. Raises the `password_policy` refusal for one that guessers try first."""
        return await self._in_pool(self._encode_new, password)

    async def encode_again(self, password: str) -> str:
        """The hash of a password that was just verified, with today's parameters."""
        return await self._in_pool(self._hasher.hash, _prepared(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` is the one of `encoded`; None, for an unknown user, takes the same time."""
        return await self._in_pool(self._verify, encoded, password)

    def needs_rehash(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """Stop the threads; what still waits is cancelled."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _encode_new(self, password: str) -> str:
        if self._refuses_common and unicodedata.normalize("NFC", password).casefold() in common_passwords():
            raise Refusal(
                "password_policy", "this password is too common; choose another",
                errors={"password": ["is too common"]},
            )  # fmt: skip
        return self._hasher.hash(_prepared(password))

    def _verify(self, encoded: str | None, password: str) -> bool:
        is_absurd = len(password) > LONGEST * 4
        try:
            if encoded is not None and not is_absurd:
                return self._hasher.verify(encoded, _prepared(password))
            self._hasher.verify(self._dummy.result(), b"" if is_absurd else _prepared(password))
        except (VerificationError, InvalidHashError):
            return False
        return False  # pragma: no cover - 256 random bits were guessed

    async def _in_pool(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pending >= self._capacity:
            raise Refusal("rate_limited", "too many sign-ins at once; retry shortly", retry_after=1.0)
        self._pending += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))
        finally:
            self._pending -= 1


def _prepared(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
