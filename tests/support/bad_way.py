"""A bad way from local stores to a server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from random import Random
from typing import Any

import msgspec

from hinterland.client.answers import error_in, error_of
from hinterland.client.errors import ConnectError, ConnectionLost
from hinterland.client.events import Event
from hinterland.client.exchange import Response
from hinterland.client.local.remote import Remote
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import MAX_MUTATIONS, Pull, PullResult, Push, PushResult


class BadWay:
    """The way to a server on which requests and answers are lost or turned away, and requests come twice or late, with
    a seed. No push gets through that has more than `most` mutations."""

    def __init__(
        self, server: Remote, random: Random, share: float = 0.3, limit: int = 500, most: int = MAX_MUTATIONS
    ) -> None:
        self.server = server
        self.random = random
        self.share = share
        self.limit = limit
        self.most = most
        self._late: list[Callable[[], Any]] = []

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Take a push, or not, or twice, or much later again."""
        if len(push.mutations) > self.most:
            raise error_in(Response(status=413))
        return await self._carry(lambda: self.server.push(account, push))  # type: ignore[no-any-return]

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """Ask for a pull, in small pages."""
        smaller = msgspec.structs.replace(pull, limit=self.limit)
        return await self._carry(lambda: self.server.pull(account, smaller))  # type: ignore[no-any-return]

    def events(self, account: RecordId, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """The server's events."""
        return self.server.events(account, collections, cursor)

    async def _carry(self, ask: Callable[[], Any]) -> Any:
        while self._late and self.random.random() < 0.5:
            await _ignored(self._late.pop(0))
        if self.random.random() >= self.share:
            return await ask()
        fault = self.random.choice(["refused", "turned away", "request lost", "answer lost", "twice", "late"])
        if fault == "refused":
            raise ConnectError
        if fault == "turned away":
            raise error_of(Refusal("rate_limited").problem())
        if fault == "twice":
            await _ignored(ask)
            return await ask()
        if fault == "late":
            self._late.append(ask)
        elif fault == "answer lost":
            await _ignored(ask)
        raise ConnectionLost


async def _ignored(ask: Callable[[], Any]) -> None:
    try:
        await ask()
    except Exception:  # the caller has gone
        return
