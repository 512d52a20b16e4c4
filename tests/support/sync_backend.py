"""A real backend for tests of the local store: each account's name is a user, and the test changes rules and data."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hinterland.client.client import Client
from hinterland.client.errors import InvalidCredentials
from hinterland.client.events import Event
from hinterland.client.local.remote import ServerRemote
from hinterland.client.options import Options
from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import Collection, Document, Rules, users
from hinterland.contract.sync import Mutation, Pull, PullResult, Push, PushResult, Settled
from hinterland.kit.clock import Clock, SystemClock
from hinterland.server.backend import Backend
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.steps import step_of
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork

Key = tuple[str, str, RecordId]
ADMINISTRATOR = Principal(id="admin/root", is_admin=True)
PASSWORD = "a long walk outside"
_COMMITS = 'SELECT DISTINCT "commit", origin FROM _log WHERE origin <> \'\' ORDER BY "commit"'
_LATER = 'SELECT count(DISTINCT "commit") FROM _log WHERE "commit" > ? AND collection <> \'users\''
_MUTATIONS = "SELECT account, id, result FROM _mutations"


class ServerClock(SystemClock):
    """The server's own clock: its time goes with a device's `clock`, but does not jump with it; its waits are real."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now() - clock.monotonic()

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._start + self._clock.monotonic()


class Applied(NamedTuple):
    """A mutation that the server has applied: whose, from which device, which of that; `digest` is that of its id."""

    account: RecordId
    device: str
    seq: int
    digest: str


