"""One open socket: its caller, the calls in flight, and what is followed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from hinterland.contract import socket as messages
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.events import StreamQuery
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.kit.asgi import AsgiApp
from hinterland.kit.pacer import Pacer
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_address, caller_of
from hinterland.server.http import HttpRequest
from hinterland.server.operations.call import Call
from hinterland.server.operations.sync import subscribe
from hinterland.server.protocols.socket.calls import error_of, request_of, respond, result_of
from hinterland.server.protocols.socket.channels import JoinedChannels, Outgoing
from hinterland.server.protocols.socket.events import ENCODER, message_of
from hinterland.server.protocols.socket.following import Following, Sieve
from hinterland.server.protocols.socket.reading import AskedMessage, checked_id, converted, decoded, id_in
from hinterland.server.websocket import SocketClosed, SocketMessage, WebSocket

log = logging.getLogger("hinterland.socket")
MOST_CALLS = 16  # at once; further messages are read when one of them is answered
MOST_FOLLOWED = 100
CAUSED_BYTES = 1024 * 1024  # that members of a channel are sent: they count as one message of who causes them
_CAUSING = (messages.SendToChannel, messages.ChangeState)
_LIST = "records.list"
_Page = dict[str, msgspec.Raw]


class SocketSession:
    """Serves one socket until it ends. `caller` is who it belongs to now."""

    def __init__(
        self, backend: Backend, app: AsgiApp, request: HttpRequest, socket: WebSocket, caller: Principal
    ) -> None:
        self.caller = caller
        self._backend = backend
        self._app = app
        self._handshake = request.scope
        self._address = caller_address(backend, request)
        self._socket = socket
        self._is_packed = dict(request.query()).get("format") == "msgpack"
        rate = backend.settings.socket_messages_per_second
        self._pacer = Pacer(backend.clock, rate, 2 * rate)
        self._calls = asyncio.Semaphore(MOST_CALLS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._followed: dict[str, asyncio.Task[None]] = {}
        outgoing = Outgoing(socket.send, backend.settings.stream_buffer, self._cut)
        most = backend.settings.channels_per_socket
        self._channels = JoinedChannels(backend.channels, outgoing, most, is_packed=self._is_packed)

    async def run(self) -> None:
        """Serve until the socket ends."""
        listeners = self._backend.feed.rights.listeners
        listeners.add(self)
        settings = self._backend.settings
        try:
            hello = messages.Hello(
                version=messages.VERSION,
                user_id=self._user_id(),
                ping_seconds=settings.keep_alive_seconds,
                max_message_bytes=settings.socket_message_bytes,
            )
            await self._send_message(hello)
            while True:
                data = await self._socket.receive()
                await self._pacer.turn(len(data))
                await self._take(data)
        except SocketClosed:
            pass
        finally:
            listeners.discard(self)
            self._channels.close()
            for task in [*self._tasks]:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _user_id(self) -> RecordId | None:
        return None if self.caller is SIGNED_OUT else self.caller.id

    def end(self) -> None:
        """The caller's session has ended, or its rights are others."""
        self._begin(self._look_again())

    async def _look_again(self) -> None:
        before = self.caller
        found = await self._backend.accounts.sessions.find(before.session)
        if self.caller is not before:
            return  # the socket is another caller's by now, or was looked at again
        if found is None:
            await self._close(messages.UNAUTHORIZED)
        else:
            self.caller = found  # its subscriptions are ended, and begin again with the new rights
            await self._channels.caller_changed(found)

    def _cut(self) -> None:
        """What was sent is not read in time."""
        self._begin(self._close(messages.TRY_AGAIN))

    # ---------------------------------------------------------------- messages

    async def _take(self, data: str | bytes) -> None:
        id = ""
        try:
            asked = await decoded(data)
            if asked.get("type") == "ping":
                await self._send(self._packed(msgspec.json.encode({**asked, "type": "pong"})))
                return
            if (given := asked.get("id")) is not None:
                id = checked_id(given)
            await self._act(converted(asked), len(data))
        except Refusal as refusal:
            await self._send(self._packed(error_of(id or id_in(data), refusal)))

    async def _act(self, asked: AskedMessage, size: int) -> None:
        if isinstance(asked, messages.Authentication):
            await self._authenticate(asked)
        elif isinstance(asked, messages.SocketCall):
            request = request_of(self._backend.app.operations, asked)
            await self._calls.acquire()
            self._begin(self._call(asked, request, self.caller))
        elif isinstance(asked, messages.Unsubscribe):
            if (task := self._followed.get(asked.id)) is None:
                raise invalid({"id": [f"there is no subscription {asked.id!r}"]})
            task.cancel()
        elif isinstance(asked, messages.SubscribeMessage):
            self._follow(asked)
        else:
            await self._channels.act(asked, self.caller)
            if isinstance(asked, _CAUSING):
                self._pacer.charge(size * self._channels.readers(asked.channel) / CAUSED_BYTES)

    async def _authenticate(self, asked: messages.Authentication) -> None:
        if bool(asked.token) == bool(asked.ticket):
            raise invalid({"token": ["give a token or a ticket"]})
        if asked.ticket:
            caller = await self._backend.tickets.redeem(asked.ticket)
        else:
            caller = await caller_of(self._backend, b"Bearer " + asked.token.encode())
        if caller.session != self.caller.session:
            for task in self._followed.values():
                task.cancel()  # what they show is another caller's
            self._channels.leave_all()
        elif caller != self.caller:
            await self._channels.caller_changed(caller)
        self.caller = caller
        await self._send_message(messages.Authenticated(user_id=self._user_id()))

    async def _call(self, asked: messages.SocketCall, request: Any, caller: Principal) -> None:
        async def identify() -> Principal:
            return caller  # who sent the call; the socket may belong to another one by now

        try:
            answered = await respond(self._app, self._handshake, identify, request, asked.body)
            await self._send(self._packed(result_of(asked.id, answered)))
        finally:
            self._calls.release()

    async def _identify(self) -> Principal:
        return self.caller

    # ---------------------------------------------------------------- subscriptions

    def _follow(self, asked: messages.SubscribeMessage) -> None:
        if asked.id in self._followed:
            raise Refusal("conflict", f"there is a subscription {asked.id!r} already; choose another id")
        if len(self._followed) >= MOST_FOLLOWED:
            raise Refusal("rate_limited", f"a socket has {MOST_FOLLOWED} subscriptions at most; end one first")
        if bool(asked.collection) == bool(asked.collections):
            raise invalid({"collection": ["name one collection here, or several in collections, and not both"]})
        if asked.collections and asked.query:
            raise invalid({"query": ["it is of one collection; subscribe to each by itself"]})
        self._followed[asked.id] = self._begin(self._followed_until_the_end(asked))

    async def _followed_until_the_end(self, asked: messages.SubscribeMessage) -> None:
        why = b""
        try:
            await self._deliver(asked)
        except Refusal as refusal:
            why = b',"error":%b' % msgspec.json.encode(refusal.problem())
        except asyncio.CancelledError:
            if self not in self._backend.feed.rights.listeners:  # the socket has ended
                raise
        finally:
            del self._followed[asked.id]
        await self._send(self._packed(b'{"type":"end","id":%b%b}' % (msgspec.json.encode(asked.id), why)))

    async def _deliver(self, asked: messages.SubscribeMessage) -> None:
        names, parent = asked.collections, ""
        if asked.collection:
            entry, parent, id = self._backend.catalogue.locate(asked.collection.split("/"))
            if id:
                raise invalid({"collection": [f"{asked.collection[:100]!r} is a record; name a collection"]})
            names = [entry.name]
        filter = str(asked.query.get("filter", ""))
        wanted = StreamQuery(collection=names, filter=filter, cursor=asked.cursor)
        call = Call(caller=self.caller, input=wanted, address=self._address)
        subscription = await subscribe(self._backend, call, ENCODER)
        try:
            sieve = Sieve(parent, self._backend.feed.cursors.revision_of)
            if asked.collection and asked.snapshot and not asked.cursor:
                await self._snapshot(asked, sieve)
            following = Following(asked.id, self._socket.send, sieve, is_packed=self._is_packed)
            await following.run(subscription)
        finally:
            subscription.end()
        if subscription.is_slow:
            await self._close(messages.TRY_AGAIN)

    async def _snapshot(self, asked: messages.SubscribeMessage, sieve: Sieve) -> None:
        call = messages.SocketCall(
            id=asked.id, operation=_LIST, path={"collection": asked.collection}, query=asked.query
        )
        request = request_of(self._backend.app.operations, call)
        answered = await respond(self._app, self._handshake, self._identify, request)
        if answered.status >= 400:
            problem = msgspec.json.decode(answered.body)
            raise Refusal(problem["code"], problem["message"], errors=problem.get("errors"))
        head = await self._backend.storage.head()
        sieve.drop_shown(answered.body, head.revision)
        parts = {"type": "snapshot", "id": asked.id, **msgspec.json.decode(answered.body, type=_Page)}
        await self._send(self._packed(msgspec.json.encode(parts)))

    # ---------------------------------------------------------------- sending

    async def _send_message(self, message: msgspec.Struct) -> None:
        await self._send(self._packed(msgspec.json.encode(message)))

    async def _close(self, code: int) -> None:
        await self._socket.close(code, messages.CLOSE_CODES[code])

    def _packed(self, text: bytes) -> SocketMessage:
        return message_of(text, is_packed=self._is_packed)

    async def _send(self, message: SocketMessage) -> None:
        if (waiting := self._socket.send(message)) is not None:
            await waiting

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, SocketClosed):
            log.error("a socket broke off", exc_info=error)
            self._begin(self._close(1011))
