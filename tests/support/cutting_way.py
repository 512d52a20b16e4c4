"""A way to a server over real sockets, whose connections a test cuts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self


class CuttingWay:
    """A way to the server at `target`. `on_answer` is called when the server answers a request that begins so, and the
    answer is dropped."""

    def __init__(self, target: int, begins: bytes = b"", on_answer: Callable[[], None] | None = None) -> None:
        self._target = target
        self._begins = begins
        self._on_answer = on_answer
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Cut what is open, wherever it is in a message."""
        self.cuts += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[Self]:
        """Let connections come."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = listening.sockets[0].getsockname()[1]
        async with listening:
            try:
                yield self
            finally:
                self.cut()
                if self._tasks:
                    await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(up_writer)
        asked = asyncio.Event()
        await asyncio.gather(
            self._carry(reader, up_writer, asked), self._carry(up_reader, writer, asked, is_answer=True)
        )

    async def _carry(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        asked: asyncio.Event,
        *,
        is_answer: bool = False,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if not is_answer and self._begins and self._begins in data:
                    asked.set()
                elif is_answer and asked.is_set() and self._on_answer is not None:
                    self._on_answer()
                    break
                target.write(data)
                await target.drain()
        self._drop(target)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()
