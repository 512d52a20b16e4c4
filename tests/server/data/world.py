"""A data engine on a real database, and what its readers make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from hinterland.contract.changes import Act, Write
from hinterland.contract.events import ChangeEvent, Commit
from hinterland.contract.fields import Boolean, Integer, List, Text
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.sync import Mutation, Pull, PullResult, Push, PushResult
from hinterland.kit.clock import ManualClock
from hinterland.kit.event_stream import EventStreamParser, Message
from hinterland.server.data.before_hooks import BeforeHooks
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.commands import Commands
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.encoding import Encoder
from hinterland.server.data.feed import Feed
from hinterland.server.data.pull import Puller
from hinterland.server.data.push import Pusher
from hinterland.server.data.requests import OF_SYSTEM, WriteRequest, WriteResult
from hinterland.server.data.subscription import Subscription
from hinterland.server.data.tickets import Tickets
from hinterland.server.data.views import Views
from hinterland.server.data.writer import Writer
from hinterland.server.hooks import Hooks
from hinterland.server.protocols.sse import SSE
from hinterland.server.security.sessions import new_session
from hinterland.server.storage.protocol import Storage, StoredRecord
from hinterland.server.storage.statements import RECORD_COLUMNS
from hinterland.server.storage.system import Put

ADA = Principal(id="ada")
BEN = Principal(id="ben")
ADA_SIGNED_IN = Principal(id="ada", session="ada1", acr="aal1", amr=("pwd",))
ADMIN = Principal(id="admin/root", is_admin=True)
KEY = b"k" * 32
HANGING = 120.0  # seconds, which nothing takes on the busiest machine
Rows = dict[tuple[str, str, RecordId], Any]

MEMBER = "auth.id in record.members"
NOTES = Collection(
    name="notes",
    fields={
        "title": Text(),
        "members": List(of=Text()),
        "count": Integer(merge="counter"),
        "tags": List(of=Text(), merge="set"),
        "slug": Text(unique=True),
        "done": Boolean(merge="server"),
    },
    rules=Rules(
        list=MEMBER, view=MEMBER, create="auth != null", update=f"auth.id in old.members && {MEMBER}", delete=MEMBER
    ),
)
POSTS = Collection(
    name="posts", fields={"title": Text(), "draft": Text(read="auth.id == 'ada'")}, rules=EVERYBODY, ids="integer"
)
COMMENTS = Collection(
    name="comments",
    fields={"text": Text(), "hidden": Boolean()},
    rules=msgspec.structs.replace(EVERYBODY, list="record.hidden == null || !record.hidden"),
    parent="posts",
)
CLOSED = Collection(name="closed", fields={"text": Text()})
COLLECTIONS = (users(), NOTES, POSTS, COMMENTS, CLOSED)


class World:
    """One server process's data engine."""

    def __init__(
        self,
        storage: Storage,
        collections: Sequence[Collection],
        clock: ManualClock,
        auth_fields: Sequence[str] = (),
        **feed: Any,
    ) -> None:
        self.storage = storage
        self.clock = clock
        self.catalogue = Catalogue(collections, storage.dialect, auth_fields)
        self.writer = Writer(storage, self.catalogue, clock)
        self.hooks = Hooks()
        self.commands = Commands(self.writer, BeforeHooks(self.hooks, storage, self.catalogue, clock, 5.0))
        self.cursors = Cursors(KEY, storage.database_id)
        views = Views(self.catalogue)
        self.feed = Feed(storage, views, self.cursors, clock, **feed)
        self.writer.wake = self.feed.wake
        self.pusher = Pusher(storage, self.commands)
        self.puller = Puller(storage, views, self.cursors)
        self.tickets = Tickets(storage, self.commands, clock, self._find)

    async def _find(self, session: str) -> Principal | None:
        row = await self.storage.row("_sessions", {"id": session})
        return None if row is None or row["ended"] is not None else Principal(id=row["account"], session=session)

    async def write(self, *writes: Write, caller: Principal = ADMIN) -> WriteResult:
        """Several writes as one commit."""
        return await self.writer.submit(WriteRequest(writes, caller))

    async def sign_in(self, caller: Principal) -> None:
        """Make the account, user record and session of a caller."""
        id = str(caller.id)
        body = {"name": id, "email": f"{id}@example.org"}
        acts = [
            Put("_accounts", {"id": id, "roles": "[]", "is_admin": False, "is_disabled": False}),
            Put("_sessions", new_session(caller.session, id, self.clock.now(), 86_400, amr=caller.amr)),
        ]
        write = Write(act="create", collection="users", id=id, body=body)
        await self.writer.submit(WriteRequest((write,), acts=acts, rights=OF_SYSTEM))

    async def push(
        self, caller: Principal, *mutations: Mutation, device: str = "d1", acknowledged: int = 0
    ) -> PushResult:
        """Push mutations."""
        return await self.pusher.push(caller, Push(device=device, mutations=[*mutations], acknowledged=acknowledged))

    async def pull(
        self, caller: Principal, *names: str, cursor: str = "", limit: int = 500, device: str = ""
    ) -> PullResult:
        """One page of a pull."""
        wish = Pull(collections=[*names], cursor=cursor, limit=limit, device=device)
        return msgspec.json.decode(await self.puller.pull(caller, wish), type=PullResult)

    async def subscribe(
        self, caller: Principal, *names: str, encoder: Encoder = SSE, filter: str = "", cursor: str = ""
    ) -> Subscription:
        """A subscription, encoded as Server-sent events by default."""
        return await self.feed.subscribe(caller, names, encoder, filter=filter, cursor=cursor)

    async def visible(self, caller: Principal, *names: str) -> Rows:
        """What the list rule shows, asked record by record."""
        found: Rows = {}
        for name in names:
            entry = self.catalogue[name]
            for row in await self.storage.fetch(f"SELECT {RECORD_COLUMNS} FROM {entry.table.name}"):
                record = StoredRecord(*row)
                if entry.allows("list", caller, record):
                    found[name, record.parent, record.id] = msgspec.json.decode(entry.wire(caller, record))
        return found


