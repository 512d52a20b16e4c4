"""What is kept for callers that don't read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.protocols.http1.connection import HttpConnection
from hinterland.server.protocols.http1.unread import UnreadBytes
from tests.server.protocols.http1.wire import GET, connected

LARGE = 16_000_000  # bytes: more than two kernels hold of one connection
CLOSING = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def large(scope: Any, receive: Any, send: Any) -> None:
    """A large answer."""
    await send_answer(scope, send, HttpAnswer(200, [], b"x" * LARGE))


async def stream(scope: Any, receive: Any, send: Any) -> None:
    """As much in parts."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(LARGE // 20_000):
        await send({"type": "http.response.body", "body": b"x" * 20_000, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Watched(HttpConnection):
    """A connection whose time is turned by hand: `look` is what happens when it has passed."""

    unread_seconds = 3_600.0
    made: ClassVar[list[Watched]]
    lost: asyncio.Event
    watched: asyncio.Event
    forgotten: asyncio.Event

    def connection_made(self, transport: Any) -> None:
        self.lost, self.watched, self.forgotten = asyncio.Event(), asyncio.Event(), asyncio.Event()
        super().connection_made(transport)
        self.made.append(self)

    def _watch_unread(self) -> None:
        super()._watch_unread()
        self.watched.set()

    def _forget_unread(self) -> None:
        super()._forget_unread()
        self.forgotten.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()

    async def is_kept(self) -> bool:
        """Whether the connection outlives the time in which nothing was taken."""
        self._look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return not self.lost.is_set()


@asynccontextmanager
async def stuck(app: Any, asked: bytes, most: int = 1 << 40) -> AsyncIterator[tuple[asyncio.StreamReader, Watched]]:
    """The reader of an answer that is written faster than it is read, and the server's connection."""

    class Kind(Watched):
        made: ClassVar[list[Watched]] = []
        unread = UnreadBytes(most)

    async with connected(app, Kind) as (reader, writer):
        writer.write(asked)
        await reader.readuntil(b"HTTP/1.1 ")
        await Kind.made[0].watched.wait()
        yield reader, Kind.made[0]


@pytest.mark.parametrize(("app", "asked"), [(large, GET), (large, CLOSING), (large, GET * 3), (stream, GET)])
async def test_a_caller_that_does_not_read(app: Any, asked: bytes) -> None:
    """A connection whose caller takes nothing of an answer is aborted when its time has passed: of one that stays open
    or is to be closed, of pipelined ones, of a stream."""
    async with asyncio.timeout(20):
        async with stuck(app, asked) as (_, connection):
            while await connection.is_kept():
                pass
            assert connection.transport.get_write_buffer_size() == 0


async def test_a_caller_that_reads_slowly() -> None:
    """A caller that takes something in each such time gets all of it, and is watched no longer."""
    async with asyncio.timeout(20), stuck(large, GET) as (reader, connection):
        taken = len(await reader.readuntil(b"\r\n\r\n")) * 0
        while taken < LARGE:
            taken += len(await reader.readexactly(min(2_000_000, LARGE - taken)))
            if not connection.forgotten.is_set():
                assert await connection.is_kept()
        await connection.forgotten.wait()


async def test_requests_behind_an_answer_that_nobody_reads() -> None:
    """While an answer is not taken, the requests behind it are not begun: each would keep another answer."""
    begun: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await large(scope, receive, send)

    async with asyncio.timeout(20), stuck(app, GET * 3) as (reader, connection):
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(begun) == 1
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(LARGE)
        assert len(begun) == 3
        assert not connection.lost.is_set()


async def test_all_of_them_together() -> None:
    """What is kept for all callers has a bound: beyond it the one goes first that took something the longest ago."""
    sizes = UnreadBytes(most=3)
    async with stuck(large, GET) as (_, first), stuck(large, GET) as (_, second), stuck(large, GET) as (_, third):
        for connection in (first, second, third, first):  # which took something
            sizes.note(connection, 1)
        sizes.note(third, 2)
        await asyncio.wait_for(second.lost.wait(), 30)
        assert [first.lost.is_set(), third.lost.is_set()] == [False, False]
        sizes.forget(first)
        sizes.note(third, 3)
        assert not third.transport.is_closing()


async def test_more_than_there_may_be() -> None:
    """An answer beyond the bound of all is cut off as soon as its caller takes less than is written."""
    async with asyncio.timeout(20), stuck(large, GET, most=1_000_000) as (_, connection):
        await connection.lost.wait()
