"""A WebSocket to any backend: typed messages, and a connection that comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from copy import copy
from random import random as system_random
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypedDict, TypeVar, Unpack, overload

import msgspec

from hinterland.client.answers import error_in
from hinterland.client.documents import decoded, packed_decoded
from hinterland.client.errors import (
    ClientClosed,
    ConnectionClosed,
    HinterlandError,
    InvalidResponse,
    QueueFull,
    StatusError,
    TlsError,
)
from hinterland.client.exchange import OpenWebSocket, Request, Transport, WebSocketOffer, stack
from hinterland.client.layers.redirect import check_address, redirect
from hinterland.client.layers.retry import STATUSES
from hinterland.client.options import Options
from hinterland.client.reconnecting import Reconnector, may_pass
from hinterland.client.transports.network import Network
from hinterland.kit.backoff import Random
from hinterland.kit.clock import Clock, SystemClock

M = TypeVar("M")
MOST_QUEUED = 1_000  # messages that wait for the connection, or for the app to read them
_PLANNED = 1000
# Close codes after which trying again can't help (RFC 6455 §7.4.1), and those of 4400–4499 as other protocols use them.
_FINAL = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
_FINAL_4XX = range(4400, 4500)
_MAY_PASS_4XX = frozenset({4408, 4429})
HandshakeHeaders = Mapping[str, str] | Callable[[], Awaitable[Mapping[str, str]]]


class WebSocketDialer:
    """Opens WebSockets to any server at `url`; the arguments are those of `WebSocketClient`."""

    def __init__(
        self,
        url: str,
        *,
        headers: HandshakeHeaders | None,
        subprotocols: Sequence[str],
        max_bytes: int,
        ping_seconds: float,
        options: Options,
        verify: ssl.SSLContext | str | None,
        transport: Transport | None,
        clock: Clock,
        allow_http: bool,
    ) -> None:
        self.url = _http(url)
        check_address(self.url, allow_http=allow_http)
        self._headers = headers or {}
        self._options = options
        self._offer = WebSocketOffer(subprotocols=tuple(subprotocols), max_bytes=max_bytes, ping_seconds=ping_seconds)
        self._transport = transport or Network(options, verify=verify, clock=clock)
        self._is_own = transport is None
        self._ask = stack([redirect(allow_http=allow_http)], self._transport)

    async def close(self) -> None:
        """Let the connections of its own transport go."""
        if self._is_own:
            await self._transport.close()

    async def dial(self) -> OpenWebSocket:
        """A WebSocket. Raises what the handshake is answered with."""
        given = self._headers if isinstance(self._headers, Mapping) else await self._headers()
        headers = {**self._options.headers, **{name.lower(): value for name, value in given.items()}}
        request = Request(
            method="GET",
            url=self.url,
            headers=headers,
            connect=self._options.connect,
            has_auth=False,
            websocket=self._offer,
        )
        response = await self._ask(request)
        if response.websocket is None:
            if response.is_error:
                raise error_in(response)
            raise InvalidResponse("The server does not speak WebSocket there.", detail=f"status {response.status}")
        return response.websocket


class WebSocketSettings(TypedDict, total=False):
    """The arguments of `WebSocketClient` but the address and the type of messages."""

    format: Literal["json", "msgpack"]
    headers: HandshakeHeaders | None
    subprotocols: Sequence[str]
    max_queued: int
    max_bytes: int
    ping_seconds: float
    options: Options | None
    verify: ssl.SSLContext | str | None
    transport: Transport | None
    clock: Clock | None
    random: Random
    allow_http: bool


class WebSocketClient(Generic[M]):
    """A WebSocket to the server at `url` (ws, wss, http or https), of any backend.

    Messages are of `kind`: a msgspec.Struct, a union of tagged ones, or any type that msgspec reads from JSON, or from
    MessagePack in binary messages. Without a kind they are str and bytes as they come. `format` is how `send` encodes
    what is neither.

    A connection that drops comes back after a wait with full jitter, of 4 s at most. Up to `max_queued` messages that
    are sent meanwhile wait for it, in order; one that is cut off may arrive twice. As many that arrive wait to be read,
    then the server has to wait; each has at most `max_bytes`. `headers` go with each handshake; a function is asked for
    them each time. A server that leaves a ping unanswered for `ping_seconds` is given up. `verify` is the TLS context,
    or a file of certificates to trust instead of the system's; proxies are those of the environment. Plain ws to
    another machine is refused unless `allow_http`.
    """

    @overload
    def __init__(self: WebSocketClient[str | bytes], url: str, **settings: Unpack[WebSocketSettings]) -> None: ...
    @overload
    def __init__(self: WebSocketClient[M], url: str, kind: type[M], **settings: Unpack[WebSocketSettings]) -> None: ...
    def __init__(
        self,
        url: str,
        kind: Any = None,
        *,
        format: Literal["json", "msgpack"] = "json",
        headers: HandshakeHeaders | None = None,
        subprotocols: Sequence[str] = (),
        max_queued: int = MOST_QUEUED,
        max_bytes: int = 16 * 1024 * 1024,
        ping_seconds: float = 15.0,
        options: Options | None = None,
        verify: ssl.SSLContext | str | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        random: Random = system_random,
        allow_http: bool = False,
    ) -> None:
        self._kind = kind
        self._encode = msgspec.json.encode if format == "json" else msgspec.msgpack.encode
        self._is_text = format == "json"
        self._most = max_queued
        clock = clock or SystemClock()
        self._dialer = WebSocketDialer(
            url,
            headers=headers,
            subprotocols=subprotocols,
            max_bytes=max_bytes,
            ping_seconds=ping_seconds,
            options=options or Options(),
            verify=verify,
            transport=transport,
            clock=clock,
            allow_http=allow_http,
        )
        self.url = self._dialer.url
        self._keeper = Reconnector(self._dialer.dial, self._serve, self._on_away, clock, clock.sleep, random, can_pass)
        self._websocket: OpenWebSocket | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._unsent: deque[str | bytes] = deque()
        self._received: asyncio.Queue[str | bytes | None] = asyncio.Queue(max_queued)
        self._changed = asyncio.Event()
        self._ended: HinterlandError | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._websocket is not None

    @property
    def subprotocol(self) -> str:
        """The subprotocol that the server chose; "": none, or there is no connection."""
        return "" if self._websocket is None else self._websocket.subprotocol

    async def connect(self) -> None:
        """Connect, and return when there is a connection. Raises what can't pass, such as Unauthorized; waits else."""
        if self._task is None or self._task.done():
            self._ended = None
            self._received = asyncio.Queue(self._most)
            self._task = asyncio.create_task(self._run())
        while not self.is_connected:
            self._check()
            await self._changed.wait()

    async def disconnect(self) -> None:
        """Close the connection. What reads `messages` comes to their end; `connect` begins anew."""
        task, self._task = self._task, None
        if task is not None:
            if self._websocket is not None:
                await self._websocket.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._end(ClientClosed())
        self._unsent.clear()
        await self._dialer.close()

    async def send(self, message: object) -> None:
        """Send a str as text, bytes as they are, anything else encoded; while there is no connection it waits for one.

        Raises QueueFull where too many wait, ConnectionClosed where the connection ends while it is sent: its `sent` is
        "maybe" then.
        """
        data = message if isinstance(message, str | bytes) else self._encoded(message)
        async with self._turn:
            if self._websocket is not None and not self._unsent:
                try:
                    await self._websocket.send(data)
                    return
                except ConnectionClosed as error:
                    if error.sent != "no":
                        raise
            self._check()
            if len(self._unsent) >= self._most:
                raise QueueFull
            self._unsent.append(data)

    @property
    def messages(self) -> AsyncIterator[M]:
        """The messages, in order, over all connections, to the end that `disconnect` or the server's close code 1000
        makes. Each goes to one reader.

        Raises InvalidResponse for one that does not fit its type, after which `messages` goes on with the next; the
        error of a connection that can't come back.
        """
        return self._read()

    async def states(self) -> AsyncGenerator[bool, None]:
        """Whether there is a connection: now, and after each change, until it ends for good."""
        known: bool | None = None
        while True:
            if known is not self.is_connected:
                known = self.is_connected
                yield known
            if self._task is None or self._task.done():
                return
            if known is self.is_connected:
                await self._changed.wait()

    async def _read(self) -> AsyncGenerator[M, None]:
        while True:
            data = None if self._ended is not None and self._received.empty() else await self._received.get()
            if data is None:
                if isinstance(self._ended, ClientClosed) or _is_planned(self._ended):
                    return
                self._check()
                return
            yield self._decoded(data)

    # ---------------------------------------------------------------- the connection

    async def _run(self) -> None:
        try:
            await self._keeper.run()
        except HinterlandError as error:
            self._end(error)

    async def _serve(self, websocket: OpenWebSocket) -> None:
        self._set(websocket)
        sending = asyncio.create_task(self._send_waiting(websocket))  # while it is read: the server may answer each
        try:
            while True:
                await self._received.put(await websocket.receive())
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send_waiting(self, websocket: OpenWebSocket) -> None:
        while self._unsent:  # in the order in which they were sent, and what is sent now behind them
            async with self._turn:
                await websocket.send(self._unsent[0])
                self._unsent.popleft()

    def _on_away(self, error: HinterlandError) -> None:
        self._set(None)

    def _set(self, websocket: OpenWebSocket | None) -> None:
        self._websocket = websocket
        self._changed.set()
        self._changed = asyncio.Event()

    def _end(self, error: HinterlandError) -> None:
        self._ended = error
        if not self._received.full():
            self._received.put_nowait(None)
        self._set(None)

    def _check(self) -> None:
        if self._ended is not None:
            raise copy(self._ended)

    # ---------------------------------------------------------------- messages

    def _encoded(self, message: object) -> str | bytes:
        data = self._encode(message)
        return data.decode() if self._is_text else data

    def _decoded(self, data: str | bytes) -> M:
        if self._kind is None:
            return data  # type: ignore[return-value]
        kind: type[M] = self._kind
        return decoded(data.encode(), kind) if isinstance(data, str) else packed_decoded(data, kind)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()


def _http(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{ {'ws': 'http', 'wss': 'https'}.get(scheme.lower(), scheme) }{mark}{rest}"


def _is_planned(error: HinterlandError | None) -> bool:
    return isinstance(error, ConnectionClosed) and error.close_code == _PLANNED


def can_pass(error: HinterlandError) -> bool:
    """Whether a connection to any server may come back after this end of it."""
    if isinstance(error, StatusError):  # of whatever server it is
        return error.status in STATUSES
    if not isinstance(error, ConnectionClosed):
        return may_pass(error) and not isinstance(error, TlsError)
    code = error.close_code
    is_final = code in _FINAL or (code in _FINAL_4XX and code not in _MAY_PASS_4XX)
    return code != _PLANNED and not is_final
