"""Bytes that are read piece by piece, so that neither side holds all of them: uploads, downloads, and parts of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from pathlib import Path

PIECE_BYTES = 256 * 1024


class Body(ABC):
    """The bytes of a request or response. `length` is their number where it is known before they are read;
    `is_repeatable` whether `open` may be called now, which it may again and again where the bytes are kept."""

    length: int | None = None
    is_repeatable: bool = True

    @abstractmethod
    def open(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to before `stop` (None: the end), in pieces. Raises RuntimeError where the body is not
        repeatable and was opened before."""

    async def close(self) -> None:  # noqa: B027
        """Release what the body holds; needed only where it is not read to its end."""


class BytesBody(Body):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)

    async def open(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes, in one piece."""
        if part := self.data[start:stop]:
            yield part


class FileBody(Body):
    """A file as long as it is when the body is made; it is read in a thread. Raises OSError where it can't be read."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.length: int = self.path.stat().st_size

    async def open(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The file's bytes. Raises EOFError where it has become shorter."""
        left = min(self.length, self.length if stop is None else stop) - start
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while left > 0:
                piece = await asyncio.to_thread(file.read, min(left, PIECE_BYTES))
                if not piece:
                    raise EOFError(f"{self.path} is {left:,} bytes shorter than it was")
                left -= len(piece)
                yield piece
        finally:
            await asyncio.to_thread(file.close)


class OnceBody(Body):
    """Pieces that are made as they are read, so that they can be read once. `length` is the sum of their sizes."""

    def __init__(self, pieces: AsyncIterable[bytes] | Iterable[bytes], length: int | None = None) -> None:
        self.length = length
        self._pieces = pieces

    def open(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The pieces. Raises RuntimeError the second time."""
        if not self.is_repeatable:
            raise RuntimeError("this body was read and can't be read again; make a new one")
        self.is_repeatable = False
        return part_of(self._pieces, start, stop)


async def part_of(
    pieces: AsyncIterable[bytes] | Iterable[bytes], start: int, stop: int | None
) -> AsyncGenerator[bytes, None]:
    """The bytes of `pieces` from `start` to before `stop`."""
    at = 0
    async with aclosing(_each(pieces)) as each:
        async for piece in each:
            part = piece[max(0, start - at) : None if stop is None else max(0, stop - at)]
            at += len(piece)
            if part:
                yield part
            if stop is not None and at >= stop:
                return


async def _each(pieces: AsyncIterable[bytes] | Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(pieces, AsyncIterable):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece
