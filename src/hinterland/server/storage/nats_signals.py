"""Signals between the processes on one PostgreSQL through NATS: which subject to look at, never what happened.

NATS keeps nothing, and a message may be lost while a connection is: everybody looks at intervals as well, at the log
each second and at sessions within five.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

log = logging.getLogger("hinterland.storage")
_RETRY_SECONDS = 2
_CLOSE_SECONDS = 2
_ERRORS = (nats.errors.Error, OSError, TimeoutError, ValueError)


class NatsSignals:
    """Sends and receives the signals of the database with an id. The server starts and works while NATS is away; the
    connection is opened as soon as it can be, and again where it is lost. `process` names this process to others."""

    in_database = False

    def __init__(self, url: str, database_id: str) -> None:
        self.process = secrets.token_hex(8)
        self._url = url
        self._commits = f"hinterland.{database_id}.commits"
        self._invalidations = f"hinterland.{database_id}.invalidations"
        self._client = Client()
        self._task: asyncio.Task[None] | None = None

    async def open(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        """Call `invalidated` with each subject, and `written` after commits of other processes, from now on."""
        self._task = asyncio.create_task(self._connect(invalidated, written))
        with suppress(TimeoutError):  # one that is there is used from the beginning
            await asyncio.wait_for(asyncio.shield(self._task), _RETRY_SECONDS)

    async def _connect(self, invalidated: Callable[[str], None], written: Callable[[], None]) -> None:
        async def receive_commit(message: Msg) -> None:
            if message.data.decode(errors="replace") != self.process:
                written()

        async def receive_invalidation(message: Msg) -> None:
            invalidated(message.data.decode(errors="replace"))

        async def report(error: Exception) -> None:
            log.warning("NATS: %s", str(error) or type(error).__name__)

        async def lost() -> None:
            if not self._client.is_closed:
                log.warning("the connection to NATS was lost; other servers' changes are looked for each second")

        async def found() -> None:
            log.info("connected to NATS again")
            written()  # what was sent meanwhile is lost

        while True:
            try:
                await self._client.connect(
                    self._url, name="hinterland", max_reconnect_attempts=-1, reconnect_time_wait=_RETRY_SECONDS,
                    error_cb=report, disconnected_cb=lost, reconnected_cb=found,
                )  # fmt: skip
                await self._client.subscribe(self._commits, cb=receive_commit)
                await self._client.subscribe(self._invalidations, cb=receive_invalidation)
                await self._client.flush(_RETRY_SECONDS)
                return
            except _ERRORS as error:
                log.warning("cannot reach NATS; retrying in %d s: %s", _RETRY_SECONDS, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def send(self, subjects: Sequence[str], *, is_written: bool = False) -> None:
        """Tell other processes to look at `subjects`, and at the log where something `is_written`. Nothing fails: what
        can't be sent is found without."""
        if not self._client.is_connected:
            return
        with suppress(*_ERRORS):
            for subject in subjects:
                await self._client.publish(self._invalidations, subject.encode())
            if is_written:
                await self._client.publish(self._commits, self.process.encode())

    async def close(self) -> None:
        """Send what is waiting, and receive no more."""
        if self._task is None:
            return  # it was not opened: commands of this machine don't listen
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        with suppress(*_ERRORS):
            if self._client.is_connected:
                await self._client.flush(_CLOSE_SECONDS)
        with suppress(*_ERRORS):
            await self._client.close()
