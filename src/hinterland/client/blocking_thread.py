"""The thread that runs a client's event loop, and the records of a collection by way of it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar, overload

from hinterland.client.errors import ClientClosed, InvalidResponse, WrongLoop
from hinterland.client.repository import Iteration, Page, RecordBody, RemoteRepository, ResultRows
from hinterland.contract.identity import RecordId
from hinterland.contract.query import DEFAULT_LIMIT

T = TypeVar("T")
R = TypeVar("R")


class LoopThread:
    """An event loop in a thread of its own; any thread may call."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hinterland-client", daemon=True)
        self._thread.start()

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """The outcome of `act`. Where the caller is interrupted, `act` is cancelled."""
        if os.getpid() != self._process:
            act.close()
            raise WrongLoop
        if not self._thread.is_alive() or sys.is_finalizing():
            act.close()
            raise ClientClosed
        if threading.current_thread() is self._thread:
            act.close()
            raise RuntimeError("a listener can't wait for the client that calls it: do it in another thread")
        future: Future[T] = asyncio.run_coroutine_threadsafe(act, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ClientClosed from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Generator[T, None, None]:
        """The items one by one; the source is closed when the caller stops."""
        try:
            while True:
                try:
                    yield self.run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            with suppress(ClientClosed, WrongLoop):
                self.run(_closed(items))

    def close(self) -> None:
        """End the loop and its thread."""
        if self._thread.is_alive():
            self.run(_cancelled())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class BlockingIteration(Generic[T]):
    """Records one by one; see `hinterland.client.repository.Iteration`."""

    def __init__(self, thread: LoopThread, items: Iteration[T]) -> None:
        self.mismatches: list[InvalidResponse] = items.mismatches
        self._items = thread.iterate(items)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def close(self) -> None:
        """End it before its end."""
        self._items.close()


class BlockingRepository(Generic[T]):
    """The records of one collection; see `hinterland.client.repository.Repository`."""

    def __init__(self, thread: LoopThread, repository: RemoteRepository[T]) -> None:
        self._thread = thread
        self._repository = repository

    def get(self, record_id: RecordId, *, fields: str | Sequence[str] = (), expand: str | Sequence[str] = ()) -> T:
        """One record."""
        return self._thread.run(self._repository.get(record_id, fields=fields, expand=expand))

    def list(
        self,
        *,
        page: int = 1,
        limit: int = DEFAULT_LIMIT,
        cursor: str = "",
        filter: str = "",
        search: str = "",
        sort: Sequence[str] = (),
        total: bool = False,
        **equals: Any,
    ) -> Page[T]:
        """A page of the records that the question finds."""
        found = self._repository.list(
            page=page, limit=limit, cursor=cursor, filter=filter, search=search, sort=sort, total=total, **equals
        )
        return self._thread.run(found)

    def iterate(
        self, *, filter: str = "", search: str = "", sort: Sequence[str] = (), limit: int = 100, **equals: Any
    ) -> BlockingIteration[T]:
        """All records that the question finds; `limit` are fetched at once."""
        return BlockingIteration(
            self._thread, self._repository.iterate(filter=filter, search=search, sort=sort, limit=limit, **equals)
        )

    @overload
    def aggregate(self, **words: Any) -> Page[dict[str, Any]]: ...
    @overload
    def aggregate(self, kind: type[R], **words: Any) -> Page[R]: ...
    def aggregate(self, kind: type[Any] = dict, **words: Any) -> Page[Any]:
        """A page of values of groups."""
        return self._thread.run(self._repository.aggregate(kind, **words))

    def distinct(self, *fields: str, filter: str = "", **equals: Any) -> ResultRows:
        """The combinations of the fields' values that the records have."""
        return self._thread.run(self._repository.distinct(*fields, filter=filter, **equals))

    def create(self, body: RecordBody, *, key: str = "") -> T:
        """Create a record."""
        return self._thread.run(self._repository.create(body, key=key))

    def replace(self, record_id: RecordId, body: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Replace all fields."""
        return self._thread.run(self._repository.replace(record_id, body, revision=revision, key=key))

    def update(self, record_id: RecordId, patch: RecordBody, *, revision: int | None = None, key: str = "") -> T:
        """Change the given fields."""
        return self._thread.run(self._repository.update(record_id, patch, revision=revision, key=key))

    def delete(self, record_id: RecordId, *, revision: int | None = None, key: str = "") -> None:
        """Delete the record."""
        self._thread.run(self._repository.delete(record_id, revision=revision, key=key))


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


async def _closed(items: AsyncIterator[T]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


async def _cancelled() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
