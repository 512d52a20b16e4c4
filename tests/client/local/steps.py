"""Steps of tests about edits that wait, and a server whose answers to pushes a test changes."""

from __future__ import annotations

from typing import Any

import msgspec

from hinterland.client.errors import ConnectionLost
from hinterland.client.local.local import Local
from hinterland.contract.changes import Write
from hinterland.contract.sync import Push, PushResult
from tests.support.model_server import ModelServer


class Note(msgspec.Struct):
    """The app's own type of a note."""

    id: str
    text: str = ""
    count: int | None = None
    revision: int = 0


async def states(local: Local) -> list[str]:
    """The states of what is in the outbox."""
    return [entry.state for entry in await local.outbox.list()]


def create(**options: Any) -> Write:
    """A creation of a note."""
    return Write(act="create", collection="notes", **options)


class Tampered:
    """A server whose answers to pushes a test changes."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.pushed: list[Push] = []
        self.fault: Any = None

    async def push(self, account: Any, push: Push) -> PushResult:
        """Hand in a push, unless the test has something against it."""
        self.pushed.append(push)
        if self.fault is not None:
            self.fault(push)
        return await self.server.push(account, push)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


def lost(push: Push) -> None:
    """A fault: the answer does not come."""
    raise ConnectionLost
