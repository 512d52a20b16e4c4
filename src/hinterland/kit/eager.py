"""Running an awaitable at once, up to where it first waits: most sends never do, and a task's turn costs more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeGuard


def begin(awaitable: Awaitable[None]) -> Awaitable[None] | None:
    """Run `awaitable` until it waits; None where it has ended, else what is to be awaited for the rest.

    What it raises before it waits is raised here. The rest must be awaited, once, in a task.
    """
    steps = awaitable.__await__()
    try:
        waiting = next(steps)
    except StopIteration:
        return None
    return Begun(steps, waiting)


def is_pending(waiting: object) -> TypeGuard[asyncio.Future[Any]]:
    """Whether what a coroutine yielded is a future that it waits for."""
    return getattr(waiting, "_asyncio_future_blocking", None) is True


class Begun:
    """What has begun and waits for something: `steps` have yielded `waiting`. It is awaited once, in a task, for its
    result."""

    __slots__ = ("_steps", "_waiting")

    def __init__(self, steps: Generator[Any, Any, Any] | Coroutine[Any, Any, Any], waiting: Any) -> None:
        self._steps = steps
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, Any]:
        waiting = self._waiting
        while True:
            act: Callable[[Any], Any] = self._steps.send
            try:
                given = yield waiting
            except BaseException as error:
                act, given = self._steps.throw, error
            try:
                waiting = act(given)
            except StopIteration as end:
                return end.value
