"""Synchronisation and stream tickets over HTTP."""

from __future__ import annotations

from hinterland.contract.sync import PUSH_DEPTH, Pull, Push
from hinterland.server.addresses import asker_of
from hinterland.server.backend import Backend
from hinterland.server.http import JSON, NO_STORE, HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.bodies import read_body


async def push(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Settle a device's mutations."""
    wish = await read_body(backend, request, Push, PUSH_DEPTH)
    return json_answer(await backend.sync.push(request.caller, wish))


async def pull(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """What changed since a cursor."""
    wish, asker = await read_body(backend, request, Pull), asker_of(backend, request, request.caller)
    return HttpAnswer(200, [JSON, NO_STORE], await backend.sync.pull(request.caller, wish, asker))


async def issue_ticket(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """A ticket that opens one stream."""
    return json_answer(await backend.tickets.issue(request.caller))
