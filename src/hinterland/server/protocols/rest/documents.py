"""The documents that only HTTP has: the start page, and the description of the interface."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from hinterland.contract.identity import Principal
from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.description import known_fields
from hinterland.server.declaration import App
from hinterland.server.http import Codec, HttpAnswer, HttpRequest, json_answer
from hinterland.server.operations.schema import described
from hinterland.server.protocols.rest.home import home
from hinterland.server.protocols.rest.openapi import document

_made: WeakKeyDictionary[Catalogue, tuple[str, dict[bool, HttpAnswer]]] = WeakKeyDictionary()


async def openapi(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """The table of operations as OpenAPI 3.1, with the collections and fields that the caller may know."""
    return openapi_answer(backend, request.caller)


def openapi_answer(backend: Backend, reader: Principal) -> HttpAnswer:
    """The response to `reader`. It is made once for each version of the schema, for administrators and for others:
    anybody may ask for it, and to make it takes much longer than to send it."""
    catalogue, is_admin = backend.catalogue, reader.is_admin
    version, made = _made.get(catalogue, ("", {}))
    if version != catalogue.version:
        made = {}
        _made[catalogue] = catalogue.version, made
    if is_admin not in made:
        whole = document(
            backend.app.name,
            catalogue.collections(),
            _rows(backend.app, is_admin=is_admin),
            known=known_fields(catalogue, is_admin=is_admin),
            password_length=backend.settings.auth.password_min_length,
            extension=described(backend, reader).text,
        )
        made[is_admin] = json_answer(whole)
    return made[is_admin]


def _rows(app: App, *, is_admin: bool) -> list[Operation]:
    """The operations, those that an app has for administrators for these alone."""
    return [row for row in app.operations.values() if is_admin or row.auth != "admin" or row.name in OPERATIONS]


DOCUMENTS: dict[str, Codec] = {"home": home, "openapi": openapi}
