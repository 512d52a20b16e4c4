"""The channels of this process: joining, sending, and what everybody is sent of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import Principal
from hinterland.contract.values import instant
from hinterland.kit.clock import Clock
from hinterland.server.channels import relay
from hinterland.server.channels.declared import ChannelBook, NamedChannel
from hinterland.server.channels.events import (
    PlacedEvents,
    RelayedEvent,
    member_entry,
    message_body,
)
from hinterland.server.channels.local_relay import LocalRelay
from hinterland.server.channels.relay import Relay, log
from hinterland.server.channels.rooms import Rooms
from hinterland.server.channels.seat_rights import SeatRights
from hinterland.server.channels.seats import Seat, SeatHolder
from hinterland.server.channels.shared_relay import SUBJECT, SharedRelay
from hinterland.server.data.catalogue import SIGNED_UP, Catalogue
from hinterland.server.settings import Settings
from hinterland.server.storage import channel_statements as sql
from hinterland.server.storage.protocol import Storage

_LOOK_SECONDS = 1.0
_MOST_EVENT = 64
_EXPIRED_AT_ONCE = 1_000
_DAY = 86_400.0
_encode = msgspec.json.encode


class ChannelHub:
    """The channels that `book` has. Nothing runs where there are none."""

    def __init__(
        self, storage: Storage, catalogue: Catalogue, clock: Clock, book: ChannelBook, settings: Settings
    ) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._clock = clock
        self.book = book
        self._settings = settings
        self._rights = SeatRights(storage, clock, self._lose)
        self._relay: Relay = (
            SharedRelay(storage, clock, settings.channel_lease_seconds, self._own_entries, self._miss)
            if storage.has_other_writers
            else LocalRelay(storage, clock)
        )
        self._relay.deliver = self._deliver
        self._rooms = Rooms(clock, self._relay.load)
        self._seats: dict[Seat, None] = {}
        self._looks = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to deliver."""
        if not self.book.is_empty:
            await self._relay.start()
            self._tasks = [asyncio.create_task(work()) for work in (self._rooms.flush, self._look)]
            if self._storage.has_other_writers:
                self._tasks.append(asyncio.create_task(self._watch()))

    async def close(self) -> None:
        """Deliver no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._relay.close()

    # ---------------------------------------------------------------- what members do

    async def join(
        self, holder: SeatHolder, caller: Principal, name: str, state: object, most: int | None
    ) -> tuple[Seat, dict[str, Any]]:
        """Join a channel: the seat, which is to be opened when the members of the answer have been sent. `most`: how
        many of the last messages these have, None: all that are kept.

        Raises `not_found`, `unauthorized`, `forbidden`, `too_large`, `rate_limited` and `unavailable`.
        """
        channel = self.book.of(name)
        seat = Seat(secrets.token_urlsafe(9), channel, caller, holder)
        seat.state = self._checked_state(state)
        self._seats[seat] = None
        try:
            await self._rights.admit(seat)
            seat.user = await self._shown(caller, channel.rules.declared.shows)
            await self._entered(seat)
            declared = channel.rules.declared
            count = declared.history if most is None else max(0, min(most, declared.history))
            kept = await relay.history(self._storage, name, seat.seq, count)
        except BaseException:
            self.leave(seat)
            raise
        if seat.refusal is not None:
            self.leave(seat)
            raise seat.refusal
        entries, seat.entries = [msgspec.Raw(entry.encode()) for entry in seat.entries], []
        return seat, {"member": seat.member, "members": entries, "history": [msgspec.Raw(one.encode()) for one in kept]}

    async def send(self, seat: Seat, event: str, data: object, *, keep: bool) -> int:
        """Send a message to the others; its number where it is kept, else 0. Raises `forbidden`, `unauthorized`,
        `validation`, `too_large` and `unavailable`."""
        _check_event(event)
        await self._check_send(seat)
        account = str(seat.caller.id)
        return await self._submit(seat.channel, event, data, keep, seat.member, seat.user, account)

    async def broadcast(self, name: str, event: str, data: object, *, keep: bool) -> int:
        """Send a message of the app itself to all members of a channel; its number where it is kept, else 0. Raises
        what `send` does, and `not_found`."""
        _check_event(event)
        return await self._submit(self.book.of(name), event, data, keep, "", "null", "")

    async def _submit(
        self, channel: NamedChannel, event: str, data: object, keep: bool, member: str, user: str, account: str
    ) -> int:
        now = self._clock.now()
        body = message_body(channel.name, event, data, user, member, instant(now))
        if len(body.encode()) - len(user.encode()) > self._settings.channel_message_bytes:
            most = self._settings.channel_message_bytes
            raise Refusal("too_large", f"a message of a channel has at most {most:,} bytes; make it smaller")
        declared = channel.rules.declared
        kept = declared.history if keep else 0
        until = now + declared.history_days * _DAY if kept else 0.0
        sent = RelayedEvent("message", channel.name, member, body, kept, account if kept else "", until)
        return (await self._relay.submit(sent)).seq

    async def change(self, seat: Seat, state: object) -> None:
        """Change the state of a member. Raises `too_large` and `unavailable`."""
        seat.state = self._checked_state(state)
        if seat.channel.rules.declared.presence:
            entry = member_entry(seat.member, seat.user, seat.state)
            await self._relay.submit(RelayedEvent("changed", seat.channel.name, seat.member, entry))

    def readers(self, seat: Seat) -> int:
        """How many members are sent what a seat sends, as far as this process knows."""
        return self._rooms.size_of(seat.channel.name)

    def leave(self, seat: Seat) -> None:
        """Leave a channel; nothing more is delivered to the seat."""
        if seat not in self._seats:
            return
        del self._seats[seat]
        seat.is_closed = True
        self._rights.remove(seat)
        self._rooms.leave(seat)
        if seat.is_announced:
            self._relay.submit(RelayedEvent("left", seat.channel.name, seat.member)).add_done_callback(_ignored)

    async def decide_anew(self, seat: Seat, caller: Principal) -> None:
        """The caller of a seat is not what it was."""
        await self._rights.decide_anew(seat, caller)

    async def _check_send(self, seat: Seat) -> None:
        rule = seat.channel.rules.send
        if rule is not None and rule.reads_clock and not seat.caller.is_admin:
            async with self._storage.snapshot() as snapshot:
                now = instant(self._clock.now())
                seat.may_send = await seat.channel.allows("send", snapshot, seat.caller, now)
        await self._rights.reach_now()
        if seat.refusal is not None:
            raise seat.refusal
        if not seat.may_send:
            raise seat.channel.denied("send", seat.caller)

    def _checked_state(self, state: object) -> str:
        text = _encode(state)
        if len(text) > self._settings.channel_state_bytes:
            most = self._settings.channel_state_bytes
            raise Refusal("too_large", f"the state of a member has at most {most:,} bytes; make it smaller")
        return text.decode()

    async def _shown(self, caller: Principal, names: Sequence[str]) -> str:
        """What members see of a caller, as JSON."""
        if not caller.is_signed_in:
            return "null"
        fields: dict[str, object] = {}
        record = await self._storage.record(SIGNED_UP, "", caller.id) if names and not caller.is_admin else None
        if record is not None:
            whole = self._catalogue[SIGNED_UP].whole(record)
            fields = {name: whole.get(name) for name in names}
        return _encode({"id": caller.id, **fields}).decode()

    async def _entered(self, seat: Seat) -> None:
        """Deliver to a seat from now on. Raises `rate_limited`."""
        room = await self._rooms.enter(seat)
        if seat.is_closed:
            self._rooms.leave(seat)
            raise seat.refusal or Refusal("unavailable", retry_after=1)
        if not seat.channel.rules.declared.presence:
            return
        if len(room.entries) >= self._settings.channel_members:
            most = self._settings.channel_members
            message = f"{room.name} has {most:,} members, as many as it may; retry when somebody has left"
            raise Refusal("rate_limited", message, retry_after=5)
        self._rooms.expect(seat)
        seat.is_announced = True
        entry = member_entry(seat.member, seat.user, seat.state)
        await self._relay.submit(RelayedEvent("joined", room.name, seat.member, entry))

    async def _deliver(self, placed: PlacedEvents) -> None:
        await self._rights.reach(placed.revision)  # who has lost the right is sent nothing of it
        await self._rooms.deliver(placed)

    # ---------------------------------------------------------------- rights, and other processes

    def wake(self) -> None:
        """Something was written."""
        if self._seats:  # every write comes by here
            self._rights.wake()
            self._looks.set()

    def take_signal(self, subject: str) -> bool:
        """Whether a signal of another process is about channels."""
        if not subject.startswith(SUBJECT):
            return False
        if not isinstance(self._relay, SharedRelay) or subject != SUBJECT + self._relay.node:
            self._relay.wake()
        return True

    def renew(self) -> None:
        """The collections that rules ask are declared anew."""
        self.book.renew()
        for seat in self._seats:
            self._rights.replace(seat, self.book.of(seat.channel.name))
        self._looks.set()

    async def maintain(self) -> None:
        """Delete messages that are past their time."""
        count = _EXPIRED_AT_ONCE
        while count == _EXPIRED_AT_ONCE:
            async with self._storage.transaction() as transaction:
                count = len(await transaction.fetch(sql.EXPIRED, (self._clock.now(), _EXPIRED_AT_ONCE)))

    async def _look(self) -> None:
        """End the seats of those who have lost their right, also where nothing is delivered."""
        while True:
            await self._looks.wait()
            self._looks.clear()
            try:
                await self._rights.reach()
            except Exception as error:
                log.warning("rights in channels can't be checked now: %s", error)
                await self._clock.sleep(_LOOK_SECONDS)
                self._looks.set()

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            self.wake()

    def _lose(self, seat: Seat, refusal: Refusal) -> None:
        """A seat has ended otherwise than by its holder."""
        is_answered = seat in self._seats and seat.is_open
        seat.refusal = refusal
        self.leave(seat)
        if is_answered:
            seat.holder.ended(seat, refusal)

    def _miss(self) -> None:
        message = "messages of this channel were missed; join again"
        for seat in [*self._seats]:
            self._lose(seat, Refusal("unavailable", message, retry_after=1))

    def _own_entries(self) -> list[tuple[str, str, str]]:
        seats = [seat for room in self._rooms.all() for seat in room.seats.values()]
        return [
            (seat.channel.name, seat.member, member_entry(seat.member, seat.user, seat.state))
            for seat in seats
            if seat.channel.rules.declared.presence
        ]


def _check_event(event: str) -> None:
    if not 1 <= len(event) <= _MOST_EVENT:
        raise invalid({"event": [f"must be a text of 1 to {_MOST_EVENT} characters"]})


def _ignored(done: asyncio.Future[RelayedEvent]) -> None:
    """Where it did not happen, the process is given up or closed, which does the same."""
    if not done.cancelled():
        done.exception()
