"""WebSockets on connections that were HTTP/1.1's (RFC 6455 §4.2): the handshake, then messages in both directions.

The library `websockets` reads frames and carries out the closing handshake; what is sent comes as frames already, which
`SocketMessage` makes once for all readers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from websockets.exceptions import InvalidUpgrade
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiScope
from hinterland.server.protocols.http1.unread import TakenInTime
from hinterland.server.websocket import SocketClosed, SocketMessage

CLOSE_SECONDS = 10.0  # for the peer to answer a close frame
LINGER_SECONDS = 2.0  # for the peer to read why its connection is closed
MOST_WAITING = 16  # messages, or bytes as below, that wait to be received before nothing more is read
WAITING_BYTES = 64 * 1024
MOST_FRAGMENTS = 10_000  # of one message
SLICE_BYTES = 2 * 1024  # of what was read, before it is looked whether enough waits: a few may unpack to a lot
FRAMES_AT_ONCE = 32  # before others have their turn: reading thousands of small ones takes long
LATE_SECONDS = 0.01  # until the next ones are read
WINDOW_BITS = 12  # 4 KiB of memory for each connection that compresses
_VERSION = "13"
_log = logging.getLogger("hinterland.wire")
_log.setLevel(logging.WARNING)  # the library reports every connection
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,  # so that what many are sent is compressed once
    server_max_window_bits=WINDOW_BITS,
    client_max_window_bits=WINDOW_BITS,
)


def offered_subprotocols(scope: AsgiScope) -> list[str]:
    """The subprotocols that a request offers, in its order."""
    values = [value for name, value in scope["headers"] if name == b"sec-websocket-protocol"]
    return [word.strip() for word in b",".join(values).decode("latin-1").split(",") if word.strip()]


class Upgrade:
    """The offer of a request to make its connection a WebSocket. `switch` gives the connection away: it takes what is
    written first."""

    def __init__(self, scope: AsgiScope, switch: Callable[[WebSocketConnection, bytes], None]) -> None:
        self.subprotocols: Sequence[str] = offered_subprotocols(scope)
        self._scope = scope
        self._switch = switch

    async def accept(self, subprotocol: str = "", *, most_bytes: int, silence: float) -> WebSocketConnection:
        """See `hinterland.server.websocket.Handshake`."""
        wire = FrameReader(extensions=[_DEFLATE], max_size=most_bytes, logger=_log)
        wire.receive_data(_head_of(self._scope))
        response = wire.accept(_request_of(wire))
        if wire.handshake_exc is not None:
            raise _refusal_of(wire.handshake_exc)
        if subprotocol:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        wire.send_response(response)
        connection = WebSocketConnection(wire, silence)
        self._switch(connection, b"".join(wire.data_to_send()))
        return connection


def _head_of(scope: AsgiScope) -> bytes:
    """The request as it was read, with the offer that HTTP/1.1 has taken out of it."""
    lines = [b"GET / HTTP/1.1", b"Upgrade: websocket"]
    lines += [b"%b: %b" % (name, value) for name, value in scope["headers"] if name.startswith((b"sec-", b"conn"))]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _request_of(wire: ServerProtocol) -> Request:
    events = wire.events_received()
    if not events or not isinstance(events[0], Request):
        raise Refusal("invalid_request", "the WebSocket handshake is not valid HTTP/1.1")
    return events[0]


def _refusal_of(error: Exception) -> Refusal:
    if isinstance(error, InvalidUpgrade) or "Sec-WebSocket-Version" in str(error):
        headers = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", _VERSION))
        message = f"this WebSocket version is not supported; send Sec-WebSocket-Version: {_VERSION} (RFC 6455)"
        return Refusal("upgrade_required", message, headers=headers)
    return Refusal("invalid_request", f"the WebSocket handshake is not valid: {error}"[:300])


class FrameReader(ServerProtocol):
    """The library's reader of frames."""

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame. A message that the peer broke off with a close frame is dropped: the frame is valid between
        fragments (RFC 6455 §5.4), and is answered with its own code."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class WebSocketConnection(TakenInTime, asyncio.Protocol):
    """An open WebSocket: `hinterland.server.websocket.WebSocket` on a connection of its own.

    What the peer sends is read only as fast as it is received, and no faster than the peer reads its pongs.
    """

    __slots__ = ("_is_held", "_is_open", "_window_bits", "transport")
    """What is looked at for each message of thousands lies together; the rest is in the object's dictionary."""
    close_seconds = CLOSE_SECONDS
    linger_seconds = LINGER_SECONDS

    def __init__(self, wire: ServerProtocol, silence: float) -> None:
        self._wire = wire
        self._silence = silence
        self._window_bits = _window_bits(wire)
        self._unparsed = b""
        self._incoming: deque[str | bytes] = deque()
        self._size = 0
        self._parts: list[Any] = []
        self._is_text = False
        self._ended: SocketClosed | None = None
        self._receiver: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_held = False  # the same as a plain value, which thousands are asked for
        self._is_open = True
        self._is_paused = False
        self._is_late = False  # others have their turn before more of it is read
        self._missed = 0  # beats without a byte from the peer
        self._end_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport, connections: set[Any], head: bytes) -> None:
        """Go on with a connection of HTTP/1.1, whose last response `head` is. `connections` are the server's."""
        self.loop = asyncio.get_running_loop()
        self.transport = transport
        self._connections = connections
        connections.add(self)
        transport.set_protocol(self)
        transport.write(head)
        self._beat_timer = self.loop.call_later(self._silence, self._beat)

    # ---------------------------------------------------------------- what protocols use

    async def receive(self) -> str | bytes:
        """See `hinterland.server.websocket.WebSocket`."""
        while not self._incoming:
            if self._ended is not None:
                raise self._ended
            self._receiver = self.loop.create_future()
            await self._receiver
        message = self._incoming.popleft()
        self._size -= len(message)
        self._read_on()
        return message

    def send(self, message: SocketMessage) -> Awaitable[None] | None:
        """See `hinterland.server.websocket.WebSocket`."""
        if not self._is_open or self.transport.is_closing():
            return None
        bits = self._window_bits
        self.transport.write(message.frames.get(bits) or message.frame(bits))
        return self._drained() if self._is_held else None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """See `hinterland.server.websocket.WebSocket`."""
        if self._wire.state is OPEN:
            self._wire.send_close(code, reason.encode()[:123].decode(errors="ignore"))
            self._flush()
            # What the peer still sends is not received, nor what waits: its right may be what has ended.
            self._incoming.clear()
            self._size = 0
            if not self.transport.is_closing():
                self._end(code, reason)
            self._end_in(self.close_seconds)
            self._read_on()

    async def _drained(self) -> None:
        await self._writable.wait()
        if self.transport.is_closing() and self._ended is not None:
            raise self._ended  # who waits is not to prepare what nobody is sent

    # ---------------------------------------------------------------- asyncio's protocol

    def data_received(self, data: bytes) -> None:
        """Take the frames in `data`."""
        self._missed = 0
        self._unparsed += data
        self._read_on()

    def eof_received(self) -> None:
        """The peer sends no more: the connection is closed."""

    def pause_writing(self) -> None:
        """The peer takes less than is written: nothing of it is read meanwhile."""
        self._writable.clear()
        self._is_held = True
        self._watch_unread()
        self._read_on()

    def resume_writing(self) -> None:
        """The peer has taken nearly all of it."""
        self._forget_unread()
        self._writable.set()
        self._is_held = False
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """The WebSocket has ended."""
        self._forget_unread()
        for timer in (self._end_timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        self._connections.discard(self)
        self._writable.set()
        self._is_open = self._is_held = False
        self._end(1006)

    def shutdown(self) -> None:
        """The server is shutting down (uvicorn's call)."""
        if self._wire.state is OPEN:
            self._wire.send_close(1012, "the server restarts; come back")
            self._flush()
        self._end(1012)
        self._end_in(self.linger_seconds)

    # ---------------------------------------------------------------- frames

    def _take(self, frame: Frame) -> None:
        code = frame.opcode
        if code is Opcode.CLOSE:
            close = self._wire.close_rcvd
            self._end(*((close.code, close.reason) if close is not None else (1005, "")))
        elif code in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) and self._ended is None:
            if code is not Opcode.CONT:
                self._is_text = code is Opcode.TEXT
            self._parts.append(frame.data)
            if frame.fin:
                parts, self._parts = self._parts, []
                self._arrive(bytes(parts[0]) if len(parts) == 1 else b"".join(parts))
            elif len(self._parts) > MOST_FRAGMENTS:
                self._fail(1009, f"a message has over {MOST_FRAGMENTS:,} fragments")

    def _arrive(self, data: bytes) -> None:
        try:
            message = data.decode() if self._is_text else data
        except UnicodeDecodeError:
            self._fail(1007, "a text is not UTF-8")
            return
        self._incoming.append(message)
        self._size += len(message)
        self._wake()

    def _flush(self) -> None:
        """Write what the library has to send; b"" means that nothing comes behind it."""
        self._is_open = self._wire.state is OPEN
        for data in self._wire.data_to_send():
            if self.transport.is_closing():
                break  # it was given up, which is still to be reported
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                with suppress(OSError):  # the connection was lost, which is still to be reported
                    self.transport.write_eof()
                self._end_in(self.linger_seconds)
            else:
                self.transport.close()
        if self._wire.parser_exc is not None:
            sent = self._wire.close_sent
            self._end(*((sent.code, sent.reason) if sent is not None else (1006, "")))

    def _read_on(self) -> None:
        """Read, unless what was read waits, or the peer does not take what it is sent."""
        taken = 0
        while self._unparsed and taken < FRAMES_AT_ONCE and not self._is_full():
            piece, self._unparsed = self._unparsed[:SLICE_BYTES], self._unparsed[SLICE_BYTES:]
            self._wire.receive_data(piece)
            for event in self._wire.events_received():
                taken += 1
                if isinstance(event, Frame):
                    self._take(event)
            self._flush()
        is_late = taken >= FRAMES_AT_ONCE and bool(self._unparsed)
        if is_late and not self._is_late:
            self.loop.call_later(LATE_SECONDS, self._read_late)
        self._is_late = self._is_late or is_late
        is_full = self._is_late or self._is_full()
        if not self.transport.is_closing() and is_full != self._is_paused:
            self._is_paused = is_full
            (self.transport.pause_reading if is_full else self.transport.resume_reading)()

    def _read_late(self) -> None:
        self._is_late = False
        if not self.transport.is_closing():
            self._read_on()

    def _is_full(self) -> bool:
        waiting, size = len(self._incoming), self._size
        return waiting >= MOST_WAITING or size >= WAITING_BYTES or not self._writable.is_set()

    # ---------------------------------------------------------------- its end

    def _beat(self) -> None:
        """Ask a silent peer whether it is there; one that has been silent for two beats is not."""
        self._missed += 1
        if self._missed > 2:
            self.transport.abort()
            return
        if self._wire.state is OPEN:
            self._wire.send_ping(b"")
            self._flush()
        self._beat_timer = self.loop.call_later(self._silence, self._beat)

    def _fail(self, code: int, reason: str) -> None:
        """End because of what the peer sent (RFC 6455 §7.1.7)."""
        self._wire.fail(code, reason)
        self._end(code, reason)

    def _end(self, code: int, reason: str = "") -> None:
        if self._ended is None:
            self._ended = SocketClosed(code, reason)
            self._parts = []
            self._wake()

    def _end_in(self, seconds: float) -> None:
        if self._end_timer is None:
            self._end_timer = self.loop.call_later(seconds, self.transport.abort)

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not receiver.done():
            receiver.set_result(None)


def _window_bits(wire: ServerProtocol) -> int:
    """How far back what is sent may refer; 0: the peer takes nothing compressed."""
    deflate = next((each for each in wire.extensions if isinstance(each, PerMessageDeflate)), None)
    return 0 if deflate is None else deflate.local_max_window_bits
