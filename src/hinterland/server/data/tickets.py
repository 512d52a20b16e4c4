"""Tickets that open one stream each: for browsers, whose EventSource can't send a header (WHATWG HTML §9.2).

The ticket stands in the URL, so it counts once, for thirty seconds, and for the stream alone; the session behind it
decides what is seen. Only its hash is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from hinterland.contract.errors import Refusal
from hinterland.contract.events import Ticket
from hinterland.contract.identity import Principal
from hinterland.kit.clock import Clock
from hinterland.server.data.commands import Commands
from hinterland.server.data.requests import WriteRequest
from hinterland.server.security.refresh import hash_of
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import Drop, Expect, PreconditionFailed, Put, RowAct

SECONDS = 30
EVENTS = "events"
_EXPIRED_AT_ONCE = 20
_EXPIRED = "SELECT hash FROM _tickets WHERE expires <= ? LIMIT ?"

FindSession = Callable[[str], Awaitable[Principal | None]]


class Tickets:
    """Gives tickets and takes them. `find` tells who is behind a session now."""

    def __init__(self, storage: Storage, commands: Commands, clock: Clock, find: FindSession) -> None:
        self._storage = storage
        self._commands = commands
        self._clock = clock
        self._find = find

    async def issue(self, caller: Principal, stream: str = EVENTS) -> Ticket:
        """A ticket for a caller with a session. Raises `unauthorized`."""
        if not caller.session:
            raise Refusal("unauthorized", "sign in to get a ticket")
        ticket = secrets.token_urlsafe(32)
        row = {
            "hash": hash_of(ticket),
            "session": caller.session,
            "account": str(caller.id),
            "stream": stream,
            "expires": self._clock.now() + SECONDS,
        }
        await self._write(Put("_tickets", row), *await self._expired_rows())
        return Ticket(ticket=ticket, expires_in=SECONDS)

    async def redeem(self, ticket: str, stream: str = EVENTS) -> Principal:
        """The caller whose ticket this is; it is used up. Raises `unauthorized`."""
        key = {"hash": hash_of(ticket)}
        row = await self._storage.row("_tickets", key)
        if row is None or row["stream"] != stream or row["expires"] <= self._clock.now():
            raise _refused()
        try:
            await self._write(Expect("_tickets", key, {"stream": stream}), Drop("_tickets", key))
        except PreconditionFailed:
            raise _refused() from None
        caller = await self._find(row["session"])
        if caller is None:
            raise _refused()
        return caller

    async def _expired_rows(self) -> list[RowAct]:
        rows = await self._storage.fetch(_EXPIRED, (self._clock.now(), _EXPIRED_AT_ONCE))
        return [Drop("_tickets", {"hash": row[0]}) for row in rows]

    async def _write(self, *acts: RowAct) -> None:
        await self._commands.submit(WriteRequest((), acts=acts))


def _refused() -> Refusal:
    return Refusal("unauthorized", "the ticket was used, is over 30 seconds old, or its session has ended: get another")
