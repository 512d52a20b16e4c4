"""`GET /v1/socket`, which becomes a WebSocket."""

from __future__ import annotations

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.socket import SUBPROTOCOL
from hinterland.kit.asgi import AsgiApp, AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.backend import Backend
from hinterland.server.callers import authenticate
from hinterland.server.http import LIMIT, HttpRequest
from hinterland.server.protocols.socket.session import SocketSession
from hinterland.server.websocket import SOCKET, Handshake, serve_socket

_WORDS = frozenset({"ticket", "format"})
_FORMATS = ("json", "msgpack")


class SocketEndpoint:
    """The ASGI application of the operation `socket`. `app` carries out the requests that come as messages."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.app: AsgiApp | None = None

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one socket. Raises the refusal of its handshake."""
        if scope["method"] != "GET":
            raise Refusal("method_not_allowed", "a socket takes GET", headers=(("Allow", "GET"),))
        handshake: Handshake | None = scope.get(SOCKET)
        if handshake is None:
            message = "this path is a WebSocket's; connect with the scheme ws or wss (RFC 6455), not with http"
            raise Refusal("upgrade_required", message, headers=(("Upgrade", "websocket"),))
        request = HttpRequest(scope, receive)
        caller = await self._caller(request)
        settings = self._backend.settings
        chosen = SUBPROTOCOL if SUBPROTOCOL in handshake.subprotocols else ""
        assert self.app is not None
        # From here on it is no request any longer.
        if LIMIT in scope:
            scope[LIMIT].lift()
        socket = await handshake.accept(
            chosen, most_bytes=settings.socket_message_bytes, silence=settings.keep_alive_seconds
        )
        session = SocketSession(self._backend, self.app, request, socket, caller)
        await serve_socket(socket, session.run())

    async def _caller(self, request: HttpRequest) -> Principal:
        await authenticate(self._backend, request, "optional")
        words = dict(request.query())
        for name in words.keys() - _WORDS:
            raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; allowed: {', '.join(sorted(_WORDS))}")
        if words.get("format", "json") not in _FORMATS:
            raise Refusal("invalid_query", f"format: send {' or '.join(_FORMATS)}")
        if request.caller is SIGNED_OUT and "ticket" in words:
            return await self._backend.tickets.redeem(words["ticket"])
        return request.caller
