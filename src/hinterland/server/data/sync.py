"""Synchronisation: what a device pushes, and what it pulls."""

from __future__ import annotations

from hinterland.contract.identity import Principal
from hinterland.contract.sync import Pull, Push, PushResult
from hinterland.server.data.commands import Commands
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.pull import Puller
from hinterland.server.data.push import Pusher
from hinterland.server.data.views import Views
from hinterland.server.storage.protocol import Storage


class SyncService:
    """Both halves of synchronisation."""

    def __init__(self, storage: Storage, views: Views, commands: Commands, cursors: Cursors) -> None:
        self._pusher = Pusher(storage, commands)
        self._puller = Puller(storage, views, cursors)

    async def push(self, caller: Principal, push: Push) -> PushResult:
        """Settle a device's mutations, each exactly once and in order."""
        return await self._pusher.push(caller, push)

    async def pull(self, caller: Principal, wish: Pull, asker: str = "") -> bytes:
        """What changed since the wish's cursor: a PullResult as JSON. Costly work is shared by `asker`."""
        return await self._puller.pull(caller, wish, asker or str(caller.id))
