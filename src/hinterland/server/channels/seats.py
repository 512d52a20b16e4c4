"""One join of a channel, and those who are in a channel as one process knows them."""

from __future__ import annotations

import math
from typing import Protocol

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.channels.declared import NamedChannel
from hinterland.server.channels.events import presence_text

MOST_BUFFERED = 1_000  # messages that come while a join is being answered


class SeatHolder(Protocol):
    """Who has joined: a socket."""

    def deliver(self, text: bytes) -> None:
        """Send a message, JSON in UTF-8. It never waits: a reader who does not take it is the holder's to end."""
        ...

    def ended(self, seat: Seat, refusal: Refusal) -> None:
        """The right to be there has ended, or messages were missed: nothing more is delivered."""
        ...


class Seat:
    """One join of a channel by a caller. `member` names it to the others, `user` is JSON: what they see of the caller.
    `may_send`: what the send rule has decided; None: not yet."""

    def __init__(self, member: str, channel: NamedChannel, caller: Principal, holder: SeatHolder) -> None:
        self.member = member
        self.channel = channel
        self.caller = caller
        self.holder = holder
        self.user = "null"
        self.state = "null"
        self.may_send: bool | None = None
        self.is_counted = False
        """Whether its room counts it."""
        self.is_announced = False
        """Whether others were sent that it joined."""
        self.entries: list[str] = []
        """Who was in its room when it was entered, as JSON."""
        self.seq = 0
        """The last number of a kept message then."""
        self.refusal: Refusal | None = None
        self.is_closed = False
        self._waiting: list[bytes] | None = []

    @property
    def is_open(self) -> bool:
        """Whether its join is answered."""
        return self._waiting is None

    def deliver(self, text: bytes) -> None:
        """Send a message, or keep it until the join is answered."""
        if self._waiting is None:
            if not self.is_closed:
                self.holder.deliver(text)
        elif len(self._waiting) < MOST_BUFFERED:
            self._waiting.append(text)
        else:
            self.refusal = Refusal("unavailable", f"{self.channel.name} is too busy to join; retry", retry_after=1)

    def open(self) -> None:
        """The join is answered: send what has come since."""
        waiting, self._waiting = self._waiting or (), None
        for text in waiting:
            self.deliver(text)


class Room:
    """A channel with members in this process. `position`: what happened up to there is known; `seq`: the last number of
    a kept message; `entries`: who is in it, in all processes, as JSON by their names."""

    def __init__(self, name: str, position: int, seq: int, entries: dict[str, str]) -> None:
        self.name = name
        self.position = position
        self.seq = seq
        self.entries = entries
        self.seats: dict[str, Seat] = {}
        self.users = 0
        """How many joins are here or on their way."""
        self.flushed = -math.inf
        self.pause = 0.0
        """Seconds after that until they are sent who came since: the longer, the more that was."""
        """When members were sent who came, changed or left."""
        self._joined: dict[str, str] = {}
        self._changed: dict[str, str] = {}
        self._left: dict[str, None] = {}

    def enter(self, seat: Seat) -> None:
        """Deliver to the seat what comes from now on."""
        seat.entries, seat.seq = [*self.entries.values()], self.seq
        self.seats[seat.member] = seat

    def set(self, member: str, entry: str) -> None:
        """Somebody came, or has another state."""
        is_new = member not in self.entries or member in self._joined
        self.entries[member] = entry
        self._left.pop(member, None)
        (self._joined if is_new else self._changed)[member] = entry

    def remove(self, member: str) -> None:
        """Somebody left."""
        if self.entries.pop(member, None) is None:
            return
        self._joined.pop(member, None)
        self._changed.pop(member, None)
        self._left[member] = None  # also one who has just come: others may have been answered meanwhile

    @property
    def has_changes(self) -> bool:
        """Whether members are to be sent who came, changed or left."""
        return bool(self._joined or self._changed or self._left)

    def take_changes(self) -> tuple[bytes, frozenset[str]]:
        """What members are sent of those who came, changed and left since the last time; and whom it is no news for:
        the one of whom alone it speaks."""
        joined, changed, left = self._joined, self._changed, self._left
        self._joined, self._changed, self._left = {}, {}, {}
        known = frozenset({*joined, *changed}) if len(joined) + len(changed) == 1 and not left else frozenset()
        return presence_text(self.name, joined.values(), changed.values(), left), known
