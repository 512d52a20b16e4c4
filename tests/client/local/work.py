"""Counting what the store's thread does: work is compared without a clock, so that a busy machine changes nothing."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from hinterland.client.local.connection import StoreConnection
from hinterland.client.local.local import Local

_HANDING = {"asyncio", "concurrent", "threading"}
_EVERY = 10  # of SQLite's instructions, for each call of its progress handler


class Work:
    """`statements` that began with the database, its `steps` (instructions of its machine), and Python's `calls`."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.steps = 0
        self.calls = 0

    def __repr__(self) -> str:
        return f"{self.calls} calls, {self.steps} steps: {self.statements}"

    def step(self) -> int:
        """Count some of the database's instructions."""
        self.steps += _EVERY
        return 0

    def call(self, frame: FrameType, event: str, argument: Any) -> None:
        """Count a call, as a profiler is reported of it, unless it is of what hands work to the thread: a result is
        handed back by whichever thread is late."""
        room = frame.f_globals.get("__name__", "").partition(".")[0]
        self.calls += event in ("call", "c_call") and room not in _HANDING

    def runs(self, text: str) -> int:
        """How many statements have the text in them."""
        return sum(text in statement for statement in self.statements)


@asynccontextmanager
async def counted(local: Local) -> AsyncIterator[Work]:
    """What the store's thread does within the block."""
    work = Work()

    def begin(connection: StoreConnection) -> None:
        connection.set_trace_callback(work.statements.append)
        connection.set_progress_handler(work.step, _EVERY)
        sys.setprofile(work.call)

    def end(connection: StoreConnection) -> None:
        sys.setprofile(None)
        connection.set_progress_handler(None, 0)
        connection.set_trace_callback(None)

    gc.disable()  # a collection would run the finalizers of others in the store's thread
    try:
        await local.store.read(begin)
        yield work
        await local.store.read(end)
    finally:
        gc.enable()
