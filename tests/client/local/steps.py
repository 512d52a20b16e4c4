"""Steps of tests about edits that wait, and a server whose answers to pushes a test changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hinterland.client.answers import error_in, error_of
from hinterland.client.errors import ConnectionLost, HinterlandError
from hinterland.client.exchange import Response
from hinterland.client.local.local import Local
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Push, PushResult
from tests.support.sync_backend import SyncBackend


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

    def __init__(self, server: SyncBackend) -> None:
        self.server = server
        self.pushed: list[Push] = []
        self.fault: Any = None

    async def push(self, account: Any, push: Push) -> PushResult:
        """Take a push, unless the test has something against it."""
        self.pushed.append(push)
        if self.fault is not None:
            self.fault(push)
        return await self.server.push(account, push)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


def lost(push: Push) -> None:
    """A fault: the answer does not come."""
    raise ConnectionLost


Fault = Callable[[Push], None]


class Way(Tampered):
    """The way to a server: `script` has a fault for each of the next pushes with mutations, before `fault` is for all
    pushes. One of which only the answer is lost is carried out."""

    def __init__(self, server: SyncBackend) -> None:
        super().__init__(server)
        self.script: list[Fault] = []

    async def push(self, account: Any, push: Push) -> PushResult:
        """Take a push, with the fault that is next."""
        fault = self.script.pop(0) if self.script and push.mutations else self.fault
        self.pushed.append(push)
        if isinstance(fault, After):
            await self.server.push(account, push)
        if fault is not None:
            fault(push)
        return await self.server.push(account, push)


class After:
    """A fault that comes after the push was carried out."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def __call__(self, push: Push) -> None:
        self.fault(push)


def bare(status: int, *, is_in_doubt: bool = False) -> Fault:
    """An answer without a body of ours, as a proxy gives it."""

    def fault(push: Push) -> None:
        raise error_in(Response(status=status, is_in_doubt=is_in_doubt))

    return fault


def own(code: str, *, is_in_doubt: bool = False) -> Fault:
    """The server's own refusal of whatever has a mutation in it."""

    def fault(push: Push) -> None:
        if push.mutations:
            error = error_of(Refusal(code, "I can't take that").problem())
            error.is_in_doubt = is_in_doubt
            raise error

    return fault


async def now(local: Local) -> HinterlandError | None:
    """One round; the error that it ended with."""
    try:
        await local.sync.now()
    except HinterlandError as error:
        return error
    return None


async def outbox(local: Local) -> list[tuple[str, int | None]]:
    """The state and seq of what is in the outbox."""
    return [(entry.state, entry.seq) for entry in await local.outbox.list()]
