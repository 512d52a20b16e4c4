"""Requests of a test to the writer, how they end, and storage that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal, RecordId
from hinterland.server.data.once_by_key import OnceByKey
from hinterland.server.data.requests import Answer, WriteRequest, WriteResult
from tests.server.data.world import ADMIN, World


def request(*writes: Write, key: str = "", caller: Principal = ADMIN, body: str = "", **more: Any) -> WriteRequest:
    """A request of an administrator; with a `key` its answer is kept."""
    once = OnceByKey(str(caller.id), key, body, answered) if key else None
    return WriteRequest(writes, caller, **{"once": once, **more})


def answered(outcome: WriteResult) -> Answer:
    """The answer that a test's key keeps."""
    return Answer(201, str(outcome.records[0].id).encode())


async def settle(world: World, *requests: WriteRequest) -> list[str]:
    """The outcomes of requests that are submitted at once: "" or the refusal's code."""
    answers = await asyncio.gather(*(world.writer.submit(one) for one in requests), return_exceptions=True)
    return [
        getattr(answer, "code", type(answer).__name__) if isinstance(answer, Exception) else "" for answer in answers
    ]


async def ids(world: World, collection: str) -> list[RecordId]:
    """The ids of a collection's records."""
    return [row[0] for row in await world.storage.fetch(f'SELECT id FROM "{collection}" ORDER BY id')]


class Stumbling:
    """Storage whose transactions end with the given errors before one is let through."""

    def __init__(self, world: World, *errors: Exception | None) -> None:
        self._transaction = world.storage.transaction
        self._errors: Iterator[Exception | None] = iter(errors)
        self.begun = 0
        world.storage.transaction = self  # type: ignore[method-assign]

    def __call__(self) -> Any:
        """The next transaction."""
        self.begun += 1
        error = next(self._errors, None)
        if error is not None:
            raise error
        return self._transaction()
