"""The documents that only HTTP has: the start page, and the description of the interface."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from hinterland.contract.identity import SIGNED_OUT
from hinterland.server.backend import Backend
from hinterland.server.declaration import App
from hinterland.server.http import Codec, HttpAnswer, HttpRequest, json_answer
from hinterland.server.operations.schema import described
from hinterland.server.protocols.rest.home import home
from hinterland.server.protocols.rest.openapi import document

_made: WeakKeyDictionary[App, tuple[str, HttpAnswer]] = WeakKeyDictionary()


async def openapi(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The table of operations as OpenAPI 3.1. It is made once for each version of the schema: anybody may ask for it,
    and to make it takes much longer than to send it."""
    app, version = backend.app, backend.catalogue.version
    kept = _made.get(app)
    if kept is None or kept[0] != version:
        shortest, table = backend.settings.auth.password_min_length, app.operations.values()
        extension = described(backend, SIGNED_OUT).text
        made = document(app.name, backend.catalogue.collections(), table, password_length=shortest, extension=extension)
        kept = _made[app] = version, json_answer(made)
    return kept[1]


DOCUMENTS: dict[str, Codec] = {"home": home, "openapi": openapi}
