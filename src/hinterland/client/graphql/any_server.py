"""GraphQL over a WebSocket of any server that speaks `graphql-transport-ws`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from random import random as system_random
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from hinterland.client.errors import ClientClosed, ConnectionLost, HinterlandError, StatusError
from hinterland.client.exchange import OpenWebSocket, Transport
from hinterland.client.graphql.asking import AskedDocument, GraphQLEvent, GraphQLVariables
from hinterland.client.graphql.following import Follower
from hinterland.client.graphql.transport_ws import SUBPROTOCOL, SharedSocket
from hinterland.client.options import Options
from hinterland.client.payloads import OPERATION, GraphQLPayload, check, converted, error_of_payload
from hinterland.client.websocket import HandshakeHeaders, WebSocketDialer, can_pass
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock, SystemClock

T = TypeVar("T")
GraphQLParams = Mapping[str, Any] | Callable[[], Awaitable[Mapping[str, Any] | None]]


class GraphQLSocketClient:
    """GraphQL of the server at `url` (ws, wss, http or https), over one WebSocket for all operations.

    It opens with the first operation, closes a while after the last, and comes back after a cut. `connection_params` is
    the payload of `connection_init`, such as a token; a function is asked for it, as for `headers`, at each connection.
    The other arguments are those of `WebSocketClient`.
    """

    def __init__(
        self,
        url: str,
        *,
        connection_params: GraphQLParams | None = None,
        headers: HandshakeHeaders | None = None,
        max_bytes: int = 16 * 1024 * 1024,
        ping_seconds: float = 15.0,
        options: Options | None = None,
        verify: ssl.SSLContext | str | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        random: Random = system_random,
        allow_http: bool = False,
    ) -> None:
        self._clock = clock or SystemClock()
        self._random = random
        self._given = connection_params
        self._dialer = WebSocketDialer(
            url,
            headers=headers,
            subprotocols=(SUBPROTOCOL,),
            max_bytes=max_bytes,
            ping_seconds=ping_seconds,
            options=options or Options(),
            verify=verify,
            transport=transport,
            clock=self._clock,
            allow_http=allow_http,
        )
        self._socket = SharedSocket(self._dial, self._params, self._clock)
        self._is_closed = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket.is_connected

    @overload
    async def execute(
        self, document: str, variables: GraphQLVariables = None, *, into: type[T], operation: str = ...
    ) -> T: ...
    @overload
    async def execute(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ...
    ) -> dict[str, Any]: ...
    async def execute(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, operation: str = ""
    ) -> Any:
        """The data of a query or mutation, which is sent once. Raises the first of its errors, and ConnectionLost."""
        self._check()
        asked = AskedDocument(document, variables, operation, {})
        async with aclosing(self._socket.stream(asked.body(is_plain=True))) as payloads:
            async for payload in payloads:
                return converted(check(payload), into)
        raise ConnectionLost(detail="the server completed the operation without a response", operation=OPERATION)

    @overload
    def subscribe(
        self, document: str, variables: GraphQLVariables = None, *, into: type[T], operation: str = ...
    ) -> AsyncGenerator[GraphQLEvent[T], None]: ...
    @overload
    def subscribe(
        self, document: str, variables: GraphQLVariables = None, *, operation: str = ...
    ) -> AsyncGenerator[GraphQLEvent[dict[str, Any]], None]: ...
    async def subscribe(
        self, document: str, variables: GraphQLVariables = None, *, into: Any = None, operation: str = ""
    ) -> AsyncGenerator[GraphQLEvent[Any], None]:
        """The responses of a subscription. After a cut (`offline`) it begins again; what happened meanwhile is missing
        (`resync`), unless the server's responses have `extensions.cursor`, behind which it is then asked to go on.
        """
        asked = AskedDocument(document, variables, operation, {})

        def stream(cursor: str) -> AsyncGenerator[GraphQLPayload, None]:
            self._check()
            more = {"extensions": {"cursor": cursor}} if cursor else {}
            return self._socket.stream(asked.body(is_plain=True, **more))

        def take(payload: GraphQLPayload, cursor: str) -> GraphQLEvent[Any] | None:
            if payload.errors:
                raise error_of_payload(payload)
            return GraphQLEvent(kind="next", data=converted(payload.data or {}, into), cursor=cursor)

        follower = Follower(stream, take, self._clock, self._random, self._clock.sleep, self._check, _can_pass)
        async with aclosing(follower.updates("")) as updates:
            async for update in updates:
                yield update

    async def close(self) -> None:
        """Close the connection; what runs raises ClientClosed."""
        self._is_closed = True
        await self._socket.close()
        await self._dialer.close()

    async def _dial(self) -> OpenWebSocket:
        return await self._dialer.dial()

    async def _params(self) -> Mapping[str, Any] | None:
        given = self._given
        return given if given is None or isinstance(given, Mapping) else await given()

    def _check(self) -> None:
        if self._is_closed:
            raise ClientClosed(operation=OPERATION)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _can_pass(error: HinterlandError) -> bool:
    """As for any WebSocket, but that an error of GraphQL's, which has no status, is the server's decision."""
    is_of_graphql = isinstance(error, StatusError) and error.operation == OPERATION and "errors" in error.details
    return not is_of_graphql and can_pass(error)
