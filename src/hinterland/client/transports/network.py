"""The transport over the network: httpx2, whose names and errors stay in this file."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hinterland.client import errors
from hinterland.client.errors import HinterlandError
from hinterland.client.exchange import Journal, Request, Response, WebSocketOffer
from hinterland.client.options import Options
from hinterland.client.transports.causes import PLAIN, connect_error, is_plain, reason_of
from hinterland.client.transports.environment import check_proxies, no_tls, proxy_failure, tls_context
from hinterland.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    import httpx2

AGENT = "hinterland-python"
KEEP_ALIVE = 4.0  # seconds; under the 5 after which many servers close an idle connection
_PHASES = {
    "connect_tcp": "connect",
    "start_tls": "tls",
    "send_request_headers": "send",
    "receive_response_headers": "wait",
    "receive_response_body": "receive",
}
# The library's errors by name, so that it need not be loaded to be known; the most exact first.
_TABLE: tuple[tuple[str, type[HinterlandError]], ...] = (
    ("ConnectTimeout", errors.ConnectTimeout),
    ("PoolTimeout", errors.PoolTimeout),
    ("WriteTimeout", errors.WriteTimeout),
    ("ReadTimeout", errors.ReadTimeout),
    ("TimeoutException", errors.Timeout),
    ("ConnectError", errors.ConnectError),
    ("ProxyError", errors.ConnectError),
    ("UnsupportedProtocol", errors.UnsafeRequest),
    ("LocalProtocolError", errors.UnsafeRequest),
    ("DecodingError", errors.InvalidResponse),
    ("InvalidURL", errors.UnsafeRequest),
    ("HTTPError", errors.ConnectionLost),
    ("StreamError", errors.ConnectionLost),
)


class Network:
    """Sends requests over the network. The library is loaded and connections are made with the first request, which
    raises InvalidSetting where the environment names a proxy or certificates that can't be used.

    `verify` is the TLS context, or a file of certificates to trust instead of the system's.
    """

    def __init__(
        self, options: Options | None = None, *, verify: ssl.SSLContext | str | None = None, clock: Clock | None = None
    ) -> None:
        self._options = options or Options()
        self._verify = verify
        self._clock = clock or SystemClock()
        self._clients: dict[str, httpx2.AsyncClient] = {}  # by scheme

    async def __call__(self, request: Request) -> Response:
        """Send the request once, following no redirect."""
        scheme = request.url.partition(":")[0].lower()
        if request.websocket is not None:
            return await _dial()(request, request.websocket, None if scheme == "http" else self._context(scheme))
        client = self._clients.get(scheme) or self._open(scheme)
        dialed = _Dialed()
        with translated(dialed):
            sent = client.build_request(
                request.method,
                request.url,
                headers=_headers(request),
                content=request.content or None if request.body is None else request.body.open(),
                timeout=self._timeout(request),
                extensions={"trace": _watch(request.journal, self._clock, dialed)},
            )
            answer = await client.send(sent, stream=True)
            response = Response(status=answer.status_code, headers=dict(answer.headers.items()))
            if request.is_stream and not response.is_error:
                response.stream, response.close = _pieces(answer), answer.aclose
                return response
            try:
                response.content = await answer.aread()
            finally:
                await answer.aclose()
            return response

    async def close(self) -> None:
        """Let connections go; another request opens new ones."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def _open(self, scheme: str) -> httpx2.AsyncClient:
        import httpx2

        check_proxies()
        most = self._options.max_connections
        client = self._clients[scheme] = httpx2.AsyncClient(
            verify=self._context(scheme),
            http2=self._options.http2,
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=KEEP_ALIVE),
            headers={"user-agent": AGENT},
            follow_redirects=False,
        )
        return client

    def _context(self, scheme: str) -> ssl.SSLContext | bool:
        if scheme == "http":
            return no_tls()
        if isinstance(self._verify, ssl.SSLContext):
            return self._verify
        return tls_context(self._verify) or True

    def _timeout(self, request: Request) -> tuple[float, float, float, float]:
        return request.connect, request.read, self._options.write, self._options.pool


def _dial() -> Callable[[Request, WebSocketOffer, ssl.SSLContext | bool | None], Awaitable[Response]]:
    """What opens WebSockets, which is loaded with the first."""
    try:
        from hinterland.client.transports.network_websocket import dial
    except ModuleNotFoundError as error:
        raise errors.InvalidSetting(
            f"A WebSocket needs the package {error.name}, which is missing.",
            advice="Install it with pip install 'hinterland[socket]'.",
        ) from error
    return dial


def _headers(request: Request) -> dict[str, str]:
    """The headers, with the length of a body that knows it; one that does not is sent in chunks."""
    if request.body is None or request.body.length is None:
        return request.headers
    return {**request.headers, "content-length": str(request.body.length)}


class _Dialed:
    """To which address the last connection was made, or tried: the server's or a proxy's."""

    host = ""
    port = 0
    is_reached = False


@contextmanager
def translated(dialed: _Dialed | None = None) -> Iterator[None]:
    """Raises the library's errors as the client's own; one of the proxy that was `dialed` names it."""
    try:
        yield
    except Exception as error:
        own = _own(error, dialed)
        if own is None:
            raise
        raise own from error


def _own(error: Exception, dialed: _Dialed | None) -> HinterlandError | None:
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("httpx2")}
    kind = next((kind for name, kind in _TABLE if name in names), None)
    if kind is errors.ConnectError:
        kind = connect_error(error)
    is_proxys = "ProxyError" in names or (dialed is not None and not dialed.is_reached)
    if kind is None or dialed is None or not is_proxys:
        return None if kind is None else kind(detail=reason_of(error), advice=PLAIN if is_plain(error) else "")
    message, advice = proxy_failure(dialed.host, dialed.port, is_reached=dialed.is_reached)
    return kind(message, advice=advice, detail=reason_of(error))


async def _pieces(answer: httpx2.Response) -> AsyncIterator[bytes]:
    with translated():
        async for piece in answer.aiter_bytes():
            yield piece


def _watch(journal: Journal, clock: Clock, dialed: _Dialed) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    started: dict[str, float] = {}

    async def watch(event: str, details: dict[str, Any]) -> None:
        name, _, moment = event.rpartition(".")
        phase = _PHASES.get(name.rpartition(".")[2])
        if phase is None:
            return
        if phase == "connect" and moment == "started":
            dialed.host, dialed.port, dialed.is_reached = details["host"], details["port"], False
        elif phase == "connect":
            dialed.is_reached = moment == "complete"
        if moment == "started":
            started[phase] = clock.monotonic()
        else:
            failed = " (failed)" if moment == "failed" else ""
            journal.note(phase + failed, clock.monotonic() - started.get(phase, clock.monotonic()))

    return watch
