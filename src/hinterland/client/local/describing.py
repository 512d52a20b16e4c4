"""Fetching the server's description of its app, and taking it over where it has changed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from hinterland.client.errors import HinterlandError
from hinterland.client.local.connection import Scope
from hinterland.client.local.shapes import Description, Shapes, confirm, recall, stored_tag, take_over
from hinterland.client.local.store import Store
from hinterland.contract.described import collections_in
from hinterland.kit.clock import Clock

Describe = Callable[[str], Awaitable[Description | None]]
"""What fetches the description; None where it still has the given ETag. Raises the client's errors."""
_EVERY = 300.0  # seconds after which it is asked for again where nothing suggests that it has changed
_log = logging.getLogger("hinterland.client")


class DescriptionKeeper:
    """Keeps `shapes` at the description of the `server`. A server that has none, or is not reached, changes nothing."""

    def __init__(
        self,
        store: Store,
        describe: Describe | None,
        clock: Clock,
        server: str,
        shapes: Shapes,
        where: Callable[[], Scope],
    ) -> None:
        self._store = store
        self._describe = describe
        self._clock = clock
        self._server = server
        self._shapes = shapes
        self._where = where
        self._tag = ""
        self._is_confirmed = False  # by the server, since this start
        self._at: float | None = None  # when it was last asked for, by the monotonic clock; None: it may be another

    async def open(self) -> None:
        """Know what the server described last."""
        self._tag = await self._store.read(lambda c: recall(c, self._server, self._shapes))

    async def reload(self) -> bool:
        """Know what another process, which synchronises the store, has fetched; whether that is something else."""
        if await self._store.read(lambda c: stored_tag(c, self._server)) == self._tag:
            return False
        self._tag = await self._store.read(lambda c: recall(c, self._server, self._shapes, is_certain=True))
        return True

    def doubt(self) -> None:
        """The description may be another: ask for it again with the next round."""
        self._at = None

    async def refresh(self) -> None:
        """Ask for the description where that is due. What fails is logged, and tried again later."""
        now = self._clock.monotonic()
        if self._describe is None or (self._at is not None and now < self._at + _EVERY):
            return
        self._at = now
        try:
            description = await self._describe(self._tag)
            if description is not None:
                await self._take(description)
            elif not self._is_confirmed:
                scope = self._where()
                await self._store.write(lambda c: confirm(c, scope, self._server, self._shapes))
                self._is_confirmed = True
        except HinterlandError as error:
            _log.info("the description of the app can't be fetched; what is known of it stays: %s", error)

    async def _take(self, description: Description) -> None:
        found = collections_in(description.text)
        if found is None:
            _log.info("the response to the description of the app is none; what is known of it stays")
            return
        scope = self._where()
        await self._store.write(lambda c: take_over(c, scope, self._server, self._shapes, description, found))
        self._tag, self._is_confirmed = description.tag, True
