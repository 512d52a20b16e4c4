"""The rooms of this process: who is in a channel, and what its members are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hinterland.kit.clock import Clock
from hinterland.server.channels.events import PlacedEvents, RelayedEvent
from hinterland.server.channels.relay import RoomState
from hinterland.server.channels.seats import Room, Seat

_SENDS_AT_ONCE = 200  # before others have their turn on the loop
_FLUSH_SECONDS = 0.1  # within which those who come and leave are sent together
_FLUSH_BYTES = 16 * 1024 * 1024  # that all members of a channel are sent of it in a second; what is more comes later


class Rooms:
    """Channels by their names, as long as somebody of this process is in them. `load` reads what is known of one."""

    def __init__(self, clock: Clock, load: Callable[[str], Awaitable[RoomState]]) -> None:
        self._clock = clock
        self._load = load
        self._rooms: dict[str, Room] = {}
        self._loading: dict[str, asyncio.Future[None]] = {}
        self._backlog: dict[str, list[tuple[int, RelayedEvent]]] = {}
        self._arriving: dict[str, Seat] = {}
        self._changed: dict[Room, None] = {}
        self._has_changed = asyncio.Event()
        self._sending = asyncio.Lock()

    def all(self) -> list[Room]:
        """The rooms."""
        return [*self._rooms.values()]

    def size_of(self, name: str) -> int:
        """How many are in a room."""
        room = self._rooms.get(name)
        return 0 if room is None else max(len(room.entries), len(room.seats))

    async def enter(self, seat: Seat) -> Room:
        """The room of a seat, which is kept as long as the seat is; it is delivered to when it has joined."""
        room = await self._loaded(seat.channel.name)
        room.users += 1
        seat.is_counted = True
        if not seat.channel.rules.declared.presence:
            room.enter(seat)
        return room

    def expect(self, seat: Seat) -> None:
        """Deliver to the seat from when its members are sent that it joined."""
        self._arriving[seat.member] = seat

    def leave(self, seat: Seat) -> None:
        """Deliver to a seat no longer."""
        self._arriving.pop(seat.member, None)
        room = self._rooms.get(seat.channel.name)
        if room is not None and seat.is_counted:
            room.seats.pop(seat.member, None)
            room.users -= 1
            if not room.users:
                del self._rooms[room.name]
                self._changed.pop(room, None)

    async def _loaded(self, name: str) -> Room:
        while name not in self._rooms:
            if (loading := self._loading.get(name)) is not None:
                await asyncio.wait([loading])
                continue
            self._loading[name] = asyncio.get_running_loop().create_future()
            self._backlog[name] = []
            try:
                self._make_room(name, await self._load(name))
            finally:
                del self._backlog[name]
                self._loading.pop(name).set_result(None)
        return self._rooms[name]

    def _make_room(self, name: str, state: RoomState) -> None:
        room = self._rooms[name] = Room(name, state.position, state.seq, state.entries)
        for position, event in self._backlog[name]:
            self._apply(room, position, event)

    def _apply(self, room: Room, position: int, event: RelayedEvent) -> bool:
        """Note what happened; whether it is new."""
        if position <= room.position or 0 < event.seq <= room.seq:
            return False
        room.position = position
        room.seq = max(room.seq, event.seq)
        if event.kind in ("joined", "changed"):
            room.set(event.member, event.body)
        elif event.kind == "left":
            room.remove(event.member)
        if event.kind != "message" and room not in self._changed:
            self._changed[room] = None
            self._has_changed.set()
        return True

    # ---------------------------------------------------------------- delivering

    async def deliver(self, placed: PlacedEvents) -> None:
        """Send the members of this process what happened."""
        async with self._sending:
            await self._deliver_all(placed)

    async def _deliver_all(self, placed: PlacedEvents) -> None:
        for position, event in enumerate(placed.events, placed.first):
            room = self._rooms.get(event.channel)
            if room is None:
                if event.channel in self._backlog:
                    self._backlog[event.channel].append((position, event))
                continue
            if not self._apply(room, position, event):
                continue
            if event.kind == "message":
                await self._send_changes(room)
                await self._send_all(room, event.text, frozenset({event.member}))
            elif (seat := self._arriving.pop(event.member, None)) is not None:
                room.enter(seat)
        now = self._clock.monotonic()
        for room in [room for room in self._changed if now - room.flushed >= max(_FLUSH_SECONDS, room.pause)]:
            await self._send_changes(room)

    async def _send_changes(self, room: Room) -> None:
        """Send who came, changed and left."""
        self._changed.pop(room, None)
        if room.has_changes:
            text, known = room.take_changes()
            if room.seats.keys() - known:
                room.flushed = self._clock.monotonic()
                room.pause = len(text) * len(room.seats) / _FLUSH_BYTES
                await self._send_all(room, text, known)

    async def _send_all(self, room: Room, text: bytes, without: frozenset[str]) -> None:
        """Send a text to all members in this process, but for those named."""
        for number, (member, seat) in enumerate([*room.seats.items()], 1):
            if member not in without:
                seat.deliver(text)
            if number % _SENDS_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def flush(self) -> None:
        """Send together who comes, changes and leaves in short time."""
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            await self._clock.sleep(_FLUSH_SECONDS)
            for room in [*self._changed]:
                if room.pause > _FLUSH_SECONDS and self._clock.monotonic() - room.flushed < room.pause:
                    self._has_changed.set()
                    continue
                async with self._sending:
                    await self._send_changes(room)
