"""The store's file and the one thread that works on it, so that the app's loop never waits for a disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from hinterland.client.answers import refused_here
from hinterland.client.errors import ClientClosed
from hinterland.client.local.connection import StoreChange, StoreConnection
from hinterland.client.local.errors import StoreDamaged, StoreFull, is_damage, translated
from hinterland.client.local.salvage import Salvaged, put_back, read_remains, set_aside
from hinterland.client.local.schema import MIGRATIONS
from hinterland.client.local.signals import Signals
from hinterland.client.loop_guard import LoopGuard
from hinterland.contract.errors import Refusal
from hinterland.kit import atomic_file
from hinterland.kit.file_lock import FileLock
from hinterland.kit.sqlite import TooNew, connect, migrate, snapshot, transaction

_log = logging.getLogger("hinterland.client")
_FOREIGN = "Give another path as store=, or move this file away."
_RESERVE = 262_144  # bytes that are set aside for a full disk
T = TypeVar("T")
StoreAct = Callable[[StoreConnection], T]


class Store:
    """One SQLite file. `read` and `write` run a function on its connection, one after another, in the order of calls.

    Several processes may read and write one file; one of them at a time owns its synchronisation. `signals` notify of
    what this process's writes change, in the loop, also of those whose caller was cancelled meanwhile.
    """

    def __init__(self, path: str | Path, guard: LoopGuard | None = None) -> None:
        self.path = Path(path)
        self.guard = guard or LoopGuard()
        self.is_closed = False
        self._lock = FileLock(self.path.with_name(f"{self.path.name}-sync"))
        self._is_owner = False
        self._damage = self.path.with_name(f"{self.path.name}-damage")  # there: it was found damaged while in use
        self._reserve = self.path.with_name(f"{self.path.name}-reserve")
        self.salvaged: Salvaged | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._connection: StoreConnection | None = None
        self.signals = Signals()
        self._version = 0
        self._rereads = asyncio.Lock()

    async def open(self) -> None:
        """Open the file, made where it is missing, and bring its schema up to date. Raises StoreError's kinds."""
        self.guard.check()
        if self._executor is None:
            self.is_closed = False
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="hinterland-store")
            try:
                await self._run(self._open)
            except BaseException:
                await self.close()
                raise

    def check_open(self) -> None:
        """Raises ClientClosed where the store is closed, or was never opened."""
        if self._executor is None and self.is_closed:
            raise ClientClosed
        if self._executor is None:
            raise ClientClosed(
                "The client was not opened.", advice="Use it in `async with Client(...)`, or await client.open() first."
            )

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # readable by its owner only, and so are the files that SQLite puts beside it
            atomic_file.create(self.path, b"")
        try:
            if self._damage.exists():
                raise StoreDamaged(detail=f"it was found damaged while in use ({self.path})")
            self._connect()
        except (sqlite3.Error, StoreDamaged) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            self._begin_anew(error)

    def _connect(self) -> StoreConnection:
        try:
            connection = self._connected()
        except sqlite3.Error as error:
            if is_damage(error) or not self._reserve.exists():
                raise
            self._reserve.unlink(missing_ok=True)  # on a full disk SQLite can't even make its log
            connection = self._connected()
        else:
            self._set_room_aside()
        self._version = _version(connection)
        return connection

    def _connected(self) -> StoreConnection:
        self._close()
        self._connection = connection = connect(self.path, StoreConnection)
        migrate(connection, MIGRATIONS)
        return connection

    def _begin_anew(self, error: Exception) -> None:
        """Set the damaged file aside, and go on with what can be read of its outbox. Raises the error where it may not
        be a store, or another process is using it."""
        self._close()
        was_owner, remains = self._is_owner, read_remains(self.path)
        if remains is None:
            raise StoreDamaged(advice=_FOREIGN, detail=f"{type(error).__name__}: {error} ({self.path})") from error
        if not self.own():
            raise error
        file = set_aside(self.path)
        connection = self._connect()
        with transaction(connection):
            self.salvaged = Salvaged(file, put_back(connection, remains))
        self._damage.unlink(missing_ok=True)
        if not was_owner:
            self.disown()
        _log.error(
            "the store %s was damaged and is set aside as %s; %d unsent writes were salvaged, records are fetched anew",
            self.path, file, self.salvaged.writes,
        )  # fmt: skip

    async def close(self) -> None:
        """Close the file after what is under way; opening again is possible."""
        self.is_closed = True
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.get_running_loop().run_in_executor(executor, self._close)
            executor.shutdown()
        self.disown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def read(self, act: StoreAct[T]) -> T:
        """The outcome of `act`, which only reads. Raises StoreError's kinds and what the contract's checks refuse."""
        return await self._run(lambda: self._look_at(act))

    async def reread(self, act: StoreAct[T]) -> T:
        """The same as `read`, for what is read again after each change: of these one at a time is handed to the thread,
        so that a write waits for one of them at most."""
        self.guard.check()
        async with self._rereads:
            return await self.read(act)

    async def write(self, act: StoreAct[T], *, is_urgent: bool = False) -> T:
        """The outcome of `act` once all that it wrote is durable; nothing of it is kept when it raises.

        Where the disk is full, an urgent one gets the room that was set aside, so that the outbox can be emptied.
        """
        try:
            outcome, _ = await self._run(lambda: self._transact(act), self._announce_written)
        except StoreFull:
            if not is_urgent:
                raise
            await self._run(self._make_room)
            outcome, _ = await self._run(lambda: self._transact(act), self._announce_written)
        return outcome

    def _make_room(self) -> None:
        self._reserve.unlink(missing_ok=True)
        with suppress(sqlite3.Error):  # what the log holds goes to its place, and the log begins anew
            self._held().execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    async def restock(self) -> None:
        """Set room aside again where it was used."""
        if not self._reserve.exists():
            await self._run(self._set_room_aside)

    def _set_room_aside(self) -> None:
        try:
            atomic_file.create(self._reserve, bytes(_RESERVE))
        except FileExistsError:
            pass
        except OSError:
            self._reserve.unlink(missing_ok=True)

    def _look_at(self, act: StoreAct[T]) -> T:
        connection = self._held()
        connection.begin()
        with snapshot(connection):
            return act(connection)

    def _transact(self, act: StoreAct[T]) -> tuple[T, StoreChange]:
        connection = self._held()
        connection.begin()
        with transaction(connection):
            outcome = act(connection)
        return outcome, connection.store_change

    def _held(self) -> StoreConnection:
        if self._connection is None:
            raise ClientClosed
        return self._connection

    async def _run(self, act: Callable[[], T], on_done: Callable[[asyncio.Future[T]], None] | None = None) -> T:
        self.guard.check()
        self.check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._executor, act)
        if on_done is not None:
            future.add_done_callback(on_done)
        try:
            # A cancelled caller does not undo what the thread does: `on_done` is called all the same.
            return await asyncio.shield(future)
        except (sqlite3.Error, TooNew) as error:
            if is_damage(error) and self._connection is not None:
                with suppress(OSError):
                    self._damage.touch()
            raise translated(error, self.path) from error
        except OSError as error:
            raise translated(sqlite3.OperationalError(str(error)), self.path) from error
        except Refusal as error:
            raise refused_here(error) from None

    def _announce_written(self, future: asyncio.Future[tuple[T, StoreChange]]) -> None:
        if not future.cancelled() and future.exception() is None and (store_change := future.result()[1]):
            self.signals.publish(store_change)

    # ------------------------------------------------------------ several processes

    def own(self) -> bool:
        """Whether this process is the one that synchronises the store; it stays so until `disown` or its end."""
        if not self._is_owner:
            self._is_owner = self._lock.try_take()
        return self._is_owner

    def disown(self) -> None:
        """Let another process synchronise."""
        if self._is_owner:
            self._lock.release()
            self._is_owner = False

    async def look(self) -> bool:
        """Whether another process has written since the last look, or since `open`; watchers are notified."""
        before, self._version = self._version, await self._run(lambda: _version(self._held()))
        is_changed = before != self._version
        if is_changed:
            self.signals.notify_all()
        return is_changed


def _version(connection: StoreConnection) -> int:
    """A number that is another when another connection has written."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
