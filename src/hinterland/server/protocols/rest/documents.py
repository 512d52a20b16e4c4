"""The documents that only HTTP has: the start page, and the description of the interface."""

from __future__ import annotations

from hinterland.server.backend import Backend
from hinterland.server.http import Codec, HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.home import home
from hinterland.server.protocols.rest.openapi import document


async def openapi(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The table of operations as OpenAPI 3.1."""
    shortest = backend.settings.auth.password_min_length
    table = backend.app.operations.values()
    return json_answer(document(backend.app.name, backend.catalogue.collections(), table, password_length=shortest))


DOCUMENTS: dict[str, Codec] = {"home": home, "openapi": openapi}
