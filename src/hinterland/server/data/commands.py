"""The way of every write, whatever the protocol: before-hooks, then the writer. After-hooks read the log.

Hooks run outside the writer, so that a slow one keeps no other write waiting. What a hook saw is checked inside: where
the record was changed since, its hooks run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.server.data.before_hooks import BeforeHooks
from hinterland.server.data.requests import HooksOutdated, WriteRequest, WriteResult
from hinterland.server.data.writer import Writer

_TRIES = 5


class Commands:
    """Takes the write requests of a process."""

    def __init__(self, writer: Writer, hooks: BeforeHooks) -> None:
        self._writer = writer
        self._hooks = hooks

    @property
    def has_hooks(self) -> bool:
        """Whether before-hooks run for writes of some collections."""
        return self._hooks.has_any

    def submit(self, request: WriteRequest) -> Coroutine[Any, Any, WriteResult]:
        """Write `request`; returns when it is durable. Raises the `Refusal` that ended it, or `PreconditionFailed`."""
        return self._submit_hooked(request) if self._hooks.concern(request) else self._writer.submit(request)

    async def _submit_hooked(self, request: WriteRequest) -> WriteResult:
        for _ in range(_TRIES):
            try:
                return await self._writer.submit(await self._hooks.run(request))
            except HooksOutdated:
                continue
        raise Refusal("unavailable", "others keep changing this record while its hooks run; retry", retry_after=1)

    async def submit_all(self, requests: Sequence[WriteRequest]) -> list[WriteResult | BaseException]:
        """Write several requests in order, each on its own; their results, or what ended them."""
        answers: list[asyncio.Future[WriteResult]] = []
        for request in requests:
            if not self._hooks.concern(request):
                answers += self._writer.submit_all([request])
            elif self._hooks.are_independent(request):
                answers += self._writer.submit_all([await self._hooks.run(request)])
            else:  # its hooks see what the requests before it wrote
                await asyncio.gather(*answers, return_exceptions=True)
                answers.append(asyncio.ensure_future(self.submit(request)))
                await asyncio.wait(answers[-1:])
        return await asyncio.gather(*answers, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until everything that was submitted is settled."""
        await self._writer.drain()

    async def rehearse(self, requests: Sequence[WriteRequest]) -> list[Refusal | None]:
        """How each of `requests` would end after those before it; None: written. Hooks run, and nothing is kept."""
        hooked = [await self._hooks.run(one) if self._hooks.concern(one) else one for one in requests]
        return await self._writer.rehearse(hooked)
