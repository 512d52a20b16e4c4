"""The client: one object that reaches a backend."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import random as system_random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from hinterland.client.auth import Auth, refresher
from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.errors import ClientClosed, InsecureAddress, InvalidSetting, NetworkError
from hinterland.client.events import Event, EventReader
from hinterland.client.exchange import Layer, Request, Response, Send, Transport, origin_of, stack
from hinterland.client.functions import Functions
from hinterland.client.layers.bearer import bearer
from hinterland.client.layers.deadline import deadline
from hinterland.client.layers.redirect import check_address, redirect
from hinterland.client.layers.retry import Retry
from hinterland.client.layers.trace import OnTrace, is_debugging, print_trace, trace
from hinterland.client.loop_guard import LoopGuard
from hinterland.client.options import Options
from hinterland.client.repository import RemoteRepository
from hinterland.client.session import AuthState, SignedOut
from hinterland.client.tokens import TokenKeeper
from hinterland.client.transports.network import Network
from hinterland.client.vault.memory import MemoryVault
from hinterland.client.vault.protocol import Vault
from hinterland.contract.identity import RecordId
from hinterland.contract.operations import OPERATIONS, Method, Operation
from hinterland.contract.own_operations import joined
from hinterland.contract.records import Collection
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock, SystemClock

if TYPE_CHECKING:  # loaded with the first store: most of it is SQLite
    from hinterland.client.graphql.graphql import ClientGraphQL
    from hinterland.client.local.local import Local
    from hinterland.client.local.outbox import Outbox
    from hinterland.client.local.sync import Sync
    from hinterland.client.socket.socket import ClientSocket

DEFAULT_URL = "http://127.0.0.1:8000"
T = TypeVar("T")


class Client:
    """A client of the backend at `url`; the default is the environment variable `API_URL`, else http://127.0.0.1:8000.

    `store` is the file of the local store, which validates writes by what the server describes of its collections, or
    by `collections`, the same declarations as the server's. `operations` are rows of the app's own operations. The
    session is sealed in a file beside the store, or stored in `vault`, or, with neither, kept in memory. `on_trace`
    gets a trace of every call; `layers` are functions around each call, outside of its retries. `transport`, `clock`
    and `random` are replaced in tests. Plain http to another machine is refused unless `allow_http`.

    Use it with `async with`, or call `open` and `close`. A client belongs to one event loop; code without an event
    loop uses `hinterland.client.BlockingClient`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        store: str | os.PathLike[str] | None = None,
        vault: Vault | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        options: Options | None = None,
        on_trace: OnTrace | None = None,
        layers: Sequence[Layer] = (),
        collections: Iterable[Collection] = (),
        operations: Iterable[Operation] = (),
        allow_http: bool = False,
        random: Random = system_random,
    ) -> None:
        self._table = joined(OPERATIONS, operations)
        self.url = _address(url, allow_http=allow_http)
        path = _store_path(store)
        self.options = options or Options()
        self.clock = clock or SystemClock()
        self.transport = transport or Network(self.options, clock=self.clock)
        self._guard = LoopGuard()
        self._connectivity = Connectivity(self.clock)
        self._is_closed = False
        self._unfollow: Callable[[], None] | None = None

        listeners = [*([on_trace] if on_trace else []), *([print_trace] if is_debugging() else [])]
        limit = deadline(self.clock, self.options.deadline)
        outer = [trace(self.clock, listeners), self._while_open, limit, *layers]
        above: list[Layer] = [*outer, Retry(self.clock, self.options, random)]
        below: list[Layer] = [redirect(allow_http=allow_http)]
        origin = self._origin = origin_of(self.url)
        unsigned = self._calls(stack([*above, *below], self.transport))
        self._tokens = TokenKeeper(vault or _vault_beside(path), self.clock, origin, refresher(unsigned, self.clock))
        self.calls = self._calls(stack([*above, self._noticed, bearer(self._tokens, origin), *below], self.transport))
        self._functions = Functions(self.calls)
        self.auth = Auth(self.calls, self._tokens, self._guard)
        self._feed = EventReader(self.calls, self.clock, self._connectivity, random)
        self._socket_layers, self._random = above, random
        self._socket: ClientSocket | None = None
        self._graphql: ClientGraphQL | None = None
        self._results = None if path is None else Path(f"{path}-graphql")
        self.auth.listen(self._on_state)
        self.auth.followers.append(self._results_forgotten)
        self._local = None if path is None else self._local_at(path, collections, unsigned, random)

    @overload
    def collection(self, name: str, *, parent: str = "") -> RemoteRepository[dict[str, Any]]: ...
    @overload
    def collection(self, name: str, kind: type[T], *, parent: str = "") -> RemoteRepository[T]: ...
    def collection(self, name: str, kind: Any = dict, *, parent: str = "") -> Any:
        """The records of a collection as `kind`, a msgspec.Struct or dict; `parent` is the owner's path, "posts/42"."""
        return RemoteRepository(self.calls, name, dict[str, Any] if kind is dict else kind, parent)

    def events(self, collections: Sequence[str], *, cursor: str = "", filter: str = "") -> AsyncGenerator[Event, None]:
        """The live events of `collections` after `cursor` ("": from now on), for which the CEL `filter` is true.

        Dropped streams reconnect and resume without missing or repeating events. Raises Unauthorized, Forbidden,
        NotFound.
        """
        return self._feed.events(
            [collections] if isinstance(collections, str) else collections, cursor=cursor, filter=filter
        )

    @overload
    async def call(
        self, name: str, input: object = None, *, output: type[T], method: Method = ..., deadline: float | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> T: ...  # fmt: skip
    @overload
    async def call(
        self, name: str, input: object = None, *, method: Method = ..., deadline: float | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> Any: ...  # fmt: skip
    async def call(
        self, name: str, input: object = None, *, output: Any = None, method: Method = "POST",
        deadline: float | None = None, headers: Mapping[str, str] = {},
    ) -> Any:  # fmt: skip
        """The output of an operation, of the app's own or of the table, for an `input` that is a msgspec.Struct or a
        dict: as an `output`, as what its row says, or as plain objects. None: there is none.

        `method` is that of an operation of which this client has no row. A field that is a `Body` is sent as it is
        read; a `Download` must be read to its end, or its body closed. Neither has a deadline, unless one is given, in
        seconds. Raises the errors of `client.errors`.
        """
        return await self._functions.call(name, input, output=output, method=method, deadline=deadline, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = {},
    ) -> Response:
        """Call any path of the backend, or a whole URL of another server, which does not get the session's token.

        Raises StatusError for an answer from 400 on.
        """
        return await self.calls.perform(self.calls.foreign(method, path, query=query, body=json, headers=headers))

    @property
    def is_online(self) -> bool:
        """Whether the last try to reach the server succeeded, by requests and by the socket."""
        return self._connectivity.is_reachable

    @property
    def socket(self) -> ClientSocket:
        """One WebSocket for calls and subscriptions, which opens with its first use."""
        if self._socket is None:
            self._socket = self._open_socket()
        return self._socket

    @property
    def graphql(self) -> ClientGraphQL:
        """Queries, mutations and subscriptions of GraphQL, with a cache that is kept beside the local store."""
        if self._graphql is None:
            self._graphql = self._open_graphql()
        return self._graphql

    @property
    def local(self) -> Local:
        """The local store: records that can be read and written without a network."""
        if self._local is None:
            raise RuntimeError("this client has no local store: make it with Client(..., store='app.db')")
        return self._local

    @property
    def sync(self) -> Sync:
        """Synchronises the local store with the server."""
        return self.local.sync

    @property
    def outbox(self) -> Outbox:
        """The local writes that the server has not decided yet, or has refused."""
        return self.local.outbox

    async def open(self) -> Self:
        """Open the local store for the user who is signed in. Without a store there is nothing to do.

        From its first use on the client belongs to the event loop that runs; others raise WrongLoop.
        """
        self._guard.check()
        if self._local is not None and self._unfollow is None:
            await self._local.open()
            self._unfollow = self.auth.listen(self._local.follower)
            self.auth.followers.append(self._local.follower.arrived)
            self._local.follower(self.auth.state)
            await self._local.follower.arrived()
            if await self._local.outbox.has_documents():
                await self.graphql.resume()
        return self

    async def close(self) -> None:
        """Cancel what is running and close connections; everything that waits raises ClientClosed. The session stays in
        its vault."""
        self._guard.check()
        if not self._is_closed:
            self._is_closed = True
            if self._graphql is not None:
                await self._graphql.close()
            if self._local is not None and self._unfollow is not None:
                self._unfollow()
                await self._local.follower.arrived()
                await self._local.close()
            if self._socket is not None:
                await self._socket.close()
            await self._tokens.close()
            self._feed.close()
            await self.transport.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _open_socket(self) -> ClientSocket:
        from hinterland.client.socket.socket import ClientSocket

        def make_calls(send: Send) -> Calls:
            return self._calls(stack(self._socket_layers, send))

        return ClientSocket(self.calls, make_calls, self._tokens, self.clock, self._connectivity, self._random)

    def _open_graphql(self) -> ClientGraphQL:
        from hinterland.client.graphql.cache import GraphQLCache
        from hinterland.client.graphql.graphql import ClientGraphQL
        from hinterland.client.graphql.kept import KeptResults
        from hinterland.client.graphql.queue import MutationQueue

        kept = None if self._results is None else KeptResults(self._results, self.url)
        cache = GraphQLCache(kept)
        graphql = ClientGraphQL(self.calls, self._tokens.holder, cache, self.clock, self._connectivity, self._random)
        if self._local is not None:
            graphql.queue = MutationQueue(
                self._local.outbox, cache, graphql.user, lambda: self._unfollow is not None and not self._is_closed
            )
        return graphql

    def _on_state(self, state: AuthState) -> None:
        """Results of a former user are forgotten, those on the disk too."""
        if self._graphql is not None:
            self._graphql.follow(state)
        elif isinstance(state, SignedOut) and self._results is not None and self._results.exists():
            self.graphql.follow(state)

    async def _results_forgotten(self) -> None:
        if self._graphql is not None:
            await self._graphql.cache.settled()

    def _local_at(self, path: str, collections: Iterable[Collection], unsigned: Calls, random: Random) -> Local:
        from hinterland.client.local.accounts import sender_of
        from hinterland.client.local.local import Local
        from hinterland.client.local.remote import ServerRemote, description_of, sender_of_documents

        def sender() -> RecordId:
            return sender_of(self.auth.state)

        remote = ServerRemote(self.calls, self.events, sender)
        return Local(
            path,
            remote,
            self.clock,
            server=self.url,
            collections=collections,
            describe=description_of(unsigned),
            send=sender_of_documents(self.calls, sender, self.clock.now),
            random=random,
            guard=self._guard,
        )

    def _calls(self, send: Send) -> Calls:
        return Calls(send, self.url, self.clock, self.options, self._table)

    async def _noticed(self, request: Request, send: Send) -> Response:
        if request.websocket is not None or origin_of(request.url) != self._origin:
            return await send(request)
        try:
            response = await send(request)
        except NetworkError:
            self._connectivity.lost("http")
            raise
        self._connectivity.reached("http")
        return response

    async def _while_open(self, request: Request, send: Send) -> Response:
        self._guard.check()
        if self._is_closed:
            raise ClientClosed(operation=request.operation)
        return await send(request)


def _address(url: str | None, *, allow_http: bool) -> str:
    named = "" if url else os.environ.get("API_URL", "")
    address = (url or named or DEFAULT_URL).rstrip("/")
    try:
        check_address(address, allow_http=allow_http)
    except (InvalidSetting, InsecureAddress) as error:
        if named:
            raise type(error)(f"API_URL={named}: {error.message}", advice=error.advice, detail=error.detail) from None
        raise
    return address


def _store_path(store: str | os.PathLike[str] | None) -> str | None:
    path = None if store is None else os.fspath(store)
    if path is not None and (not path.strip() or "\0" in path):
        raise InvalidSetting(
            f"store={path!r} is not the path of a file.",
            advice="Give a path such as app.db, or leave store out for a client without a local store.",
        )
    return path


def _vault_beside(path: str | None) -> Vault:
    if path is None:
        return MemoryVault()
    from hinterland.client.vault.file import FileVault

    return FileVault(f"{path}.vault")
