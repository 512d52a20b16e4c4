"""The local side of a client: holds its parts, and says whose data they work on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import random as system_random
from typing import Any, TypeVar, overload

from hinterland.client.answers import refused_here
from hinterland.client.errors import HinterlandError
from hinterland.client.local.accounts import AccountFollower
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.describing import Describe, DescriptionKeeper
from hinterland.client.local.identity import identified
from hinterland.client.local.mutations import last_timestamp, timestamp
from hinterland.client.local.outbox import Handle, Outbox
from hinterland.client.local.posting import SendDocument
from hinterland.client.local.queries import Queries
from hinterland.client.local.remote import Remote
from hinterland.client.local.repository import LocalRepository
from hinterland.client.local.salvage import Salvaged
from hinterland.client.local.shapes import Shapes
from hinterland.client.local.status import Status
from hinterland.client.local.store import Store
from hinterland.client.local.sync import Sync
from hinterland.client.loop_guard import LoopGuard
from hinterland.client.places import checked_collection, checked_parent
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import IdMaker, RecordId, first_id, new_id
from hinterland.contract.kinds.field import Ids
from hinterland.contract.records import Collection
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock

T = TypeVar("T")
_MILLISECOND = 0.001  # in which the last id before the start may have been made


class Local:
    """The records on this device, the `outbox` of writes, and `sync`, which keeps them in step with the server.

    `path` is the store's file. `server` tells the data of several servers in one file apart. `collections` are the
    contract's declarations where the app knows them: writes are then checked and completed here as on the server.
    Other collections are known as the server describes them, once `describe` has fetched that. `send` sends the GraphQL
    mutations of the outbox.
    Between `open` and `close` it can be used; `switch` says who is signed in, and nobody else's data is then seen or
    sent. `follower` is a listener of the session's state that calls it.
    """

    def __init__(
        self,
        path: str | Path,
        remote: Remote,
        clock: Clock,
        *,
        server: str = "",
        collections: Iterable[Collection] = (),
        describe: Describe | None = None,
        send: SendDocument | None = None,
        random: Random = system_random,
        guard: LoopGuard | None = None,
    ) -> None:
        self.clock = clock
        self.store = Store(path, guard)
        self._server = server
        self._shapes = Shapes(collections)
        self._ids: dict[str, Ids] = {}  # of the collections that are synchronised, as the app says
        self.queries = Queries(self.store.signals)
        self.scope = Scope(0, "", self._shapes)
        self._description = DescriptionKeeper(self.store, describe, clock, server, self._shapes, self._where)
        self.sync = Sync(
            self.store, remote, clock, random, self._where, lambda: self.subscription, self._description, send
        )
        self.outbox = Outbox(self.store, clock, self._where, self.sync.work, self.next_id)
        self._maker = IdMaker()
        self.follower = AccountFollower(self.switch)

    async def open(self) -> None:
        """Open the store for the account whose data was shown last. Raises StoreError's kinds."""
        await self.store.open()
        start = await self.store.write(lambda c: timestamp(c, last_timestamp(c) + _MILLISECOND))
        self._maker = IdMaker(first_id(start))
        await self._description.open()
        self.scope = await self._scope_of(await self.store.read(lambda c: _last_account(c, self._server)))

    async def close(self) -> None:
        """End synchronisation and close the file; what waits in the outbox stays there. Those who wait for an
        outcome or for changes get ClientClosed."""
        await self.sync.stop()
        await self.store.close()
        self.store.signals.notify_all()

    @property
    def salvaged(self) -> Salvaged | None:
        """What was salvaged where the store's file was found damaged at `open`; None: it was not."""
        return self.store.salvaged

    # ------------------------------------------------------------ whose data

    async def switch(self, account: RecordId) -> None:
        """From now on `account` is signed in ("": nobody). Returns when nothing for the one before is under way.

        Also ends a pause that began because the server wanted the same user to sign in again.
        """
        if account != self.scope.account:
            async with self.sync.held():
                self.scope = await self._scope_of(account)
                self.store.signals.notify_all()
        self.sync.nudge()

    async def _scope_of(self, account: RecordId) -> Scope:
        device = new_id(self.clock.now())
        space = await self.store.write(lambda c: _space(c, self._server, account, device), is_urgent=True)
        return Scope(space, account, self._shapes)

    @property
    def account(self) -> RecordId:
        """The id of the user whose data is shown, also when the server has ended the session; "" for nobody's."""
        return self.scope.account

    def _where(self) -> Scope:
        return self.scope

    # ------------------------------------------------------------ records

    @overload
    def collection(self, name: str, *, ids: Ids = ..., parent: str = ...) -> LocalRepository[dict[str, Any]]: ...

    @overload
    def collection(self, name: str, kind: type[T], *, ids: Ids = ..., parent: str = ...) -> LocalRepository[T]: ...

    def collection(
        self, name: str, kind: type[Any] = dict, *, ids: Ids = "string", parent: str = ""
    ) -> LocalRepository[Any]:
        """The records of a collection as `kind`, which are synchronised with the server from now on.

        `ids` are those of the collection, as long as neither the app nor the server has declared it; `parent` is the
        path of the record that owns these, `posts/42`. Raises UnknownCollection where the app gave declarations and
        neither they nor the server's have this name.
        """
        self._check(name)
        checked_parent(parent, is_local=True)
        if name not in self._ids:
            self.sync.work()
        if self._ids.get(name) != "integer":
            self._ids[name] = ids
        return LocalRepository(self, name, kind, parent=parent)

    async def write(self, *writes: Write) -> Handle:
        """Keep several writes that happen together or not at all; a creation without an id gets one here."""
        for write in writes:
            self._check(write.collection)
        known = [identified(write, self.ids_of(write.collection), self.next_id) for write in writes]
        handle, _ = await self.outbox.add(lambda _: known, dict)
        return handle

    def _check(self, name: str) -> None:
        if "/" in checked_collection(name):
            message = f"must be a name, with the path before it as parent=; it is {name!r}"
            raise refused_here(invalid({"collection": [message]}))
        if self._shapes.declared and name not in (*self._shapes, "users"):  # which every server has
            message = f"there is no collection {name!r}; declared are {', '.join(self._shapes)}"  # as the server says
            raise refused_here(Refusal("unknown_collection", message))

    # ------------------------------------------------------------ for its parts

    def ids_of(self, collection: str) -> Ids:
        """The ids of a collection: as it is declared, as the server describes it, or as the app's `ids=` gives them."""
        shape = self._shapes.get(collection)
        return self._ids.get(collection, "string") if shape is None else shape.collection.ids

    def next_id(self) -> str:
        """An id for a new record, beyond those before it, also after a restart and where the clock was set back."""
        return self._maker.new(self.clock.now())

    @property
    def subscription(self) -> str:
        """The collections that are synchronised: those that were asked for and that the server has."""
        return ",".join(sorted(self._ids.keys() - self.sync.unknown.keys()))

    def refusal(self, collection: str) -> HinterlandError | None:
        """Why the server does not give this collection, where it has said so."""
        return self.sync.unknown.get(collection)

    @property
    def status(self) -> Status:
        """How synchronisation is doing."""
        return self.sync.status


def _last_account(connection: StoreConnection, server: str) -> RecordId:
    row = connection.execute("SELECT account FROM spaces WHERE server = ? AND is_last", (server,)).fetchone()
    account: RecordId = "" if row is None else row[0]
    return account


def _space(connection: StoreConnection, server: str, account: RecordId, device: str) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO spaces (server, account, device) VALUES (?, ?, ?)", (server, account, device)
    )
    connection.execute(
        "UPDATE spaces SET is_last = NOT is_last WHERE server = ? AND is_last <> (account = ?)", (server, account)
    )
    [space] = connection.execute(
        "SELECT space FROM spaces WHERE server = ? AND account = ?", (server, account)
    ).fetchone()
    return int(space)
