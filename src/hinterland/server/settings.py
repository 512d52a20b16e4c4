"""What whoever runs a server may set."""

from __future__ import annotations

import msgspec


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts, tokens and passwords. Times are in seconds.

    `issuer` and `audience` stand in every access token; another value makes those given out before worthless.
    `hash_*`: what one password costs (Argon2id; OWASP's least is 19 MiB and 2 passes), how many are worked on at once
    and how many may wait. A quota is a number of failed guesses at once, and the time after which there is one more.
    """

    issuer: str = "hinterland"
    audience: str = "hinterland"
    access_token_seconds: int = 900
    session_seconds: int = 30 * 86_400
    refresh_grace_seconds: int = 10
    password_min_length: int = 8
    refuse_common_passwords: bool = True
    hash_memory_kib: int = 19_456
    hash_passes: int = 2
    hash_threads: int = 2
    hash_queue: int = 64
    account_guesses: int = 10
    account_guess_seconds: float = 30.0
    address_guesses: int = 50
    address_guess_seconds: float = 5.0
    address_signups: int = 100
    address_signup_seconds: float = 1.0
