"""Imports."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.contract.imports import MAX_ROWS, Import, ImportResult
from hinterland.server.backend import Backend
from hinterland.server.operations.call import Call


async def import_records(backend: Backend, call: Call[Import]) -> ImportResult:
    """Create many records as administrator; a refused row does not hold up the others."""
    wanted = call.input
    if len(wanted.rows) > MAX_ROWS:
        raise Refusal("invalid_body", f"rows: at most {MAX_ROWS:,} at once, this has {len(wanted.rows):,}")
    return await backend.importer.run(wanted.collection, wanted)
