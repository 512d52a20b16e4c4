"""The one verb of the client: a request goes in, a response comes out.

Transports and layers are interchangeable because all speak it: a transport is a `Send`; a layer takes a request and the
`Send` below it. `stack` puts layers over a transport.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from hinterland.client.documents import decoded
from hinterland.client.errors import Sent
from hinterland.kit.body import Body
from hinterland.kit.clock import Clock

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Phase(msgspec.Struct, frozen=True):
    """A part of a request's time: its name (`connect`, `wait`, `retry after 503` …) and its length in seconds."""

    name: str
    seconds: float


class Journal:
    """What happened to one request on its way: written by the layers and the transport, read where it is reported.

    `sent` says whether the server may have got the request, were it given up now. `user` is in whose name the first
    attempt was made, "" for nobody's, None before it.
    """

    __slots__ = ("attempts", "phases", "sent", "user", "waited")

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.attempts = 0
        self.waited = 0.0
        self.sent: Sent = "no"
        self.user: str | int | None = None

    def note(self, name: str, seconds: float = 0.0) -> None:
        """Add a phase."""
        self.phases.append(Phase(name, seconds))


class WebSocketOffer(msgspec.Struct, frozen=True, kw_only=True):
    """How a request wishes to become a WebSocket: by one of these `subprotocols`, with messages of at most `max_bytes`,
    and with a ping each `ping_seconds`, which must be answered within as many."""

    subprotocols: tuple[str, ...] = ()
    max_bytes: int = 64 * 1024 * 1024
    ping_seconds: float = 15.0


class OpenWebSocket(Protocol):
    """An open WebSocket."""

    @property
    def subprotocol(self) -> str:
        """The subprotocol that the server chose; "": none."""
        ...

    async def receive(self) -> str | bytes:
        """The next message, a text or bytes. Raises ConnectionClosed when the WebSocket has ended."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message, and wait while the peer does not read. Raises ConnectionClosed, whose `sent` is "no" where
        the WebSocket had ended before."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it. Nothing happens where it has ended."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: `url` is absolute, header names are in lower case, `content` is the whole body, `body` one that
    is sent piece by piece instead.

    `operation` names the row of the table ("" for a foreign call). `deadline` is an instant of the client's monotonic
    clock by which the response must be there, over all attempts (infinity: there is none). `connect` and `read` are the
    timeouts of one attempt in seconds. `retries` may follow the first attempt; `is_repeatable`: the server carries it
    out once, however often it is sent, though its method does not say so. `has_auth`: the session's access token goes
    with it. `is_stream`: the response's body is read piece by piece. `websocket`: it wishes to become a WebSocket.
    """

    method: str
    url: str
    headers: dict[str, str] = {}
    content: bytes = b""
    body: Body | None = None
    operation: str = ""
    deadline: float | None = None
    connect: float = 10.0
    read: float = 30.0
    retries: int = 3
    is_repeatable: bool = False
    has_auth: bool = True
    is_stream: bool = False
    websocket: WebSocketOffer | None = None
    journal: Journal = msgspec.field(default_factory=Journal)

    def __repr__(self) -> str:
        # Neither headers nor body nor query: what is printed ends up in logs, and they hold secrets.
        return f"Request({self.method} {self.url.partition('?')[0]})"

    @property
    def can_be_sent(self) -> bool:
        """Whether the body can be sent now: one that is made as it is read can't be sent again."""
        return self.body is None or self.body.is_repeatable

    def replaced(self, **changes: Any) -> Request:
        """This request with some of its parts changed."""
        return msgspec.structs.replace(self, **changes)

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """This request with more headers, or with others of the same names."""
        return self.replaced(headers={**self.headers, **headers})


async def _nothing() -> None:
    return None


class Response(msgspec.Struct, kw_only=True):
    """What came back: header names are in lower case, `content` is the whole body, empty where it is a `stream`.

    `attempts` counts the requests that it took and `waited` the seconds between them; `is_in_doubt`: one of them
    may have been carried out all the same. A stream must be ended with `close`, which may be called at any time and
    more than once. `websocket` is what the connection has become.
    """

    status: int
    headers: dict[str, str] = {}
    content: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    websocket: OpenWebSocket | None = None
    close: Callable[[], Awaitable[None]] = _nothing
    attempts: int = 1
    waited: float = 0.0
    is_in_doubt: bool = False

    def __repr__(self) -> str:
        return f"Response({self.status})"

    @property
    def is_error(self) -> bool:
        """Whether the status says that the request did not succeed (RFC 9110 §15.5, §15.6)."""
        return self.status >= 400

    def json(self) -> Any:
        """The body as JSON. Raises InvalidResponse for what is none; a stream must have been `read`."""
        return decoded(self.content, Any, request_id=self.headers.get("x-request-id", ""))

    async def read(self) -> bytes:
        """The whole body, whether it was a stream or not; the stream is closed."""
        if self.stream is not None:
            try:
                self.content = b"".join([piece async for piece in self.stream])
            finally:
                self.stream = None
                await self.close()
        return self.content


Send = Callable[[Request], Awaitable[Response]]
Layer = Callable[[Request, Send], Awaitable[Response]]


class Transport(Protocol):
    """A `Send` at the bottom of the stack that may hold connections; `close` lets them go."""

    async def __call__(self, request: Request) -> Response:
        """Send the request once. Raises the errors of `client.errors` only."""
        ...

    async def close(self) -> None:
        """Let connections go; another request opens new ones."""
        ...


def stack(layers: Sequence[Layer], transport: Send) -> Send:
    """The way of a request: the first layer sees it first, the transport last."""
    send = transport
    for layer in reversed(layers):
        send = _over(layer, send)
    return send


def _over(layer: Layer, below: Send) -> Send:
    async def send(request: Request) -> Response:
        return await layer(request, below)

    return send


def remaining(request: Request, clock: Clock) -> float | None:
    """The seconds until the request's deadline, below zero once it has passed; None: there is none."""
    return None if request.deadline is None else request.deadline - clock.monotonic()


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL in one form (RFC 6454 §4); raises ValueError where it has none."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url!r} is not an absolute URL")
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"
