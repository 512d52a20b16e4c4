"""One run for any number of callers that want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Callers that come while a run is under way get its outcome, value or exception.

    A caller that is cancelled leaves alone: the run goes on for the others, and to its end if none is left. Tasks of
    one event loop only.
    """

    def __init__(self) -> None:
        self._runs: dict[object, asyncio.Task[T]] = {}

    async def run(self, key: object, act: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of `act`, or of the run that is under way for `key`."""
        task = self._runs.get(key)
        if task is None:
            task = self._runs[key] = asyncio.create_task(act())
            task.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Return when every run that is under way has ended, whatever its outcome."""
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    def _land(self, key: object, done: asyncio.Task[T]) -> None:
        del self._runs[key]
        if not done.cancelled():
            done.exception()  # seen, though all callers may have left
