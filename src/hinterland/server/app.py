"""The server: its parts opened in order, and the ASGI application over them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.contract.records import CompiledCollection
from hinterland.contract.values import instant
from hinterland.kit.asgi import AsgiApp, AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.clock import Clock, SystemClock
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.upkeep import AccountKeeper
from hinterland.server.backend import Backend
from hinterland.server.channels.declared import ChannelBook
from hinterland.server.channels.hub import ChannelHub
from hinterland.server.data.advice import warnings_of
from hinterland.server.data.after_hooks import AfterHooks
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.before_hooks import BeforeHooks
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.commands import Commands
from hinterland.server.data.cursors import Cursors, Seal
from hinterland.server.data.feed import Feed
from hinterland.server.data.importer import Importer
from hinterland.server.data.live_schema import LiveSchema, declare
from hinterland.server.data.pull import Puller
from hinterland.server.data.push import Pusher
from hinterland.server.data.reader import RecordReader, holders_of
from hinterland.server.data.requests import OF_SYSTEM, WriteRequest
from hinterland.server.data.sole_turn import SoleTurn
from hinterland.server.data.tickets import Tickets
from hinterland.server.data.views import Views
from hinterland.server.data.writer import Writer
from hinterland.server.declaration import App
from hinterland.server.http import problem_answer, send_answer
from hinterland.server.middleware.boundary import Boundary
from hinterland.server.middleware.cors import Cors
from hinterland.server.middleware.direct import DirectRequests
from hinterland.server.middleware.handshakes import as_request
from hinterland.server.middleware.hosts import Hosts
from hinterland.server.protocols.graphql.endpoint import GraphQLEndpoint
from hinterland.server.protocols.graphql.graphiql import GraphiQLFiles
from hinterland.server.protocols.graphql.trusted import TrustedDocuments
from hinterland.server.protocols.rest.routes import mount, taken_aliases
from hinterland.server.protocols.socket.endpoint import SocketEndpoint
from hinterland.server.protocols.sse import EventStream
from hinterland.server.settings import Settings
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.system import RowAct

if TYPE_CHECKING:
    from hinterland.server.protocols.static.site import StaticSite

log = logging.getLogger("hinterland")
_NOT_RUNNING = (
    "the server is not running; where it is mounted in another application, enter Server.running() in the lifespan of "
    "that application"
)
MAINTENANCE_SECONDS = 3_600.0
_LOOK_SECONDS = 60.0  # after which each of several processes looks whether maintenance is its turn
_DAY = 86_400.0


def storage_for(settings: Settings, folder: Path | None) -> Storage:
    """The storage that the settings ask for: PostgreSQL by `database_url`, else SQLite in `folder`.

    Raises `StorageError` where PostgreSQL's library is not installed.
    """
    if settings.database_url:
        return _postgres(settings)
    from hinterland.server.storage.sqlite import SqliteStorage

    return SqliteStorage(folder or Path("data"))


def _postgres(settings: Settings) -> Storage:
    try:
        from hinterland.server.storage.postgres import PostgresStorage
    except ModuleNotFoundError as error:
        raise StorageError(
            f"database_url asks for PostgreSQL, and {error.name} is not installed; install hinterland with the extra "
            "'postgres'"
        ) from error
    return PostgresStorage(settings.database_url, direct=settings.database_direct_url, nats=settings.nats_url)


@asynccontextmanager
async def opened(app: App, storage: Storage, clock: Clock | None = None) -> AsyncIterator[Backend]:
    """The backend of `app` on `storage`, from open to close. Raises `StorageError`, `SchemaChange` and
    `DeclarationError`, each with what to do."""
    clock = clock or SystemClock()
    catalogue = Catalogue(app.collections, storage.dialect, app.auth_fields)
    channels = ChannelHub(
        storage, catalogue, clock, ChannelBook(app.channels, catalogue, storage.dialect), app.settings
    )
    await storage.open()
    try:
        await declare(storage, app.collections)
        hooks = {"users": AccountKeeper(app.auth_fields)}
        writer = Writer(storage, catalogue, clock, hooks, max_record_bytes=app.settings.max_record_bytes)
        before = BeforeHooks(app.hooks, storage, catalogue, clock, app.settings.hook_seconds)
        commands = Commands(writer, before)
        accounts = await _accounts(app, storage, commands, catalogue, clock)
        backend = _backend(app, storage, writer, commands, accounts, channels)
        before.backend = backend
        after = AfterHooks(app.hooks, storage, catalogue, commands, clock, app.settings.hook_seconds, backend)
        writer.wake = partial(_wake, backend, after)
        await _follow_signals(backend, writer)
        await backend.feed.start()
        await backend.channels.start()
        await backend.schema.start()
        await after.start()
        try:
            yield backend
        finally:
            await backend.channels.close()
            await backend.feed.close()
            await backend.schema.close()
            await after.close()
            await commands.drain()
            accounts.close()
    finally:
        await storage.close()


def _backend(
    app: App, storage: Storage, writer: Writer, commands: Commands, accounts: Accounts, channels: ChannelHub
) -> Backend:
    settings, catalogue, clock = app.settings, writer.catalogue, writer.clock
    cursors, views = Cursors(accounts.keys.secret("cursor"), storage.database_id), Views(catalogue)
    feed = Feed(
        storage,
        views,
        cursors,
        clock,
        buffer=settings.stream_buffer,
        keep_alive=settings.keep_alive_seconds,
        most_streams=(settings.streams_per_account, settings.streams_per_address),
    )
    return Backend(
        app=app,
        settings=settings,
        clock=clock,
        storage=storage,
        catalogue=catalogue,
        schema=LiveSchema(storage, writer, clock, partial(_declared_anew, feed, channels)),
        commands=commands,
        reader=RecordReader(storage, catalogue, Seal(accounts.keys.secret("list")), clock),
        importer=Importer(commands, catalogue),
        accounts=accounts,
        feed=feed,
        pusher=Pusher(storage, commands),
        puller=Puller(storage, views, cursors),
        tickets=Tickets(storage, commands, clock, accounts.sessions.find),
        channels=channels,
        control=secrets.token_urlsafe(32).encode(),
    )


def _wake(backend: Backend, after: AfterHooks) -> None:
    backend.feed.wake()
    backend.channels.wake()
    after.wake()


def _declared_anew(feed: Feed, channels: ChannelHub, collections: frozenset[str]) -> None:
    feed.end_changed(collections)
    channels.renew()


async def _follow_signals(backend: Backend, writer: Writer) -> None:
    def signal(subject: str) -> None:
        if backend.channels.take_signal(subject):
            return
        backend.tokens.recheck(subject)
        backend.feed.rights.recheck(subject)
        backend.schema.recheck(subject)

    writer.signal = signal
    await backend.storage.listen(signal, writer.wake)


async def _accounts(app: App, storage: Storage, commands: Commands, catalogue: Catalogue, clock: Clock) -> Accounts:
    async def submit(writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        outcome = await commands.submit(WriteRequest(writes, acts=acts, rights=OF_SYSTEM))
        return [written.after for written in outcome.records]

    def compiled() -> CompiledCollection:
        return catalogue["users"].shape

    async def wire(caller: Principal, record: StoredRecord, source: Snapshot) -> str:
        users, rules = catalogue["users"], RuleChecker(source, caller, instant(clock.now()))
        return users.wire(caller, record, await rules.asked_fields(users, record))

    holders = holders_of(catalogue, "users", "email")
    settings, name, auth_fields = app.settings.auth, app.name, app.auth_fields
    return await Accounts.open(storage, compiled, submit, wire, holders, clock, settings, name, auth_fields)


class Server:
    """The ASGI application. It opens the backend with the lifespan and closes it with it.

    `is_local`: it listens on loopback only, so that it answers for no other host unless the setting `allowed_hosts`
    has it.
    """

    def __init__(self, app: App, storage: Storage, clock: Clock | None = None, *, is_local: bool = False) -> None:
        self.app = app
        self.storage = storage
        self.clock = clock or SystemClock()
        self.backend: Backend | None = None
        self.is_local = is_local
        self.direct: DirectRequests | None = None  # on SQLite, which is in this process
        self._serve: Cors | Hosts | None = None

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._serve is not None and scope["type"] == "websocket":
            await as_request(self._serve, scope, receive, send)
        elif self._serve is not None:
            await self._serve(scope, receive, send)
        elif scope["type"] == "http":
            await send_answer(scope, send, problem_answer(Refusal("unavailable", _NOT_RUNNING, retry_after=1)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Backend]:
        """The opened backend; requests are served while the block lasts. Raises `SettingsError` where the setting
        `static` or `graphql_trusted_documents` can't be used, before anything is opened."""
        page = self._page()
        trusted = TrustedDocuments(place) if (place := self.app.settings.graphql_trusted_documents) else None
        async with opened(self.app, self.storage, self.clock) as backend:
            self.backend = backend
            self._serve, direct = _stack(backend, page, trusted, is_local=self.is_local)
            self.direct = direct if self.storage.dialect == "sqlite" else None
            keeper = asyncio.create_task(_run_maintenance(backend))
            try:
                yield backend
            finally:
                self._serve = self.direct = None
                keeper.cancel()
                await asyncio.wait([keeper])  # it may be at work in the storage, which closes next

    def _page(self) -> StaticSite | None:
        if not self.app.settings.static:
            return None
        from hinterland.server.protocols.static.site import StaticSite

        data = getattr(self.storage, "folder", None)  # of a storage that has one on this machine
        return StaticSite(self.app.settings.static, self.clock, private=[data] if data is not None else [])

    async def close_streams(self) -> None:
        """End every stream, so that their connections don't keep the server from ending."""
        if self.backend is not None:
            await self.backend.feed.close()

    async def _lifespan(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            if self.backend is None:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


def _stack(
    backend: Backend, page: StaticSite | None, trusted: TrustedDocuments | None, *, is_local: bool
) -> tuple[Cors | Hosts, DirectRequests]:
    """What serves requests, and what carries out those that need not pass it."""
    for warning in warnings_of(backend.catalogue):
        log.warning("%s", warning)
    for name in taken_aliases(list(backend.catalogue.entries)):
        log.warning("the path /%s belongs to the server: the collection is found at /v1/records/%s only", name, name)
    stream, socket = EventStream(backend), SocketEndpoint(backend)
    settings = backend.settings
    # Only while an app is developed: for callers on this machine, by its loopback names.
    is_developed = is_local and not settings.allowed_hosts and not settings.trusted_proxies
    graphql = GraphQLEndpoint(backend, is_developed=is_developed, trusted=trusted)
    streams: dict[str, AsgiApp] = {"events.stream": stream, "socket": socket, "graphql": graphql}
    more: dict[str, AsgiApp] = {"/graphql/{file}": GraphiQLFiles()} if graphql.has_page else {}
    more |= {settings.socket_path: socket} if settings.socket_path else {}
    inner = mount(backend, streams, page, more)
    if page is not None:
        page.report_shadowed(inner.taken())
    # From the inside out, which the types of Cors and Hosts keep: hosts and origins only mark what they refuse, and the
    # boundary answers it, within the origins, since a page must be able to read errors too.
    socket.app = boundary = Boundary(inner, settings.request_seconds)
    cors = Cors(boundary, settings.cors_origins)
    outer = Hosts(cors, settings.allowed_hosts) if is_local or settings.allowed_hosts else cors
    routes = (inner.records.direct, graphql.direct)
    return outer, DirectRequests(routes, settings.request_seconds, outer.knows)


async def _run_maintenance(backend: Backend) -> None:
    """Forget what is past its time: log entries, answers, ended sessions. Of several processes one does, each hour."""
    turn = SoleTurn(backend.storage, backend.clock, "maintenance")
    has_others = backend.storage.has_other_writers
    while True:
        try:
            if await turn.take():
                await _maintain(backend, turn)
            elif has_others:
                await backend.keys.load()  # those that another process made
        except Exception:
            log.exception("maintenance failed; it is tried again later")
        await backend.clock.sleep(_LOOK_SECONDS if has_others else MAINTENANCE_SECONDS)


async def _maintain(backend: Backend, turn: SoleTurn) -> None:
    now = backend.clock.now()
    await backend.storage.prune(now - backend.settings.log_days * _DAY)
    if await turn.take():
        await backend.storage.forget_answers(now - backend.settings.answer_days * _DAY)
        await maintain(backend.accounts)
        await backend.channels.maintain()
        await turn.rest(MAINTENANCE_SECONDS)
