"""`client.socket`: calls, and collections that are followed, over one WebSocket of the session."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from copy import copy
from typing import Any, TypeVar, overload

import msgspec

from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.errors import (
    ClientClosed,
    ConnectionClosed,
    ConnectionLost,
    HinterlandError,
    InvalidSetting,
    NetworkError,
    QueueFull,
    TlsError,
    Unauthorized,
)
from hinterland.client.events import Event
from hinterland.client.exchange import OpenWebSocket, Request, Response, Send, WebSocketOffer
from hinterland.client.functions import Functions
from hinterland.client.layers.bearer import check_user
from hinterland.client.places import checked_collection
from hinterland.client.reconnecting import Reconnector, may_pass
from hinterland.client.repository import RemoteRepository, asked
from hinterland.client.session import AuthState, SignedIn
from hinterland.client.socket.channels import JoinedChannel, KeptChannels
from hinterland.client.socket.following import FollowedList
from hinterland.client.socket.messages import arrival_of, message_of, response_of
from hinterland.client.tokens import TokenKeeper
from hinterland.contract.operations import Method
from hinterland.contract.query import DEFAULT_LIMIT, parameters
from hinterland.contract.socket import SUBPROTOCOL, Authentication
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock

T = TypeVar("T")
MOST_WAITING = 1_000  # calls that wait for a connection or an answer
_SUBSCRIBE_PAUSE = 1.0  # seconds before a subscription that the server ended begins again
_encode = msgspec.json.encode


class ClientSocket:
    """One connection to `/v1/socket` for calls and subscriptions. It opens with its first use, comes back after a cut,
    and follows the session: a renewed token goes over it, another user gets another connection."""

    def __init__(
        self,
        calls: Calls,
        make_calls: Callable[[Send], Calls],
        tokens: TokenKeeper,
        clock: Clock,
        connectivity: Connectivity,
        random: Random,
    ) -> None:
        self._http = calls
        self._calls = make_calls(self._send)
        self._functions = Functions(self._calls)
        self._tokens = tokens
        self._clock = clock
        self._connectivity = connectivity
        self._keeper = Reconnector(self._dial, self._serve, self._on_away, clock, self._pause, random, _can_pass)
        self._task: asyncio.Task[None] | None = None
        self._websocket: OpenWebSocket | None = None
        self._user: str | int = ""
        self._ids = itertools.count(1)
        self._waiting = 0
        self._pending: dict[str, asyncio.Future[Response]] = {}
        self._followed: dict[int, FollowedList] = {}
        self._channels = KeptChannels(self._tell_now, self.connect, lambda: f"k{next(self._ids)}")
        self._work: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._ended: HinterlandError | None = None
        self._is_closed = False
        self._unlisten = tokens.holder.listen(self._on_state)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._websocket is not None

    async def connect(self) -> None:
        """Return when there is a connection. Raises what can't pass; waits else."""
        self._start()
        while self._websocket is None:
            if self._ended is not None:
                raise copy(self._ended)
            await self._changed.wait()

    async def disconnect(self) -> None:
        """End the connection, and with it calls and subscriptions, which raise ClientClosed. The next use begins
        anew."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._websocket is not None:
            await self._websocket.close()
        task.cancel()
        await asyncio.gather(task, *self._work, return_exceptions=True)
        self._end(ClientClosed(operation="socket"))

    async def close(self) -> None:
        """The client is being closed."""
        self._is_closed = True
        self._unlisten()
        await self.disconnect()

    async def states(self) -> AsyncGenerator[bool, None]:
        """Whether there is a connection: now, and after each change."""
        known: bool | None = None
        while not self._is_closed:
            if known is not self.is_connected:
                known = self.is_connected
                yield known
            else:
                await self._changed.wait()

    # ---------------------------------------------------------------- calls

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
        """The output of an operation, as `Client.call` returns it. While there is no connection it waits for one."""
        return await self._functions.call(name, input, output=output, method=method, deadline=deadline, headers=headers)

    @overload
    def collection(self, name: str, *, parent: str = "") -> RemoteRepository[dict[str, Any]]: ...
    @overload
    def collection(self, name: str, kind: type[T], *, parent: str = "") -> RemoteRepository[T]: ...
    def collection(self, name: str, kind: Any = dict, *, parent: str = "") -> Any:
        """The records of a collection, as `Client.collection` returns them, over the socket."""
        return RemoteRepository(self._calls, name, dict[str, Any] if kind is dict else kind, parent)

    async def _send(self, request: Request) -> Response:
        """The transport of calls."""
        id, journal = f"c{next(self._ids)}", request.journal
        message = message_of(self._calls.table, request, id)
        if self._waiting >= MOST_WAITING:
            raise QueueFull(operation=request.operation)
        self._waiting += 1
        sent, journal.sent = journal.sent, "no" if journal.attempts == 1 else journal.sent
        try:
            await self.connect()
            websocket = self._websocket
            if websocket is None:
                raise ConnectionLost(sent="no")
            check_user(request, self._user)
            journal.sent = sent
            return await self._answer(websocket, id, message)
        finally:
            self._waiting -= 1

    async def _answer(self, websocket: OpenWebSocket, id: str, message: str) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending[id] = answer
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # which nobody may wait for
        try:
            await websocket.send(message)
            return await answer
        finally:
            del self._pending[id]

    # ---------------------------------------------------------------- subscriptions

    async def subscribe(
        self,
        collections: str | Sequence[str],
        *,
        limit: int = DEFAULT_LIMIT,
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        fields: str | Sequence[str] = (),
        expand: str | Sequence[str] = (),
        cursor: str = "",
        snapshot: bool = True,
        **equals: Any,
    ) -> AsyncGenerator[Event, None]:
        """The page of a collection that a list with these arguments returns (`snapshot`), and then what happens.

        With `cursor`, with several collections, or without `snapshot`, only what happens. After a cut it goes on
        without missing or repeating anything: `offline`, then `ready`. Where the cursor can't be continued (`resync`)
        another snapshot follows. Raises Unauthorized, Forbidden, NotFound and other definite refusals.
        """
        names = [collections] if isinstance(collections, str) else [*collections]
        for name in names:
            checked_collection(name)
        conditions = [f"record.{name} == {_encode(value).decode()}" for name, value in equals.items()]
        condition = " && ".join([f"({filter})", *conditions] if filter and conditions else conditions or [filter])
        words: dict[str, Any] = {"limit": limit, "filter": condition, "search": search, "sort": sort}
        query = asked(**words, fields=fields, expand=expand, equals={})
        followed = FollowedList(
            names, dict(parameters(query)), cursor, _user_of(self._tokens.state), has_snapshot=snapshot
        )
        key = next(self._ids)
        self._followed[key] = followed
        try:
            self._start()
            if self._websocket is not None:
                await self._begin(followed)
            while True:
                yield await followed.next()
                if not followed.id and followed.is_idle and self._websocket is not None:
                    await self._begin(followed)  # it had been left since too much was unread
        finally:
            del self._followed[key]
            if followed.id and self._websocket is not None:
                self._later(self._tell(self._websocket, followed.leave()))

    async def join(self, channel: str, *, state: Any = None, history: int | None = None) -> JoinedChannel:
        """Join a channel, whose members see `state` of this one; `history` limits the messages that come first.

        It lasts over cuts, and is joined again after each. Raises Forbidden, NotFound, Conflict (it is joined
        already).
        """
        self._start()
        user = _user_of(self._tokens.state)
        is_connected = self._websocket is not None
        return JoinedChannel(await self._channels.join(channel, state, history, user, is_connected=is_connected))

    async def _tell_now(self, message: str) -> None:
        if self._websocket is not None:
            await self._tell(self._websocket, message)

    async def _begin(self, followed: FollowedList) -> None:
        if self._websocket is not None:
            await self._tell(self._websocket, followed.begin(f"s{next(self._ids)}"))

    async def _begin_again(self, followed: FollowedList) -> None:
        await self._clock.sleep(_SUBSCRIBE_PAUSE)
        if not followed.id and followed in self._followed.values():
            await self._begin(followed)

    async def _tell(self, websocket: OpenWebSocket, message: str) -> None:
        try:
            await websocket.send(message)
        except ConnectionClosed:
            return  # what reads the websocket learns it too

    # ---------------------------------------------------------------- the connection

    def _start(self) -> None:
        if self._is_closed:
            raise ClientClosed(operation="socket")
        if self._task is None or self._task.done():
            self._ended = None
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._keeper.run()
        except HinterlandError as error:
            self._end(error)

    async def _pause(self, seconds: float) -> None:
        await self._connectivity.pause(seconds, "socket")

    async def _dial(self) -> OpenWebSocket:
        self._user = _user_of(self._tokens.state)
        request = self._http.request("socket").replaced(
            websocket=WebSocketOffer(subprotocols=(SUBPROTOCOL,)), retries=0
        )
        response = await self._http.perform(request)
        if response.websocket is None:
            raise InvalidSetting("The client's transport has no WebSockets.", advice="Use the transport Network.")
        return response.websocket

    async def _serve(self, websocket: OpenWebSocket) -> None:
        arrival_of(await websocket.receive())  # hello
        if self._user != _user_of(self._tokens.state):
            raise ConnectionLost(detail="somebody else signed in meanwhile", sent="no")
        self._connectivity.reached("socket")
        self._set(websocket)
        for followed in [*self._followed.values()]:
            await self._tell(websocket, followed.begin(f"s{next(self._ids)}"))
        await self._channels.join_again()
        while True:
            self._take(await websocket.receive())

    def _take(self, message: str | bytes) -> None:
        arrival = arrival_of(message)
        if (answer := self._pending.get(arrival.id)) is not None:
            if not answer.done():
                answer.set_result(response_of(arrival))
            return
        followed = next((each for each in self._followed.values() if each.id == arrival.id), None)
        if followed is None or not arrival.id:
            work = self._channels.take(arrival, message)
            if work is not None:
                self._later(work)
            return
        websocket = self._websocket
        if followed.take(arrival):
            if followed.id and websocket is not None:
                self._later(self._tell(websocket, followed.leave()))
            self._later(self._begin_again(followed))
        elif followed.is_full and websocket is not None:
            self._later(self._tell(websocket, followed.leave()))

    def _on_away(self, error: HinterlandError) -> None:
        if isinstance(error, NetworkError):
            self._connectivity.lost("socket")
        self._set(None)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(detail=str(error)))
        for followed in self._followed.values():
            followed.away(error)
        self._channels.away(error)

    def _end(self, error: HinterlandError) -> None:
        self._ended = error
        self._on_away(error)
        for followed in [*self._followed.values()]:
            followed.fail(error)
        self._channels.end(error)

    def _set(self, websocket: OpenWebSocket | None) -> None:
        self._websocket = websocket
        self._changed.set()
        self._changed = asyncio.Event()

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # ---------------------------------------------------------------- the session

    def _on_state(self, state: AuthState) -> None:
        user = _user_of(state)
        error = Unauthorized("Somebody else signed in meanwhile." if user else "You are signed out.", sent="no")
        for followed in [*self._followed.values()]:
            if followed.user not in ("", user):
                followed.fail(error)
        self._channels.end(error, lambda former: former not in ("", user))
        websocket = self._websocket
        if websocket is not None and user != self._user:
            self._set(None)
            self._later(websocket.close())  # another one comes, with the rights of who is signed in now
        elif websocket is not None and isinstance(state, SignedIn):
            self._later(self._tell(websocket, _encode(Authentication(token=state.access_token)).decode()))


def _user_of(state: AuthState) -> str | int:
    return state.user_id if isinstance(state, SignedIn) else ""


def _can_pass(error: HinterlandError) -> bool:
    return may_pass(error) and not isinstance(error, TlsError)
