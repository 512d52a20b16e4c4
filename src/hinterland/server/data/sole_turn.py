"""Work that one of several processes on a database does, once in a while.

The claim is a row that says until when it holds: a holder that was killed is followed by another when that has passed.
"""

from __future__ import annotations

import secrets

import msgspec

from hinterland.kit.clock import Clock
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import META, Expect, PreconditionFailed, Put

HELD_SECONDS = 600.0  # until a holder that does not renew its claim is followed by another

_LONGEST_SECONDS = 86_400.0  # a claim beyond that is of a clock that went wrong


class TurnClaim(msgspec.Struct, frozen=True):
    """Who has the turn ("": nobody, it was done) until when, in seconds since 1970."""

    holder: str
    until: float


class SoleTurn:
    """The turn of the work `name`."""

    def __init__(self, storage: Storage, clock: Clock, name: str) -> None:
        self._storage = storage
        self._clock = clock
        self._key = {"name": name}
        self._holder = secrets.token_hex(8)

    async def take(self) -> bool:
        """Take the turn, or renew it; whether this process has it now. A process that has the database alone always
        does."""
        if not self._storage.has_other_writers:
            return True
        return await self._claim(TurnClaim(self._holder, self._clock.now() + HELD_SECONDS))

    async def rest(self, seconds: float) -> None:
        """The work is done: nobody takes the turn for so long."""
        if self._storage.has_other_writers:
            await self._claim(TurnClaim("", self._clock.now() + seconds))

    async def _claim(self, wanted: TurnClaim) -> bool:
        row = await self._storage.row(META.name, self._key)
        if row is not None:
            held = msgspec.json.decode(row["value"], type=TurnClaim)
            left = held.until - self._clock.now()
            if held.holder != self._holder and 0 < left < _LONGEST_SECONDS:
                return False
        same = Expect(META.name, self._key, None if row is None else {"value": row["value"]})
        put = Put(META.name, {**self._key, "value": msgspec.json.encode(wanted).decode()})
        try:
            async with self._storage.transaction() as transaction:
                await transaction.act([same, put])
        except PreconditionFailed:
            return False  # another process was faster
        return True
