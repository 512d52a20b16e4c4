"""Channels that are joined: who is there, and the messages of their members."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import copy
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from msgspec.structs import replace

from hinterland.client.answers import error_of
from hinterland.client.documents import decoded
from hinterland.client.errors import ClientClosed, Conflict, ConnectionLost, HinterlandError
from hinterland.client.reconnecting import may_pass
from hinterland.client.socket.messages import Arrival
from hinterland.contract.errors import Problem
from hinterland.contract.identity import RecordId
from hinterland.contract.socket import ChangeState, ChannelMember, JoinChannel, LeaveChannel, SendToChannel

MOST_UNREAD = 10_000  # messages of a channel that wait to be read; the oldest go first
_encode = msgspec.json.encode


class ChannelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel delivers.

    `message`: `event` and `data` of another member, its `user` and `member`, the instant `at`, and the number `seq`
    where it is kept. `presence`: who `joined`, `changed` or `left`; `JoinedChannel.members` has those who are there.
    `offline`: the connection is lost and comes back, which `joined` reports; messages that were kept meanwhile follow.
    """

    kind: Literal["message", "presence", "offline", "joined"]
    event: str = ""
    data: Any = None
    user: dict[str, Any] | None = None
    member: str = ""
    at: str = ""
    seq: int = 0
    joined: list[ChannelMember] = []
    changed: list[ChannelMember] = []
    left: list[str] = []


class _ChannelArrival(msgspec.Struct, frozen=True):
    type: str
    member: str = ""
    event: str = ""
    data: Any = None
    user: dict[str, Any] | None = None
    at: str = ""
    seq: int = 0
    members: list[ChannelMember] = []
    history: list[msgspec.Raw] = []
    joined: list[ChannelMember] = []
    changed: list[ChannelMember] = []
    left: list[str] = []
    error: msgspec.Raw = msgspec.Raw(b"")


class JoinedChannel:
    """A channel that this client has joined, over all connections: after a cut it joins again.

    Iterating yields what comes, each to one reader, until it is left; raises Forbidden where the right to be there has
    ended, Unauthorized when another user signs in. Use it with `async with`, or call `leave`.
    """

    def __init__(self, kept: KeptChannel) -> None:
        self._kept = kept

    @property
    def name(self) -> str:
        """Its name, such as `room/42`."""
        return self._kept.name

    @property
    def member(self) -> str:
        """The name of this join; "" while there is no connection."""
        return self._kept.member

    @property
    def members(self) -> list[ChannelMember]:
        """Those who are there, this one included."""
        return [*self._kept.members.values()]

    async def send(self, event: str, data: Any = None, *, keep: bool = True) -> int:
        """Send a message to the other members, and wait until the server has it. Its number; 0: it is not kept.

        Without a connection it waits for one, unless `keep` is false: then it is for those who are there now, and is
        not sent. Raises ConnectionLost where the server may have it, and what the server refuses.
        """
        return await self._kept.send(event, data, keep=keep)

    async def change_state(self, state: Any) -> None:
        """Change what the others see of this member: any JSON. While there is no connection it waits for one.

        Raises TooLarge, and what else the server refuses; the former state holds then.
        """
        await self._kept.change_state(state)

    async def leave(self) -> None:
        """Leave the channel; iterating ends."""
        await self._kept.leave()

    def __aiter__(self) -> AsyncIterator[ChannelEvent]:
        return self

    async def __anext__(self) -> ChannelEvent:
        return await self._kept.next()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()