@asynccontextmanager
async def opened(
    storage: Storage, clock: ManualClock, collections: Sequence[Collection] = COLLECTIONS, **feed: Any
) -> AsyncIterator[World]:
    """A world on `storage` from open to close."""
    await storage.open()
    try:
        await storage.declare(collections)
        world = World(storage, collections, clock, **feed)
        await world.feed.start()
        try:
            yield world
        finally:
            await world.feed.close()
            await world.writer.drain()
    finally:
        await storage.close()


class Replica:
    """What a device holds after its pulls and events, kept as the contract says."""

    def __init__(self, world: World, caller: Principal, *names: str) -> None:
        self.world = world
        self.caller = caller
        self.names = names
        self.rows: Rows = {}
        self.cursor = ""
        self.settled = 0
        self.answers: list[PullResult] = []
        self._marks: dict[str, set[tuple[str, str, RecordId]]] = {}

    async def page(self, limit: int = 500, device: str = "") -> PullResult:
        """Pull one page."""
        result = await self.world.pull(self.caller, *self.names, cursor=self.cursor, limit=limit, device=device)
        self._marks.update((name, set()) for name in result.restart)
        self.apply(result.changes)
        for name in result.complete:
            kept = self._marks.pop(name)
            self.rows = {key: row for key, row in self.rows.items() if key[0] != name or key in kept}
        self.cursor, self.settled = result.cursor, result.settled
        self.answers.append(result)
        return result

    async def sync(self, limit: int = 500) -> list[PullResult]:
        """Pull until there is no more; the answers."""
        self.answers = []
        while (await self.page(limit)).more:
            pass
        return self.answers

    def apply(self, changes: Iterable[ChangeEvent]) -> None:
        """Do what changes tell."""
        for change in changes:
            key = (change.collection, change.parent, change.id)
            if change.record is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = change.record
                self._marks.get(change.collection, set()).add(key)


class Listener:
    """Reads a subscription as a client reads the stream. What takes `HANGING` seconds fails."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self._parser = EventStreamParser()
        self._read: list[Message] = []

    async def raw(self) -> bytes:
        """What comes next, as it is."""
        return await asyncio.wait_for(self.subscription.next(), HANGING)

    async def next(self) -> Message:
        """The next event; fails where the stream ends."""
        while not self._read:
            data = await self.raw()
            assert data, "the stream has ended"
            self._read = self._parser.feed(data)
        return self._read.pop(0)

    async def changes(self) -> list[ChangeEvent]:
        """The changes of the next event, which is a commit."""
        message = await self.next()
        assert message.event == "commit", message
        return msgspec.json.decode(message.data, type=Commit).changes


async def listen(world: World, caller: Principal, *names: str, filter: str = "", cursor: str = "") -> Listener:
    """A listener that is live: `ready` is read, and all that was missed is waiting."""
    subscription = await world.subscribe(caller, *names, filter=filter, cursor=cursor)
    listener = Listener(subscription)
    assert (await listener.next()).event == "ready"
    while not subscription.is_live:
        await world.feed.catch_up(subscription)
    return listener


def note(id: str, *members: str, act: Act = "create", **fields: Any) -> Write:
    """A write of a note for `members`."""
    return Write(act=act, collection="notes", id=id, body={"members": [*members], **fields})


def patch(collection: str, id: RecordId, parent: str = "", **fields: Any) -> Write:
    """A patch."""
    return Write(act="patch", collection=collection, id=id, parent=parent, body=fields)


def delete(collection: str, id: RecordId, parent: str = "") -> Write:
    """A deletion."""
    return Write(act="delete", collection=collection, id=id, parent=parent)


def summary(changes: Sequence[ChangeEvent]) -> list[tuple[str, RecordId]]:
    """Kind and id of changes."""
    return [(change.kind, change.id) for change in changes]
