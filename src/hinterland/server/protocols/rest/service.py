"""What a server says of itself: that it lives, that it is ready, what it offers, and its public keys."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.server.backend import Backend
from hinterland.server.http import HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.openapi import document


async def health(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The process lives."""
    return json_answer({"status": "ok"})


async def ready(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The database answers."""
    try:
        head = await backend.storage.head()
    except Exception as error:
        raise Refusal("unavailable", "the database does not answer", retry_after=1) from error
    return json_answer({"status": "ready", "database": backend.storage.dialect, "revision": head.revision})


async def openapi(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The table of operations as OpenAPI 3.1."""
    shortest = backend.settings.auth.password_min_length
    return json_answer(document(backend.app.name, backend.catalogue.collections(), password_length=shortest))


async def jwks(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The keys that verify access tokens (RFC 7517 §5)."""
    return json_answer(backend.keys.jwks(), cached=(b"cache-control", b"max-age=300"))