class KeptChannel:
    """One channel over all connections. `user` is in whose name it was joined."""

    def __init__(self, channels: KeptChannels, name: str, state: Any, history: int | None, user: RecordId) -> None:
        self.name = name
        self.user = user
        self.members: dict[str, ChannelMember] = {}
        self.member = ""
        self._channels = channels
        self._state = state
        self._history = history
        self._last = 0
        self._own: set[int] = set()  # what this one sent, which a later history has too
        self._is_first = True
        self._unread: deque[ChannelEvent] = deque(maxlen=MOST_UNREAD)
        self._more = asyncio.Event()
        self._changed = asyncio.Event()
        self._error: HinterlandError | None = None

    async def send(self, event: str, data: Any = None, *, keep: bool = True) -> int:
        """Send a message to the other members, and wait until the server has it. Its number; 0: it is not kept."""
        if not keep and not self.member and self._error is None:
            return 0
        await self.entered()
        id = self._channels.next_id()
        message = SendToChannel(id=id, channel=self.name, event=event, data=data, keep=keep)
        seq = decoded(await self._channels.ask(message, id), _ChannelArrival, operation="socket").seq
        self._own.add(seq)
        return seq

    async def change_state(self, state: Any) -> None:
        """Change what the others see of this member."""
        former, self._state = self._state, state
        if not self.member and self._error is None:
            return  # it is joined with this state
        await self.entered()
        id = self._channels.next_id()
        try:
            await self._channels.ask(ChangeState(id=id, channel=self.name, state=state), id)
        except ConnectionLost:
            return  # it is joined again with this state
        except HinterlandError:
            self._state = former
            raise
        if (own := self.members.get(self.member)) is not None:  # the others alone are sent it
            self.members[self.member] = replace(own, state=state)

    async def entered(self) -> None:
        """Return when this one is in the channel. Raises what refuses it."""
        while not self.member:
            if self._error is not None:
                raise copy(self._error)
            await self._changed.wait()

    async def leave(self) -> None:
        """Leave the channel."""
        if self._error is None:
            self._channels.forget(self)
            self.fail(ClientClosed("The channel was left.", operation="socket"))
            await self._channels.tell(LeaveChannel(channel=self.name))

    def joining(self, id: str) -> JoinChannel:
        """The message that joins."""
        return JoinChannel(
            id=id, channel=self.name, state=self._state, history=self._history if self._is_first else None
        )

    def take(self, message: bytes) -> bool:
        """Take what arrived for it; whether it must join again."""
        arrival = decoded(message, _ChannelArrival, operation="socket")
        match arrival.type:
            case "joined":
                self._take_joined(arrival)
            case "message":
                self._take_message(arrival)
            case "presence":
                come = [*arrival.joined, *arrival.changed]
                self.members |= {entry.member: entry for entry in come}
                for member in arrival.left:
                    self.members.pop(member, None)
                self._put(
                    ChannelEvent(kind="presence", joined=arrival.joined, changed=arrival.changed, left=arrival.left)
                )
            case "left" if arrival.error:
                error = error_of(decoded(arrival.error, Problem, operation="socket"))
                if may_pass(error):
                    self.away()
                    return True
                self._channels.forget(self)
                self.fail(error)
        return False

    def away(self) -> None:
        """The connection is lost."""
        if self.member:
            self.member = ""
            self._changed.clear()
            self._put(ChannelEvent(kind="offline"))

    def fail(self, error: HinterlandError) -> None:
        """It is over."""
        self._error = self._error or error
        self._more.set()
        self._changed.set()

    def _take_joined(self, arrival: _ChannelArrival) -> None:
        self.member = arrival.member
        self.members = {entry.member: entry for entry in arrival.members}
        self._put(ChannelEvent(kind="joined", joined=arrival.members, member=arrival.member))
        for raw in arrival.history:
            self._take_message(msgspec.json.decode(raw, type=_ChannelArrival))
        self._is_first = False
        self._changed.set()

    def _take_message(self, arrival: _ChannelArrival) -> None:
        if arrival.seq and (arrival.seq <= self._last or arrival.seq in self._own):
            return  # it came before the cut, or went
        self._last = arrival.seq or self._last
        self._put(
            ChannelEvent(
                kind="message",
                event=arrival.event,
                data=arrival.data,
                user=arrival.user,
                member=arrival.member,
                at=arrival.at,
                seq=arrival.seq,
            )
        )

    def _put(self, event: ChannelEvent) -> None:
        self._unread.append(event)
        self._more.set()

    async def next(self) -> ChannelEvent:
        """The next event. Raises the error that it ended with; StopAsyncIteration where it was left."""
        while not self._unread:
            if isinstance(self._error, ClientClosed):
                raise StopAsyncIteration
            if self._error is not None:
                raise copy(self._error)
            self._more.clear()
            await self._more.wait()
        return self._unread.popleft()


