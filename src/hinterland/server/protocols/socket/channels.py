"""The channels that one socket has joined."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hinterland.contract import socket as messages
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.server.channels.hub import ChannelHub
from hinterland.server.channels.seats import Seat
from hinterland.server.protocols.socket.events import message_of
from hinterland.server.websocket import SocketClosed, SocketMessage

ChannelRequest = messages.JoinChannel | messages.SendToChannel | messages.ChangeState | messages.LeaveChannel
_MOST_WAITING_BYTES = 4 * 1024 * 1024
_encode = msgspec.json.encode


class SharedTexts:
    """The messages of the texts that were delivered last: a frame is made once for all who are sent it."""

    def __init__(self) -> None:
        self._text = b""
        self._made: dict[bool, SocketMessage] = {}

    def of(self, text: bytes, *, is_packed: bool) -> SocketMessage:
        """The message of a text."""
        if text is not self._text:
            self._text, self._made = text, {}
        message = self._made.get(is_packed)
        if message is None:
            message = self._made[is_packed] = message_of(text, is_packed=is_packed)
        return message


_shared = SharedTexts()


class Outgoing:
    """Sends messages in their order without waiting for a slow reader: of one who is `most` messages behind, `cut` is
    called."""

    def __init__(
        self, send: Callable[[SocketMessage], Awaitable[None] | None], most: int, cut: Callable[[], None]
    ) -> None:
        self._send = send
        self._most = most
        self._cut = cut
        self._waiting: deque[SocketMessage] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def put(self, message: SocketMessage) -> None:
        """Send a message, at once or when those before it are taken."""
        if self._task is None:
            if not self._is_closed and (waiting := self._send(message)) is not None:
                self._task = asyncio.ensure_future(self._drain(waiting))
            return
        if self._is_closed:
            return
        self._waiting.append(message)
        self._bytes += len(message.data)
        if len(self._waiting) > self._most or self._bytes > _MOST_WAITING_BYTES:
            self.close()
            self._cut()

    def close(self) -> None:
        """Send no more."""
        self._is_closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def _drain(self, waiting: Awaitable[None] | None) -> None:
        try:
            while True:
                if waiting is not None:
                    await waiting
                if not self._waiting:
                    return
                message = self._waiting.popleft()
                self._bytes -= len(message.data)
                waiting = self._send(message)
        except SocketClosed:
            self._is_closed = True
        finally:
            self._task = None


class JoinedChannels:
    """The seats of one socket. `send` sends a message of its own; `outgoing` what others caused."""

    def __init__(self, hub: ChannelHub, outgoing: Outgoing, most: int, *, is_packed: bool) -> None:
        self.caller = SIGNED_OUT
        self._hub = hub
        self._outgoing = outgoing
        self._most = most
        self._is_packed = is_packed
        self._seats: dict[str, Seat | None] = {}

    def readers(self, channel: str) -> int:
        """How many members are sent what this socket sends in a channel."""
        seat = self._seats.get(channel)
        return 0 if seat is None else self._hub.readers(seat)

    async def act(self, asked: ChannelRequest, caller: Principal) -> None:
        """Carry out a message. Raises the refusal."""
        self.caller = caller
        if isinstance(asked, messages.JoinChannel):
            await self._join(asked, caller)
            return
        seat = self._seats.get(asked.channel)
        if seat is None:
            raise invalid({"channel": [f"{asked.channel[:64]!r} is not joined; join it first"]})
        if isinstance(asked, messages.LeaveChannel):
            self._hub.leave(seat)
            del self._seats[asked.channel]
            self._put(messages.LeftChannel(id=asked.id, channel=asked.channel))
        elif isinstance(asked, messages.ChangeState):
            await self._hub.change(seat, asked.state)
            if asked.id:
                self._put(messages.StateChanged(id=asked.id))
        else:
            seq = await self._hub.send(seat, asked.event, asked.data, keep=asked.keep)
            if asked.id:
                self._put(messages.ChannelSent(id=asked.id, seq=seq))

    async def caller_changed(self, caller: Principal) -> None:
        """The caller has other rights than before."""
        self.caller = caller
        for seat in [*self._seats.values()]:
            if seat is not None:
                await self._hub.decide_anew(seat, caller)

    def leave_all(self) -> None:
        """Leave every channel, as another caller does."""
        seats, self._seats = self._seats, {}
        for name, seat in seats.items():
            if seat is not None:
                self._hub.leave(seat)
                self._put(messages.LeftChannel(channel=name))

    def close(self) -> None:
        """The socket has ended."""
        self._outgoing.close()
        self.leave_all()

    # ---------------------------------------------------------------- what the hub calls

    def deliver(self, text: bytes) -> None:
        """Send what happens in a channel."""
        self._outgoing.put(_shared.of(text, is_packed=self._is_packed))

    def ended(self, seat: Seat, refusal: Refusal) -> None:
        """A channel is left otherwise than by the client."""
        if self._seats.get(seat.channel.name) is seat:
            del self._seats[seat.channel.name]
            problem = msgspec.Raw(_encode(refusal.problem()))
            self._put(messages.LeftChannel(channel=seat.channel.name, error=problem))

    # ---------------------------------------------------------------- joining

    async def _join(self, asked: messages.JoinChannel, caller: Principal) -> None:
        if asked.channel in self._seats:
            raise Refusal("conflict", f"{asked.channel[:64]!r} is joined already")
        if len(self._seats) >= self._most:
            raise Refusal("rate_limited", f"a socket joins {self._most:,} channels at most; leave one first")
        seats = self._seats
        seats[asked.channel] = None  # it is on its way
        try:
            seat, answer = await self._hub.join(self, caller, asked.channel, asked.state, asked.history)
        except BaseException:
            seats.pop(asked.channel, None)
            raise
        if seats is not self._seats:  # all were left meanwhile
            self._hub.leave(seat)
            raise Refusal("forbidden", "the socket belongs to another caller now; join again")
        if self.caller != caller:
            await self._hub.decide_anew(seat, self.caller)
        if seat.refusal is not None:
            del seats[asked.channel]
            raise seat.refusal
        seats[asked.channel] = seat
        self._put(messages.Joined(id=asked.id, channel=asked.channel, **answer))
        seat.open()

    def _put(self, message: Any) -> None:
        self._outgoing.put(message_of(_encode(message), is_packed=self._is_packed))
