"""Subscriptions of the client's server: over one WebSocket for all of them, or each over a stream of events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from importlib.util import find_spec
from typing import Any, Literal

from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.documents import decoded
from hinterland.client.errors import (
    ClientClosed,
    ConnectionClosed,
    ConnectionLost,
    HinterlandError,
    InvalidResponse,
    InvalidSetting,
    StatusError,
    Unauthorized,
)
from hinterland.client.exchange import OpenWebSocket, WebSocketOffer
from hinterland.client.graphql.asking import AskedDocument, GraphQLEvent
from hinterland.client.graphql.cache import GraphQLCache
from hinterland.client.graphql.following import Follower
from hinterland.client.graphql.transport_ws import SUBPROTOCOL, SharedSocket
from hinterland.client.payloads import OPERATION, GraphQLPayload, converted, error_of_payload
from hinterland.client.reconnecting import may_pass
from hinterland.client.session import AuthState, SignedIn, StateHolder
from hinterland.client.websocket import can_pass
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock
from hinterland.kit.event_stream import EventStreamParser

Over = Literal["auto", "websocket", "sse"]
"""What brings a subscription: `auto` is a WebSocket that all share, or Server-sent events where there can be none."""
_SILENCE = 40.0  # seconds; the server sends something at least every 15
_BUSY = (401, 408, 429, 500, 503)  # statuses of a handshake that say nothing of WebSockets
_GONE = 4401  # close code: the session, or its rights, are others


class GraphQLSubscriptions:
    """Follows subscriptions, and keeps what they bring in the cache."""

    def __init__(
        self,
        calls: Calls,
        states: StateHolder,
        cache: GraphQLCache,
        clock: Clock,
        connectivity: Connectivity,
        random: Random,
    ) -> None:
        self._calls = calls
        self._states = states
        self._cache = cache
        self._clock = clock
        self._connectivity = connectivity
        self._random = random
        self._socket = SharedSocket(self._dial, self._params, clock)
        self._socket_user: str | int = ""
        self._has_sockets: bool | None = None  # None: it was not tried
        self._is_closed = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a WebSocket now."""
        return self._socket.is_connected

    async def follow(
        self, asked: AskedDocument, cursor: str, into: Any, over: Over
    ) -> AsyncGenerator[GraphQLEvent[Any], None]:
        """The updates of a subscription, whatever brings them."""
        user = self._user()

        def check() -> None:
            if self._is_closed:
                raise ClientClosed(operation=OPERATION)
            if user not in ("", self._user()):
                message = "Somebody else signed in meanwhile." if self._user() else "You are signed out."
                raise Unauthorized(message, sent="no", operation=OPERATION)

        async def pause(seconds: float) -> None:
            await self._connectivity.pause(seconds, "socket" if self._is_over_socket(over) else "http")

        def stream(cursor: str) -> AsyncGenerator[GraphQLPayload, None]:
            check()
            body = asked.body(extensions={"cursor": cursor})
            return self._events(body) if not self._is_over_socket(over) else self._messages(body, over)

        def take(payload: GraphQLPayload, cursor: str) -> GraphQLEvent[Any] | None:
            check()
            return self._update(asked, payload, cursor, into)

        follower = Follower(stream, take, self._clock, self._random, pause, check, _can_pass)
        async for update in follower.updates(cursor):
            yield update

    async def on_state(self, state: AuthState) -> None:
        """The session has another state: a connection in the name of another user ends."""
        user = state.user_id if isinstance(state, SignedIn) else ""
        if self._socket.is_connected and user != self._socket_user:
            await self._socket.close()

    async def close(self) -> None:
        """Nothing reconnects from now on."""
        self._is_closed = True
        await self._socket.close()

    # ---------------------------------------------------------------- events

    async def _events(self, body: Mapping[str, Any]) -> AsyncGenerator[GraphQLPayload, None]:
        request = self._calls.request(OPERATION, body=body, headers={"accept": "text/event-stream"})
        response = await self._calls.perform(
            request.replaced(is_stream=True, retries=0, read=_SILENCE, is_repeatable=False)
        )
        parser = EventStreamParser()
        try:
            assert response.stream is not None
            async for piece in response.stream:
                for message in parser.feed(piece):
                    if message.event == "complete":
                        return
                    yield decoded(message.data.encode(), GraphQLPayload, operation=OPERATION)
            raise ConnectionLost(detail="the stream ended", operation=OPERATION)
        finally:
            await response.close()

    # ---------------------------------------------------------------- the WebSocket

    def _is_over_socket(self, over: Over) -> bool:
        if over == "auto":
            if self._has_sockets is None and find_spec("websockets") is None:
                self._has_sockets = False
            return self._has_sockets is not False
        return over == "websocket"

    async def _messages(self, body: Mapping[str, Any], over: Over) -> AsyncGenerator[GraphQLPayload, None]:
        try:
            async for payload in self._socket.stream(body):
                self._has_sockets = True
                yield payload
        except (StatusError, InvalidResponse, InvalidSetting) as error:
            is_no_socket = not isinstance(error, StatusError) or error.status not in _BUSY
            if over != "auto" or self._has_sockets or not is_no_socket:
                raise
            self._has_sockets = False  # something on the way lets no WebSocket pass: go on over events
            async for payload in self._events(body):
                yield payload

    async def _dial(self) -> OpenWebSocket:
        self._socket_user = self._user()
        request = self._calls.foreign("GET", self._calls.table[OPERATION].path)
        offer = WebSocketOffer(subprotocols=(SUBPROTOCOL,))
        response = await self._calls.perform(request.replaced(operation=OPERATION, websocket=offer, retries=0))
        if response.websocket is None:
            raise InvalidResponse("The server does not speak WebSocket there.", detail=f"status {response.status}")
        if self._socket_user != self._user():
            await response.websocket.close()
            raise ConnectionLost(detail="somebody else signed in meanwhile", sent="no")
        return response.websocket

    async def _params(self) -> Mapping[str, Any] | None:
        return None  # the handshake has the token, and is asked again with a new one where that has expired

    # ---------------------------------------------------------------- updates

    def _user(self) -> str | int:
        state = self._states.state
        return state.user_id if isinstance(state, SignedIn) else ""

    def _update(
        self, asked: AskedDocument, payload: GraphQLPayload, cursor: str, into: Any
    ) -> GraphQLEvent[Any] | None:
        if payload.errors:
            error = error_of_payload(payload)
            if error.code == "resync":
                return GraphQLEvent(kind="resync", cursor=cursor)
            raise error
        data = payload.data or {}
        if payload.cursor and not any(data.values()):
            return None  # where it begins, or a later cursor without a change
        self._cache.write(asked.shape, data)
        return GraphQLEvent(kind="next", data=converted(data, into), cursor=cursor)


def _can_pass(error: HinterlandError) -> bool:
    if isinstance(error, ConnectionClosed):
        return error.close_code == _GONE or can_pass(error)
    return may_pass(error)