class KeptChannels:
    """The channels that a socket has joined. `tell` sends a text if there is a connection, `connect` waits for one."""

    def __init__(
        self,
        tell: Callable[[str], Awaitable[None]],
        connect: Callable[[], Awaitable[None]],
        next_id: Callable[[], str],
    ) -> None:
        self.next_id = next_id
        self._tell = tell
        self._connect = connect
        self._channels: dict[str, KeptChannel] = {}
        self._joining: dict[str, KeptChannel] = {}
        self._asked: dict[str, asyncio.Future[bytes]] = {}

    async def join(
        self, channel: str, state: Any, history: int | None, user: RecordId, *, is_connected: bool
    ) -> KeptChannel:
        """Join a channel. Raises what the server refuses."""
        if channel in self._channels:
            raise Conflict(f"the channel {channel!r} is joined already; use that one", sent="no", operation="socket")
        kept = self._channels[channel] = KeptChannel(self, channel, state, history, user)
        try:
            if is_connected:
                await self._join(kept)
            await kept.entered()
        except BaseException:
            self.forget(kept)
            raise
        return kept

    async def join_again(self) -> None:
        """Join all channels on another connection."""
        self._joining.clear()
        for kept in [*self._channels.values()]:
            await self._join(kept)

    def take(self, arrival: Arrival, message: str | bytes) -> Awaitable[None] | None:
        """Take what arrived for a channel; what is to be done then."""
        data = message.encode() if isinstance(message, str) else message
        if (asked := self._asked.get(arrival.id)) is not None and not asked.done():
            if arrival.type == "error":
                asked.set_exception(_error_in(arrival))
            else:
                asked.set_result(data)
        elif arrival.type == "error":
            kept = self._joining.pop(arrival.id, None)
            if kept is not None:
                self.forget(kept)
                kept.fail(_error_in(arrival))
        elif (kept := self._channels.get(arrival.channel)) is not None and kept.take(data):
            return self._join(kept)
        return None

    def away(self, error: HinterlandError) -> None:
        """The connection is lost."""
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionLost(detail=str(error)))
        for kept in self._channels.values():
            kept.away()

    def end(self, error: HinterlandError, is_concerned: Callable[[RecordId], bool] = lambda user: True) -> None:
        """The channels that were joined in the name of such users are left."""
        for kept in [*self._channels.values()]:
            if is_concerned(kept.user):
                self.forget(kept)
                kept.fail(error)

    def forget(self, kept: KeptChannel) -> None:
        """The channel is left."""
        if self._channels.get(kept.name) is kept:
            del self._channels[kept.name]

    async def ask(self, message: msgspec.Struct, id: str) -> bytes:
        """The answer to a message. Raises its error."""
        await self._connect()
        asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())  # which nobody may wait for
        self._asked[id] = asked
        try:
            await self.tell(message)
            return await asked
        finally:
            del self._asked[id]

    async def tell(self, message: msgspec.Struct) -> None:
        """Send a message, if there is a connection."""
        await self._tell(_encode(message).decode())

    async def _join(self, kept: KeptChannel) -> None:
        id = self.next_id()
        self._joining[id] = kept
        await self.tell(kept.joining(id))


def _error_in(arrival: Arrival) -> HinterlandError:
    return error_of(decoded(arrival.error, Problem, operation="socket"))
