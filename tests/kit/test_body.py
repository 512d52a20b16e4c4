"""Bytes that are read piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from hinterland.kit.body import PIECE_BYTES, Body, BytesBody, FileBody, OnceBody

DATA = bytes(range(256)) * 3_000  # of three pieces


async def _arriving() -> AsyncGenerator[bytes, None]:
    for at in range(0, len(DATA), 1_000):
        yield DATA[at : at + 1_000]


async def _read(body: Body, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in body.open(start, stop)])


@pytest.fixture(params=["bytes", "file", "pieces", "arriving"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Body]:
    """Makes a body of DATA."""
    path = tmp_path / "data"
    path.write_bytes(DATA)
    makers: dict[str, Callable[[], Body]] = {
        "bytes": lambda: BytesBody(DATA),
        "file": lambda: FileBody(path),
        "pieces": lambda: OnceBody([DATA[:7], DATA[7:]], len(DATA)),
        "arriving": lambda: OnceBody(_arriving(), len(DATA)),
    }
    return makers[str(request.param)]


async def test_the_whole_and_parts(make: Callable[[], Body]) -> None:
    """Whatever the bytes come from, the whole and each part of it are the same bytes."""
    assert make().length == len(DATA)
    assert await _read(make()) == DATA
    for start, stop in ((0, 0), (0, 1), (5, 9), (6, None), (PIECE_BYTES - 1, PIECE_BYTES + 1), (len(DATA), None)):
        assert await _read(make(), start, stop) == DATA[start:stop]


async def test_what_can_be_read_again(make: Callable[[], Body]) -> None:
    """A body says whether it can be opened once more: pieces that were read are gone."""
    body = make()
    said = [body.is_repeatable]
    await _read(body)
    said.append(body.is_repeatable)
    assert said == [True, not isinstance(body, OnceBody)]
    if isinstance(body, OnceBody):
        with pytest.raises(RuntimeError, match="can't be read again"):
            body.open()
    else:
        assert await _read(body) == DATA
    await body.close()


async def test_a_reader_that_stops(make: Callable[[], Body]) -> None:
    """A reader may end before the body does."""
    async with aclosing(make().open()) as pieces:
        assert DATA.startswith(await anext(pieces))


async def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    """A file that was cut after the body was made is an error, not a shorter body."""
    path = tmp_path / "data"
    path.write_bytes(b"12345")
    body = FileBody(path)
    path.write_bytes(b"123")
    with pytest.raises(EOFError, match="2 bytes shorter"):
        await _read(body)
    with pytest.raises(FileNotFoundError):
        FileBody(tmp_path / "missing")
