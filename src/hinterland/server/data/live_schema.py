"""The declared collections of a running server: they change between two groups of the writer.

Where several processes serve one database, each takes over what another declares: it is notified, looks every few
seconds as well, and before that no write of it goes through that does not know the new fields.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from hinterland.contract.records import Collection
from hinterland.kit.clock import Clock
from hinterland.server.data import schema
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.search_change import too_many
from hinterland.server.data.writer import Writer
from hinterland.server.storage.failures import Deadlock, SchemaOutdated, StorageError
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import SCHEMA

log = logging.getLogger("hinterland.schema")
_LOOK_SECONDS = 5.0
_TRIES = 5


async def declare(storage: Storage, collections: Sequence[Collection]) -> None:
    """Make what `collections` add to the database's declaration. Raises `SchemaChange` for more than additions, and
    `StorageError`."""
    await _declare(storage, lambda known: collections)


async def _declare(storage: Storage, wanted: Callable[[dict[str, Collection]], Sequence[Collection]]) -> None:
    """Declare what is `wanted` where the database has the given declarations. Raises what `declare` does."""
    for _ in range(_TRIES):
        declared = await storage.declared()
        known = {collection.name: collection for collection in declared.collections}
        collections = wanted(known)
        reasons = schema.breaking(known, collections) or await too_many(storage, storage.dialect, known, collections)
        if reasons:
            raise schema.SchemaChange(reasons, is_possible=not schema.impossible(known, collections))
        if reasons := await schema.too_long(storage, storage.dialect, known, collections):
            raise StorageError(schema.index_problem(reasons))
        storage.adopt(declared)
        try:
            await storage.declare(collections)
        except (SchemaOutdated, Deadlock):
            continue  # other processes declare too, or write
        return
    raise StorageError("other processes keep declaring collections; retry")


class LiveSchema:
    """Keeps the catalogue of a running server at the database's declaration. `changed` is called with the names of the
    collections of which lists, events and pulls are not what they were."""

    def __init__(
        self, storage: Storage, writer: Writer, clock: Clock, changed: Callable[[frozenset[str]], None]
    ) -> None:
        self._storage = storage
        self._writer = writer
        self._clock = clock
        self._changed = changed
        self._doubted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        writer.renew = self._renew

    async def start(self) -> None:
        """Follow what other processes declare."""
        if self._storage.has_other_writers:
            self._tasks = [asyncio.create_task(work()) for work in (self._follow, self._look)]

    async def close(self) -> None:
        """Follow no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def recheck(self, subject: str) -> None:
        """What an invalidation names has changed."""
        if subject == SCHEMA:
            self._doubted.set()

    async def add(self, collections: Sequence[Collection]) -> None:
        """Serve `collections` from now on, beside the others that the database has then and in the place of those of
        their names. Raises `DeclarationError`, `SchemaChange` and `StorageError`; nothing has changed then."""
        given = {collection.name: collection for collection in collections}
        made: list[Catalogue] = []

        def extended(known: dict[str, Collection]) -> Sequence[Collection]:
            made.append(self._compiled([*(known | given).values()]))
            return [*made[-1].collections()]

        async with self._writer.paused():
            await _declare(self._storage, extended)
            self._changed(self._writer.catalogue.adopt(made[-1]))

    def _compiled(self, collections: Sequence[Collection]) -> Catalogue:
        return Catalogue(collections, self._storage.dialect, self._writer.catalogue.auth_fields)

    async def _renew(self) -> None:
        """Take over what another process declared."""
        declared = await self._storage.declared()
        catalogue = self._compiled(declared.collections)
        self._storage.adopt(declared)
        self._changed(self._writer.catalogue.adopt(catalogue))

    async def _follow(self) -> None:
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            try:
                async with self._writer.paused():
                    if await self._storage.is_outdated():
                        await self._renew()
            except Exception as error:  # the next look, or the next write, tries again
                log.warning("cannot take over what another process declared: %s", error)

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            self._doubted.set()
