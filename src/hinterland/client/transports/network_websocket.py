"""WebSockets over the network: the library `websockets`, whose names and errors stay in this file."""

from __future__ import annotations

import asyncio
import ssl
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from hinterland.client import errors
from hinterland.client.exchange import Request, Response, WebSocketOffer
from hinterland.client.transports.causes import PLAIN, connect_error, is_plain, reason_of
from hinterland.client.transports.environment import check_proxies, proxy_failure

AGENT = "hinterland-python"
GONE = 1006  # the connection ended without a close frame
_CLOSE_WITHIN = 2.0  # seconds for the peer to answer a close frame
_MOST_WAITING = 16  # messages that wait for the app; further ones stay with the sender
_HOP_HEADERS = frozenset({"accept", "content-type", "content-length", "host"})


async def dial(request: Request, offer: WebSocketOffer, context: ssl.SSLContext | bool | None) -> Response:
    """The response to a request that wishes to become a WebSocket: with its `websocket`, or the server's refusal.

    `context` is that of TLS (True: the system's); None: there is none. Proxies are those of the environment.
    """
    check_proxies()
    proxy = _proxy_of(request.url)
    try:
        connection = await _connected(request, offer, context, proxy)
    except InvalidStatus as refusal:
        answer = refusal.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        return Response(status=answer.status_code, headers=headers, content=bytes(answer.body or b""))
    except Exception as error:
        own = _own(error, proxy)
        if own is None:
            raise
        raise own from error
    websocket = NetworkWebSocket(connection, offer.ping_seconds)
    return Response(status=101, websocket=websocket, close=websocket.close)


class LineReader(ClientProtocol):
    """The library's reader of frames."""

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame. A message that the peer broke off with a close frame is dropped: the frame is valid between
        fragments (RFC 6455 §5.4), and is answered with its own code."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class Connection(ClientConnection):
    """The library's connection."""

    def __init__(self, protocol: ClientProtocol, **settings: Any) -> None:
        protocol.__class__ = LineReader  # the library has no other way to choose it
        super().__init__(protocol, **settings)


class Dialing(connect):
    """A handshake that follows no redirect: what may go to another address is decided elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception:
        """The response is an error."""
        return exc


class NetworkWebSocket:
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection, ping_seconds: float) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._awaited_since: float | None = None
        self._pinging = asyncio.create_task(self._keep_alive(ping_seconds))

    @property
    def subprotocol(self) -> str:
        """The subprotocol that the server chose; "": none."""
        return self._connection.subprotocol or ""

    async def receive(self) -> str | bytes:
        """The next message. Raises ConnectionClosed."""
        self._awaited_since = self._loop.time()
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise _closed(error, "maybe") from None
        finally:
            self._awaited_since = None

    async def send(self, message: str | bytes) -> None:
        """Send a message. Raises ConnectionClosed."""
        is_open = self._connection.state is OPEN
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise _closed(error, "maybe" if is_open else "no") from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it."""
        self._pinging.cancel()
        await self._connection.close(code, reason)

    async def _keep_alive(self, seconds: float) -> None:
        """Ping, and give a silent peer up. An app that does not read for a while is no sign of that."""
        while True:
            await asyncio.sleep(seconds)
            began = self._loop.time()
            try:
                async with asyncio.timeout(seconds):
                    await (await self._connection.ping())
            except ConnectionClosed:
                return
            except TimeoutError:
                if self._awaited_since is not None and self._awaited_since <= began:
                    self._connection.transport.abort()
                    return


async def _connected(
    request: Request, offer: WebSocketOffer, context: ssl.SSLContext | bool | None, proxy: str | None
) -> ClientConnection:
    more: dict[str, Any] = {} if context is None else {"ssl": context}
    return await Dialing(
        f"ws{request.url.removeprefix('http')}",
        additional_headers={name: value for name, value in request.headers.items() if name not in _HOP_HEADERS},
        subprotocols=[Subprotocol(name) for name in offer.subprotocols] or None,
        user_agent_header=AGENT,
        proxy=proxy,
        open_timeout=request.connect,
        ping_interval=None,  # ours knows whether the app reads
        close_timeout=_CLOSE_WITHIN,
        max_size=offer.max_bytes,
        max_queue=_MOST_WAITING,
        create_connection=Connection,
        **more,
    )


def _proxy_of(url: str) -> str | None:
    """The proxy that the environment names for requests to this address."""
    scheme, _, rest = url.partition("://")
    found = getproxies()
    proxy = found.get(scheme.lower()) or found.get("all")
    place = rest.partition("/")[0].rpartition("@")[2]
    if not proxy or found.get("no") == "*" or proxy_bypass(place):
        return None
    if not proxy.startswith("socks"):
        return proxy if "://" in proxy else f"http://{proxy}"
    if find_spec("python_socks") is None:
        raise errors.InvalidSetting(
            "A WebSocket through a SOCKS proxy needs the package python-socks, which is missing.",
            advice="Install it with pip install 'python-socks[asyncio]', or name an http:// proxy.",
        )
    return proxy


def _own(error: Exception, proxy: str | None) -> errors.HinterlandError | None:
    if isinstance(error, InvalidURI):
        return errors.UnsafeRequest(detail=reason_of(error))
    if isinstance(error, ProxyError):
        return _proxys(errors.ConnectError, error, proxy, is_reached=True)
    if isinstance(error, TimeoutError):
        return errors.ConnectTimeout(detail=reason_of(error))
    if isinstance(error, InvalidMessage | EOFError):
        return errors.ConnectionLost(detail=reason_of(error))
    if isinstance(error, InvalidHandshake):
        return errors.InvalidResponse("The server does not speak WebSocket there.", detail=reason_of(error))
    if isinstance(error, OSError):
        return _proxys(connect_error(error), error, proxy, is_reached=False)
    return None


def _proxys(
    kind: type[errors.HinterlandError], error: Exception, proxy: str | None, *, is_reached: bool
) -> errors.HinterlandError:
    message, advice = "", PLAIN if is_plain(error) else ""
    if proxy is not None:
        parts = urlsplit(proxy)
        message, advice = proxy_failure(parts.hostname or "", parts.port or 0, is_reached=is_reached)
    return kind(message, advice=advice, detail=reason_of(error))


def _closed(error: Any, sent: errors.Sent) -> errors.ConnectionClosed:
    # What began the end: the server's close frame, or ours after a message that breaks the protocol or is too large.
    frame = error.rcvd if error.rcvd_then_sent or error.sent is None else error.sent
    code, reason = (GONE, reason_of(error)) if frame is None else (frame.code, frame.reason)
    return errors.ConnectionClosed(close_code=code, reason=reason, sent=sent)
