"""After-hooks: readers of the log that hand each change to an app's function, in order and at least once.

A hook's position is kept in the database, so that it goes on where it was after a restart. Where several processes
serve one database, one of them runs the hook; another takes over when that has not renewed its claim for a while.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.commands import Commands
from hinterland.server.data.requests import WriteRequest
from hinterland.server.hooks import AfterWrite, Hooks
from hinterland.server.storage.protocol import LogEntry, Storage
from hinterland.server.storage.system import HOOKS, Amend, Expect, Insert, PreconditionFailed, RowAct

log = logging.getLogger("hinterland.hooks")
_PAGE = 100
_POLL_SECONDS = 1.0
_CLAIM_SECONDS = 30.0
_RETRY_SECONDS = (1.0, 60.0)  # after the first failure, and at most
_SKIPPED = 1_000  # changes of other collections after which the position is kept


class AfterHooks:
    """The after-hooks of an app, run by this process and given its `backend`. A change may take a hook `seconds`."""

    def __init__(
        self,
        hooks: Hooks,
        storage: Storage,
        catalogue: Catalogue,
        commands: Commands,
        clock: Clock,
        seconds: float,
        backend: object = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._readers = [
            LogFollower(name, collection, partial(hook, backend), storage, catalogue, commands, clock, seconds)
            for name, (collection, hook) in hooks.after.items()
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read; a hook that is new begins with the changes from now on."""
        for reader in self._readers:
            await reader.register()
        self._tasks = [asyncio.create_task(reader.run()) for reader in self._readers]
        if self._readers and self._storage.has_other_writers:
            self._tasks.append(asyncio.create_task(self._poll()))

    async def close(self) -> None:
        """Stop, and keep the positions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for reader in self._readers:
            await reader.leave()

    def wake(self) -> None:
        """Something may have been written."""
        for reader in self._readers:
            reader.woken.set()

    async def _poll(self) -> None:
        while True:
            await self._clock.sleep(_POLL_SECONDS)
            self.wake()


class LogFollower:
    """One after-hook and its position in the log."""

    def __init__(
        self,
        name: str,
        collection: str,
        hook: Callable[[AfterWrite], Awaitable[None]],
        storage: Storage,
        catalogue: Catalogue,
        commands: Commands,
        clock: Clock,
        seconds: float,
    ) -> None:
        self.woken = asyncio.Event()
        self._name = name
        self._collection = collection
        self._hook = hook
        self._storage = storage
        self._catalogue = catalogue
        self._commands = commands
        self._clock = clock
        self._seconds = seconds
        self._holder = secrets.token_hex(8)
        self._position = 0
        self._kept = 0  # the position that the database has
        self._until = 0.0  # when the claim of this process ends

    async def register(self) -> None:
        """Give a new hook its first position: the end of the log."""
        if await self._storage.row(HOOKS.name, self._key) is None:
            head = await self._storage.head()
            row = {**self._key, "revision": head.revision, "holder": "", "until": 0.0}
            try:
                await self._write(Insert(HOOKS.name, row))
            except PreconditionFailed:
                log.debug("another process has registered the after-hook %s", self._name)

    async def run(self) -> None:
        """Follow the log for ever. A change with which the hook fails is tried again, later and later."""
        delay = _RETRY_SECONDS[0]
        self.woken.set()
        while True:
            await self.woken.wait()
            self.woken.clear()
            try:
                while await self._claim() and await self._step():
                    delay = _RETRY_SECONDS[0]
            except Exception:
                log.exception("the after-hook %s failed; retrying in %g s", self._name, delay)
                await self._clock.sleep(delay)
                delay = min(2 * delay, _RETRY_SECONDS[1])
                self.woken.set()

    async def leave(self) -> None:
        """Keep the position and let another process take over at once."""
        if self._until > self._clock.now():
            try:
                await self._keep(0.0)
            except Exception as error:  # at least once, so a few changes may be handled again
                log.warning("the position of the after-hook %s could not be kept: %s", self._name, error)

    @property
    def _key(self) -> dict[str, str]:
        return {"name": self._name}

    async def _claim(self) -> bool:
        """Whether this process runs the hook, from the position that the last one kept."""
        now = self._clock.now()
        if self._until > now + _CLAIM_SECONDS / 2:
            return True
        row = await self._storage.row(HOOKS.name, self._key)
        assert row is not None
        is_own = row["holder"] == self._holder
        if not is_own and row["until"] > now and self._storage.has_other_writers:
            return False
        if not is_own:
            self._position = row["revision"]
        return await self._keep(now + _CLAIM_SECONDS, row["holder"])

    async def _step(self) -> bool:
        """Handle the next page of the log; False at its end."""
        head = await self._storage.head()
        if self._position < head.retention_floor:
            log.warning("the after-hook %s missed changes that the log no longer has (log_days)", self._name)
            self._position = head.retention_floor
        page = await self._storage.log(self._position, _PAGE, collections={self._collection})
        for entry in page:
            if entry.collection == self._collection:
                await self._handle(entry)
            self._position = entry.revision
            if self._until < self._clock.now() + _CLAIM_SECONDS / 2:
                return True  # renew the claim first
        if any(entry.collection == self._collection for entry in page) or self._position > self._kept + _SKIPPED:
            return await self._keep(self._clock.now() + _CLAIM_SECONDS) and not page.is_last
        return not page.is_last

    async def _handle(self, entry: LogEntry) -> None:
        whole = self._catalogue[entry.collection].whole
        states = [None if record is None else whole(record) for record in (entry.before, entry.after)]
        change = AfterWrite(
            collection=entry.collection,
            kind=entry.kind,
            id=entry.id,
            parent=entry.parent,
            revision=entry.revision,
            at=entry.at,
            old=states[0],
            new=states[1],
        )
        await within(self._clock, self._seconds, partial(_run, self._hook, change))

    async def _keep(self, until: float, holder: str | None = None) -> bool:
        """Keep the position and the claim, which is that of `holder` so far; False where another process has it."""
        before = {"holder": self._holder if holder is None else holder}
        now = {"revision": self._position, "holder": self._holder, "until": until}
        try:
            await self._write(Expect(HOOKS.name, self._key, before), Amend(HOOKS.name, self._key, now))
        except PreconditionFailed:
            self._until = 0.0
            return False
        self._kept, self._until = self._position, until
        return True

    async def _write(self, *acts: RowAct) -> None:
        await self._commands.submit(WriteRequest((), acts=acts))


async def _run(hook: Callable[[AfterWrite], Awaitable[None]], change: AfterWrite) -> None:
    await hook(change)
