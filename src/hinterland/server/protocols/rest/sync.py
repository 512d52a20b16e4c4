"""Synchronisation and stream tickets over HTTP."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Pull, Push
from hinterland.kit import misfit
from hinterland.server.backend import Backend
from hinterland.server.http import JSON, NO_STORE, HttpAnswer, HttpRequest, json_answer

T = TypeVar("T", bound=msgspec.Struct)


async def push(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Settle a device's mutations."""
    wish = await _read(backend, request, Push)
    return json_answer(await backend.sync.push(request.caller, wish), headers=[NO_STORE])


async def pull(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """What changed since a cursor."""
    wish = await _read(backend, request, Pull)
    return HttpAnswer(200, [JSON, NO_STORE], await backend.sync.pull(request.caller, wish))


async def issue_ticket(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """A ticket that opens one stream."""
    return json_answer(await backend.tickets.issue(request.caller), headers=[NO_STORE])


async def _read(backend: Backend, request: HttpRequest, kind: type[T]) -> T:
    """The body as `kind`; what does not fit is named by its place, such as `mutations[3].writes[0].act`."""
    value, _ = await request.json_object(backend.settings.max_body_bytes)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, path, *_ = misfit.read(error)
        raise Refusal("invalid_body", reason if path == "$" else f"{path.removeprefix('$.')}: {reason}") from None