class SyncBackend:
    """A real backend in this process, and the `Remote` of local stores: an account is a user who signs up when a store
    first asks for the account, on a `FaultyNetwork` of their own. It starts with its first use."""

    def __init__(self, folder: Path, clock: Clock, collections: Iterable[Collection]) -> None:
        self.clock = ServerClock(clock)
        self.collections = {collection.name: collection for collection in (users(), *collections)}
        self.under_way = 0  # pushes and pulls, which take no time of a clock that is turned by hand
        self._folder = folder
        self._backups = 0
        self._stack = AsyncExitStack()
        self._made: TestBackend | None = None
        self._is_down = False
        self._networks: list[FaultyNetwork] = []
        self._remotes: dict[RecordId, ServerRemote] = {}
        self._accounts: dict[str, RecordId] = {}  # by the ids of the users
        self._turn = asyncio.Lock()

    async def backend(self) -> Backend:
        """The backend, which runs."""
        backend = (await self._running()).server.backend
        assert backend is not None
        return backend

    async def _running(self) -> TestBackend:
        if self._made is None:
            made = running_backend([*self.collections.values()], folder=self._folder, clock=self.clock)
            self._made = await self._stack.enter_async_context(made)
        return self._made

    async def close(self) -> None:
        """End it; the data stay."""
        self._made = None
        self._networks.clear()
        self._remotes.clear()
        await self._stack.aclose()

    # ------------------------------------------------------------ the remote of local stores

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Push as the account's user."""
        with self._under_way():
            return await (await self._remote(account)).push(account, push)

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """Pull as the account's user."""
        with self._under_way():
            return await (await self._remote(account)).pull(account, pull)

    async def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """The account's live events."""
        remote = await self._remote(account)
        async with aclosing(remote.events(account, collections, cursor)) as events:
            async for event in events:
                yield event

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def _remote(self, account: RecordId) -> ServerRemote:
        async with self._turn:
            if account not in self._remotes:
                self._remotes[account] = await self._signed_in(account)
            return self._remotes[account]

    async def _signed_in(self, account: RecordId) -> ServerRemote:
        """The server for an account, without retries, so that each request is one try."""
        backend = await self._running()
        network = FaultyNetwork(backend.transport(), seed=0)
        network.is_down = self._is_down
        self._networks.append(network)
        client = await backend.client(transport=network, options=Options(retries=0), random=lambda: 0.01)
        if account != "":
            self._accounts[str((await _enter(client, str(account)))["id"])] = account
        return ServerRemote(client.calls, client.events, lambda: account)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Nobody reaches the server meanwhile."""
        self._set_down(is_down=True)
        yield
        self._set_down(is_down=False)

    def _set_down(self, *, is_down: bool) -> None:
        self._is_down = is_down
        for network in self._networks:
            network.is_down = is_down

    # ------------------------------------------------------------ what an administrator does

    async def write(self, *writes: Write) -> int:
        """Write as an administrator, in one commit; its revision."""
        return (await (await self.backend()).commands.submit(WriteRequest(writes, ADMINISTRATOR))).revision

    async def declare(self, *collections: Collection) -> None:
        """Serve these collections from now on, beside the others, or in the place of those of their names."""
        self.collections |= {collection.name: collection for collection in collections}
        await (await self.backend()).schema.add([*self.collections.values()])

    async def set_rules(self, name: str, rules: Rules) -> None:
        """Other rules for a collection."""
        await self.declare(msgspec.structs.replace(self.collections[name], rules=rules))

    async def backup(self) -> Path:
        """A copy of the database; the server is restarted."""
        await self._running()
        await self.close()
        self._backups += 1
        return Path(shutil.copytree(self._folder, f"{self._folder}-{self._backups}"))

    async def restore(self, backup: Path) -> None:
        """Restart the server on a copy."""
        await self.close()
        shutil.rmtree(self._folder)
        shutil.copytree(backup, self._folder)

    # ------------------------------------------------------------ what the server holds

    async def revision(self) -> int:
        """The last change's."""
        async with (await self.backend()).storage.snapshot() as snapshot:
            return (await snapshot.head()).revision

    async def commits_since(self, cursor: str) -> int:
        """How many commits that are not about users are behind a cursor."""
        backend = await self.backend()
        after = Cursors(backend.keys.secret("cursor"), backend.storage.database_id).read(cursor).revision
        async with backend.storage.snapshot() as snapshot:
            [(count,)] = await snapshot.fetch(_LATER, (after,))
        return int(count)

    async def records(self) -> dict[Key, Document]:
        """All records but users."""
        backend = await self.backend()
        names = [name for name in self.collections if name != "users"]
        found: dict[Key, Document] = {}
        page = PullResult(changes=[], cursor="", more=True)
        while page.more:
            wish = Pull(collections=names, cursor=page.cursor)
            page = msgspec.json.decode(await backend.puller.pull(ADMINISTRATOR, wish), type=PullResult)
            found |= {(change.collection, change.parent, change.id): change.record or {} for change in page.changes}
        return found

    async def record(self, name: str, id: RecordId, parent: str = "") -> Document:
        """One record. Raises KeyError."""
        return (await self.records())[name, parent, id]

    async def applied(self) -> list[Applied]:
        """The mutations that were applied, in order of their revisions. Each commit of a device in the log must be
        one's, and each has a commit, unless others' edits left nothing of it."""
        async with (await self.backend()).storage.snapshot() as snapshot:
            commits = dict(map(tuple, await snapshot.fetch(_COMMITS)))
            rows = await snapshot.fetch(_MUTATIONS)
        found = sorted(
            (settled.revision, account, digest, settled.seq)
            for account, digest, result in rows
            if (settled := msgspec.json.decode(result, type=Settled)).status == "applied"
        )
        assert [(revision, account) for revision, account, *_ in found if revision] == [
            (commit, origin.rpartition("/")[0]) for commit, origin in commits.items()
        ]
        return [
            Applied(self._accounts[account], commits.get(revision, "").rpartition("/")[2], seq, digest)
            for revision, account, digest, seq in found
        ]


async def _enter(client: Client, name: str) -> dict[str, Any]:
    """Sign in, as a new user where the database has none of this name."""
    email = f"{name}@example.org"
    try:
        return await client.auth.log_in(email=email, password=PASSWORD)
    except InvalidCredentials:
        return await client.auth.sign_up(name=name, email=email, password=PASSWORD)


def digest_of(mutation: str) -> str:
    """The digest by which the server recognises the id of a mutation."""
    return step_of("", "", Mutation(seq=1, id=mutation, writes=[])).mutation


def rules(*, seen: str = "true", written: str = "true") -> Rules:
    """Who is signed in sees records for which `seen` is true, and writes those for which `written` is."""
    return Rules(list=seen, view=seen, create=written, update=written, delete=written)
