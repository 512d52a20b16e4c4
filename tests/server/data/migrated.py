"""A database whose records are brought to a changed declaration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from hinterland.contract.fields import Field
from hinterland.contract.identity import Principal
from hinterland.contract.imports import Import
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import opened
from hinterland.server.backend import Backend
from hinterland.server.data.migration import NO_RENAMES, Migration, Renames, migrate
from hinterland.server.declaration import App
from hinterland.server.storage.protocol import Storage

ADMIN = Principal(id="a", is_admin=True)
Database = Callable[[], Storage]
"""Opens the same database again and again."""


def notes(*, parent: str = "", indexes: tuple[tuple[str, ...], ...] = (), **fields: Field) -> Collection:
    """The collection that is changed."""
    return Collection(name="notes", fields=dict(fields), rules=EVERYBODY, parent=parent, indexes=indexes)


@asynccontextmanager
async def serving(database: Database, *collections: Collection) -> AsyncIterator[Backend]:
    """The backend of these collections."""
    async with opened(App(collections=collections), database()) as backend:
        yield backend


async def stored(database: Database, collection: Collection, *rows: dict[str, Any]) -> None:
    """A database with these records."""
    async with serving(database, collection) as backend:
        result = await backend.importer.run(collection.name, Import(rows=list(rows)))
        assert result.refused == []


async def changed(
    database: Database, *collections: Collection, renames: Renames = NO_RENAMES, is_rehearsal: bool = False
) -> Migration:
    """What a migration to these collections tells."""
    storage = database()
    await storage.open()
    try:
        app = App(collections=collections)
        return await migrate(storage, app.collections, 1_800_000_000.0, renames=renames, is_rehearsal=is_rehearsal)
    finally:
        await storage.close()


async def documents(database: Database, collection: Collection) -> dict[Any, dict[str, Any]]:
    """The records by id, without what the server adds."""
    async with serving(database, collection) as backend:
        return await documents_of(backend)


async def documents_of(backend: Backend) -> dict[Any, dict[str, Any]]:
    entry = backend.catalogue["notes"]
    rows = await backend.storage.fetch("SELECT _parent, id FROM notes")
    found = {}
    for parent, id in rows:
        record = await backend.reader.view(ADMIN, entry, parent, id)
        document = msgspec.json.decode(entry.wire(ADMIN, record))
        found[id] = {name: document[name] for name in entry.collection.fields}
    return found
