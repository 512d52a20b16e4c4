"""Idempotency keys as requests carry them."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.http import HttpRequest

REPLAYED = (b"idempotency-replayed", b"true")


def idempotency_key(request: HttpRequest) -> str:
    """The Idempotency-Key of a request; "" where it has none. Raises `invalid_query`."""
    given = request.headers.get(b"idempotency-key")
    if given is None:
        return ""
    return checked_key(given.decode("latin-1").strip().strip('"'), "the Idempotency-Key")


def checked_key(key: str, name: str) -> str:
    """A key that can be one. Raises `invalid_query`."""
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise Refusal("invalid_query", f"{name} must have 1 to 200 printable characters")
    return key
