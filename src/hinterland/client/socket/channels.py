"""Channels: who is there, and messages, kept or fleeting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import copy
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from hinterland.client.answers import error_of
from hinterland.client.documents import decoded
from hinterland.client.errors import ClientClosed, Conflict, ConnectionLost, HinterlandError
from hinterland.client.reconnecting import may_pass
from hinterland.client.socket.messages import Arrival
from hinterland.contract.errors import Problem
from hinterland.contract.identity import RecordId
from hinterland.contract.socket import ChangeState, JoinChannel, LeaveChannel, SendToChannel

MOST_UNREAD = 10_000  # messages of a channel that wait to be read; the oldest go first
_encode = msgspec.json.encode


class PresentMember(msgspec.Struct, frozen=True):
    """One who is in a channel: `member` names the join, `user` has the id and the fields that the channel shows (None:
    signed out), `state` is what the member shows of itself."""

    member: str
    user: dict[str, Any] | None = None
    state: Any = None


class ChannelNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel delivers.

    `message`: `event` and `data` of another member, its `user` and `member`, the instant `at`, and the number `seq`
    where it is kept. `presence`: who `joined`, `changed` or `left`; `ChannelRoom.members` has those who are there.
    `offline`: the connection is lost and comes back, which `joined` reports; messages that were kept meanwhile follow.
    """

    kind: Literal["message", "presence", "offline", "joined"]
    event: str = ""
    data: Any = None
    user: dict[str, Any] | None = None
    member: str = ""
    at: str = ""
    seq: int = 0
    joined: list[PresentMember] = []
    changed: list[PresentMember] = []
    left: list[str] = []


class _ChannelArrival(msgspec.Struct, frozen=True):
    type: str
    member: str = ""
    event: str = ""
    data: Any = None
    user: dict[str, Any] | None = None
    at: str = ""
    seq: int = 0
    members: list[PresentMember] = []
    history: list[msgspec.Raw] = []
    joined: list[PresentMember] = []
    changed: list[PresentMember] = []
    left: list[str] = []
    error: msgspec.Raw = msgspec.Raw(b"")


class ChannelRoom:
    """A channel that this client has joined, over all connections: after a cut it joins again.

    Iterating yields what comes; `members` are those who are there. Use it with `async with`, or call `leave`.
    """

    def __init__(self, rooms: ChannelRooms, channel: str, state: Any, history: int | None, user: RecordId) -> None:
        self.channel = channel
        self.user = user
        self.members: dict[str, PresentMember] = {}
        self.member = ""
        self._rooms = rooms
        self._state = state
        self._history = history
        self._last = 0
        self._own: set[int] = set()  # what this one sent, which a later history has too
        self._is_first = True
        self._unread: deque[ChannelNote] = deque(maxlen=MOST_UNREAD)
        self._more = asyncio.Event()
        self._changed = asyncio.Event()
        self._error: HinterlandError | None = None

    async def send(self, event: str, data: Any = None, *, keep: bool = True) -> int:
        """Send a message to the other members, and wait until the server has it. Its number; 0: it is not kept."""
        await self.entered()
        id = self._rooms.next_id()
        message = SendToChannel(id=id, channel=self.channel, event=event, data=data, keep=keep)
        seq = decoded(await self._rooms.ask(message, id), _ChannelArrival, operation="socket").seq
        self._own.add(seq)
        return seq

    async def notify(self, event: str, data: Any = None) -> None:
        """Send a message that is for those who are there now, such as "typing", and don't wait for the server. Without
        a connection nothing is sent."""
        await self._rooms.tell(SendToChannel(channel=self.channel, event=event, data=data, keep=False))

    async def change(self, state: Any) -> None:
        """Change what the others see of this member."""
        self._state = state
        await self.entered()
        id = self._rooms.next_id()
        await self._rooms.ask(ChangeState(id=id, channel=self.channel, state=state), id)

    async def entered(self) -> None:
        """Return when this one is in the channel. Raises what refuses it."""
        while not self.member:
            if self._error is not None:
                raise copy(self._error)
            await self._changed.wait()

    async def leave(self) -> None:
        """Leave the channel."""
        if self._error is None:
            self._rooms.forget(self)
            self.fail(ClientClosed("The channel was left.", operation="socket"))
            await self._rooms.tell(LeaveChannel(channel=self.channel))

    def joining(self, id: str) -> JoinChannel:
        """The message that joins."""
        return JoinChannel(
            id=id, channel=self.channel, state=self._state, history=self._history if self._is_first else None
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
                    ChannelNote(kind="presence", joined=arrival.joined, changed=arrival.changed, left=arrival.left)
                )
            case "left" if arrival.error:
                error = error_of(decoded(arrival.error, Problem, operation="socket"))
                if may_pass(error):
                    self.away()
                    return True
                self._rooms.forget(self)
                self.fail(error)
        return False

    def away(self) -> None:
        """The connection is lost."""
        if self.member:
            self.member = ""
            self._changed.clear()
            self._put(ChannelNote(kind="offline"))

    def fail(self, error: HinterlandError) -> None:
        """It is over."""
        self._error = self._error or error
        self._more.set()
        self._changed.set()

    def _take_joined(self, arrival: _ChannelArrival) -> None:
        self.member = arrival.member
        self.members = {entry.member: entry for entry in arrival.members}
        self._put(ChannelNote(kind="joined", joined=arrival.members, member=arrival.member))
        for raw in arrival.history:
            self._take_message(msgspec.json.decode(raw, type=_ChannelArrival))
        self._is_first = False
        self._changed.set()

    def _take_message(self, arrival: _ChannelArrival) -> None:
        if arrival.seq and (arrival.seq <= self._last or arrival.seq in self._own):
            return  # it came before the cut, or went
        self._last = arrival.seq or self._last
        self._put(
            ChannelNote(
                kind="message",
                event=arrival.event,
                data=arrival.data,
                user=arrival.user,
                member=arrival.member,
                at=arrival.at,
                seq=arrival.seq,
            )
        )

    def _put(self, note: ChannelNote) -> None:
        self._unread.append(note)
        self._more.set()

    def __aiter__(self) -> AsyncIterator[ChannelNote]:
        return self

    async def __anext__(self) -> ChannelNote:
        while not self._unread:
            if isinstance(self._error, ClientClosed):
                raise StopAsyncIteration
            if self._error is not None:
                raise copy(self._error)
            self._more.clear()
            await self._more.wait()
        return self._unread.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()


