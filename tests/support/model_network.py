"""A bad way to the model server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from random import Random
from typing import Any

import msgspec

from hinterland.client.errors import ConnectError, ConnectionLost
from hinterland.client.events import Event
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Pull, PullResult, Push, PushResult
from tests.support.model_server import ModelServer


class FaultyNetwork:
    """The way to a server on which requests and answers are lost, and requests come twice or late, with a seed."""

    def __init__(self, server: ModelServer, random: Random, share: float = 0.3, limit: int = 500) -> None:
        self.server = server
        self.random = random
        self.share = share
        self.limit = limit
        self._late: list[Callable[[], Any]] = []

    async def push(self, account: RecordId, push: Push) -> PushResult:
        """Hand in a push, or not, or twice, or much later again."""
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
        fault = self.random.choice(["refused", "request lost", "answer lost", "twice", "late"])
        if fault == "refused":
            raise ConnectError
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
    except Exception:  # whoever asked has gone
        return
