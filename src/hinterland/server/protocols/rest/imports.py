"""Imports over HTTP."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.contract.imports import MAX_ROWS, Import
from hinterland.server.backend import Backend
from hinterland.server.http import HttpAnswer, HttpRequest, json_answer
from hinterland.server.protocols.rest.bodies import read_body


async def import_records(backend: Backend, request: HttpRequest) -> HttpAnswer:
    """Create many records as administrator; a refused row does not hold up the others."""
    wish = await read_body(backend, request, Import)
    if len(wish.rows) > MAX_ROWS:
        raise Refusal("invalid_body", f"rows: at most {MAX_ROWS:,} at once, this has {len(wish.rows):,}")
    return json_answer(await backend.importer.run(request.segments["collection"], wish))
