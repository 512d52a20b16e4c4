"""HTTP/1.1 connections that read each head whole, within bounds of bytes and time, before any of it is a request.

Without these bounds a caller that never ends a head would hold memory and a connection for as long as it likes. A
whole head names one host (RFC 9112 §3.2) and how its body ends (§6). A request that offers to become a WebSocket may be
made one; other offers to change the protocol are ignored (RFC 9110 §7.8): the request is answered as HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hinterland.contract.errors import Refusal
from hinterland.server.http import REFUSED
from hinterland.server.protocols.http1.answers import WholeAnswers
from hinterland.server.protocols.http1.bodies import ChunkedBody
from hinterland.server.protocols.http1.ceiling import Ceiling
from hinterland.server.protocols.http1.held_flow import HeldFlow
from hinterland.server.protocols.http1.refusals import known_version, mark_refused, unknown_method, unreadable
from hinterland.server.protocols.http1.unread import BoundedUnread

HEAD_BYTES = 128 * 1024  # beyond what a whole head may have, which the application answers in its own words
HEAD_SECONDS = 20.0
LINGER_SECONDS = 2.0
PIPELINED = 16  # requests that wait behind the one that is answered; the rest is not parsed before
BLANKS = 16  # pairs of line breaks in front of a head; one is enough for those who send them (RFC 9112 §2.2)
_END = b"\r\n\r\n"
_VERSION = b" HTTP/1.1"
_LAST_CHUNK = b"0\r\n\r\n"
_OFFER = re.compile(rb"\r\nupgrade:([^\r\n]*)", re.IGNORECASE)
_BEGINNING = re.compile(rb"[A-Za-z\r\n]")  # of a head: TLS begins otherwise
_LONE_LF = re.compile(rb"[^\r]\n")
_WATCHED = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
_SURPLUS = "the server has as many connections as it may have; retry later"
_TWICE = b" "  # no value that is valid
_HOST = re.compile(rb"(\[[\da-fA-Fv.:]+\]|([\w.~!$&'()*+,;=-]|%[\da-fA-F]{2})+)(:\d*)?")  # RFC 3986 §3.2.2


class WholeHeads(BoundedUnread):
    """Closes a connection that does not end a head within `head_seconds`, and refuses one beyond `HEAD_BYTES`.

    The time begins with whatever comes while nothing is answered: line breaks, or the body of what was answered early.
    The trailer fields of a chunked body have the same time.
    """

    head_seconds = HEAD_SECONDS
    linger_seconds = LINGER_SECONDS
    ceiling: ClassVar[Ceiling] = Ceiling()  # of the whole process
    _rest: bytes | bytearray = b""  # a head that is not whole, or requests that wait to be parsed
    _searched = 0  # up to where it has no end of a head
    _is_waiting = False  # the rest, for those before it to be answered and their answers to be taken, or for a turn
    _blanks = 0  # pairs of line breaks in front of the next head
    _due = 0  # bytes of a body by Content-Length that are still to come
    _behind = 0  # bytes that were read together with a head, and stand behind it
    _chunks: ChunkedBody | None = None
    _watched: dict[bytes, bytes]
    _host: bytes | None = None  # the last that was valid: who asks more than once names the same one
    _is_old = _has_ended = _is_surplus = False
    _offers_socket = False
    _is_refused = False  # the last request; what is behind it is dropped
    _linger_timer: asyncio.TimerHandle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head must begin and end in time."""
        super().connection_made(transport)
        self.flow: HeldFlow = HeldFlow(transport)
        self._is_surplus = self.ceiling.is_reached(transport.get_extra_info("socket").fileno(), self.loop.time())
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited, nor read on."""
        self._arrived()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        self._rest = b""
        super().connection_lost(exc)

    # ---------------------------------------------------------------- what is read

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._rest:
            self._rest += data
            self._read_on()
        else:
            self._read(data)
        answering = self._answering
        if answering is None or answering.response_complete or self._rest or self._chunks is not None:
            self._watch_time()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether there is something to answer, behind which the connection is closed then."""
        self._has_ended = True
        return self._is_waiting or super().eof_received()

    def resume_writing(self) -> None:
        """The caller takes its answers again: go on with its requests."""
        super().resume_writing()
        self._go_on()

    def on_response_complete(self) -> None:
        """Go on with the requests that wait."""
        super().on_response_complete()
        if self._is_waiting:
            self._go_on()

    def _go_on(self) -> None:
        is_early = self._chunks is None and (bool(self.pipeline) or self.flow.write_paused)
        if not self._is_waiting or is_early or self.transport.is_closing():
            return
        self._is_waiting = self.flow.is_held = False
        self.flow.resume_reading()
        rest, self._rest = bytes(self._rest), b""
        self._read(rest)
        self._watch_time()
        if self._has_ended and not self.eof_received():
            self.answers.close()

    def _is_last(self) -> bool:
        """Whether the connection ends with the request that was read: what is behind it is not looked at."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.keep_alive

    def _has_begun(self) -> bool:
        return bool(self._rest)

    def _read_on(self) -> None:
        """Read the rest, once it has the end of a head."""
        rest = self._rest
        if self._is_waiting:
            self.flow.pause_reading()
        elif rest.find(_END, max(0, self._searched - 3)) >= 0:
            self._rest = b""
            self._read(bytes(rest))
        else:
            self._check_begun()

    def _read(self, data: bytes) -> None:
        at, size = 0, len(data)
        while at < size:
            if self._due or self._chunks is not None:
                at = self._read_body(data, at)
                if self._chunks is not None and at < size:
                    self._wait(data, at)
                    self.loop.call_soon(self._go_on)
                    return
                continue
            if self._is_last():
                return
            end = data.find(_END, at) + 4
            if self.flow.write_paused or len(self.pipeline) >= PIPELINED:
                self._wait(data, at)
                return
            if end == 3:
                self._rest, self._searched = bytearray(data[at:]), 0
                self._check_begun()
                return
            self._behind = size - end
            self._read_head(data[at:end])  # not a copy where it is all
            at = end

    def _wait(self, data: bytes, at: int) -> None:
        """Read nothing from `at` on before `_go_on`."""
        self._is_waiting = self.flow.is_held = True
        self._rest = bytearray(data[at:])
        self.flow.pause_reading()

    def _check_begun(self) -> None:
        """Refuse what was read of a head where it can't become one."""
        rest, since = bytes(self._rest[:1]), self._searched
        if len(self._rest) > HEAD_BYTES:
            self._refuse(Refusal("headers_too_large", f"the head is larger than {HEAD_BYTES:,} bytes"))
        elif _BEGINNING.match(rest) is None or _LONE_LF.search(self._rest, max(0, since - 1)):
            self._refuse(
                Refusal("invalid_request", "this is not HTTP/1.1; begin with a method, and end lines with CR LF")
            )
        else:
            self._searched = len(self._rest)

    # ---------------------------------------------------------------- heads

    def _read_head(self, head: bytes) -> None:
        try:
            self._is_old = False
            self._blanks = self._blanks + 1 if head == _END else 0
            if self._blanks > BLANKS:
                raise Refusal("invalid_request", "line breaks only; begin a request with a method, a URL and HTTP/1.1")
            if not head.startswith(_VERSION, head.find(b"\r\n") - len(_VERSION)):
                head, self._is_old = known_version(head)
            self._parse(head)
        except Refusal as refusal:
            self._refuse(refusal, head)
        except httptools.HttpParserError as error:
            self._refuse(unreadable(error, head), head)

    def _parse(self, head: bytes) -> None:
        try:
            self.parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            # The parser takes all that follows for the other protocol's: the head is read again without the offer.
            self.parser = httptools.HttpRequestParser(self)
            self._offers_socket = [each.strip().lower() for each in _OFFER.findall(head)] == [b"websocket"]
            try:
                self.parser.feed_data(_OFFER.sub(b"", head))
            except httptools.HttpParserUpgrade:
                raise unknown_method(b"CONNECT") from None

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._watched = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, without the blanks around its value (RFC 9112 §5.1)."""
        name, value = name.lower(), value.rstrip()
        if name in _WATCHED:
            self._watched[name] = _TWICE if name in self._watched else value
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole. Raises Refusal where it does not name its host, or its body has no end that can be known."""
        if self.parser.should_upgrade():
            return
        self._arrived()
        watched = self._watched
        host = watched.get(b"host")
        if host is None or host != self._host:
            self._check_host(host)
        if len(watched) > 1 or host is None:
            self._frame_body(watched)
        if b"#" in self.url:
            raise Refusal(
                "invalid_request", "the URL has a fragment; send it without # and what follows (RFC 9112 §3.2)"
            )
        url = httptools.parse_url(self.url)
        if url.host is not None:
            # What Host says is ignored then (RFC 9112 §3.2.2).
            host = _host_of(url.host, url.port, url.userinfo)
            self.headers[:] = [(b"host", host), *(header for header in self.headers if header[0] != b"host")]
        path = (url.path or b"/").decode("ascii")
        scope = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path or b"/"
        scope["query_string"] = url.query or b""
        self._ask(keep_alive=self.parser.should_keep_alive() and not self._is_old)

    def _should_upgrade(self) -> bool:
        return True  # to uvicorn, which then passes over the message whose head is read again

    def _check_host(self, host: bytes | None) -> None:
        if host is None and self._is_old:
            return
        if host is None or _HOST.fullmatch(host) is None:
            raise Refusal("invalid_request", "a request must have one Host header, with the name or address of a host")
        self._host = host

    def _frame_body(self, watched: dict[bytes, bytes]) -> None:
        self.expect_100_continue = watched.get(b"expect", b"").lower() == b"100-continue"
        coding = watched.get(b"transfer-encoding")
        if coding is None:
            self._due = int(watched.get(b"content-length", 0))
        elif self._is_old:
            raise Refusal("invalid_request", "HTTP/1.0 has no Transfer-Encoding; send Content-Length (RFC 9112 §6.1)")
        elif coding.lower() != b"chunked":
            raise Refusal("not_implemented", "this Transfer-Encoding is not supported; send chunked alone")
        else:
            self._chunks = ChunkedBody()

    def _ask(self, *, keep_alive: bool) -> None:
        """Begin the request whose scope is made, or let it wait for those before it."""
        before: RequestResponseCycle | None = self.cycle
        if self._is_old:
            self.scope["http_version"] = "1.0"
        if self._is_surplus:
            self.scope.setdefault(REFUSED, Refusal("unavailable", _SURPLUS, retry_after=1))  # type: ignore[misc]
            keep_alive = False
        self.cycle = cycle = self._cycle(self.scope, keep_alive=keep_alive, is_expecting=self.expect_100_continue)
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _refuse(self, refusal: Refusal, head: bytes = b"") -> None:
        """Answer what is not a request, and read nothing behind it."""
        head = head or bytes(self._rest)
        self._rest = b""
        self._due, self._chunks = 0, None
        self._is_refused = True
        self._arrived()
        self.on_message_begin()
        self.expect_100_continue = False
        mark_refused(self.scope, head, refusal)
        self._ask(keep_alive=False)
        self.cycle.more_body = False

    # ---------------------------------------------------------------- bodies

    def _read_body(self, data: bytes, at: int) -> int:
        """Take what `data` has of a body, from `at` on: where the rest begins."""
        if self._chunks is not None:
            return self._read_chunks(self._chunks, data, at)
        end = min(at + self._due, len(data))
        self._due -= end - at
        self.parser.feed_data(data[at:end])
        return end

    def _read_chunks(self, chunks: ChunkedBody, data: bytes, at: int) -> int:
        try:
            content, at = chunks.read(data, at)
        except Refusal as refusal:
            self._refuse_body(refusal)
            return len(data)
        if content:
            self.on_body(content)
        if chunks.is_whole:
            self._chunks = None
            self._arrived()
            self.parser.feed_data(_LAST_CHUNK)
        return at

    def _refuse_body(self, refusal: Refusal) -> None:
        """Raise the refusal where this body is read; nothing is read behind it."""
        cycle, self._chunks = self.cycle, None
        self._is_refused = True
        assert isinstance(cycle, WholeAnswers)
        cycle.refusal = refusal
        cycle.keep_alive = cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self.answers.close()

    # ---------------------------------------------------------------- time

    def close(self) -> None:
        """Close the connection. A caller that still sends is given time to read its answer, of which it would lose the
        rest if its bytes met a closed connection (RFC 9112 §9.6)."""
        is_sending = self._is_refused or self._due > 0 or self._chunks is not None
        if not is_sending or self._has_ended or self._linger_timer is not None or self.transport.is_closing():
            super().close()
        else:
            self.transport.write_eof()
            self._linger_timer = self.loop.call_later(self.linger_seconds, super().close)

    def _watch_time(self) -> None:
        """Give what was begun its time."""
        answering = self._answering
        is_answered = answering is None or answering.response_complete
        is_in_trailers = self._chunks is not None and self._chunks.is_in_trailers
        if (is_answered or is_in_trailers or self._rest) and not (self._is_waiting and self._chunks is None):
            self._await_head()

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self.answers.close)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _host_of(name: bytes, port: int | None, user: bytes | None) -> bytes:
    """The host of a target in absolute form. Raises Refusal."""
    host = b"[%b]" % name if b":" in name else name
    host += b":%d" % port if port else b""
    if user is not None or _HOST.fullmatch(host) is None:
        raise Refusal("invalid_request", "the target has no valid host; send a path, and the host in Host")
    return host
