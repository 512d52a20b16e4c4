"""The bodies of the account operations."""

from __future__ import annotations

from typing import Any

import msgspec


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sign up: the credentials and the fields of the user's record."""

    email: str
    password: str
    name: str = ""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Log in."""

    email: str
    password: str


class RefreshRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Renew a session (RFC 6749 §6)."""

    refresh_token: str


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The signed-in state: a short access token (a JWT, RFC 9068) and a single-use refresh token.

    `token` repeats `access_token`; `expires_in` is in seconds (RFC 6749 §5.1). `message` comes with a sign-up.
    """

    token: str
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: dict[str, Any]
    message: str = ""