class ChannelRooms:
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
        self._rooms: dict[str, ChannelRoom] = {}
        self._joining: dict[str, ChannelRoom] = {}
        self._asked: dict[str, asyncio.Future[bytes]] = {}

    async def join(
        self, channel: str, state: Any, history: int | None, user: RecordId, *, is_connected: bool
    ) -> ChannelRoom:
        """Join a channel. Raises what the server refuses."""
        if channel in self._rooms:
            raise Conflict(f"the channel {channel!r} is joined already; use its room", sent="no", operation="socket")
        room = self._rooms[channel] = ChannelRoom(self, channel, state, history, user)
        try:
            if is_connected:
                await self._join(room)
            await room.entered()
        except BaseException:
            self.forget(room)
            raise
        return room

    async def join_again(self) -> None:
        """Join all channels on another connection."""
        self._joining.clear()
        for room in [*self._rooms.values()]:
            await self._join(room)

    def take(self, arrival: Arrival, message: str | bytes) -> Awaitable[None] | None:
        """Take what arrived for a channel; what is to be done then."""
        data = message.encode() if isinstance(message, str) else message
        if (asked := self._asked.get(arrival.id)) is not None and not asked.done():
            if arrival.type == "error":
                asked.set_exception(_error_in(arrival))
            else:
                asked.set_result(data)
        elif arrival.type == "error":
            room = self._joining.pop(arrival.id, None)
            if room is not None:
                self.forget(room)
                room.fail(_error_in(arrival))
        elif (room := self._rooms.get(arrival.channel)) is not None and room.take(data):
            return self._join(room)
        return None

    def away(self, error: HinterlandError) -> None:
        """The connection is lost."""
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionLost(detail=str(error)))
        for room in self._rooms.values():
            room.away()

    def end(self, error: HinterlandError, is_concerned: Callable[[RecordId], bool] = lambda user: True) -> None:
        """The channels that were joined in the name of such users are left."""
        for room in [*self._rooms.values()]:
            if is_concerned(room.user):
                self.forget(room)
                room.fail(error)

    def forget(self, room: ChannelRoom) -> None:
        """The room is left."""
        if self._rooms.get(room.channel) is room:
            del self._rooms[room.channel]

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

    async def _join(self, room: ChannelRoom) -> None:
        id = self.next_id()
        self._joining[id] = room
        await self.tell(room.joining(id))


def _error_in(arrival: Arrival) -> HinterlandError:
    return error_of(decoded(arrival.error, Problem, operation="socket"))
