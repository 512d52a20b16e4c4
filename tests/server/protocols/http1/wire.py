"""A server of an ASGI application on a real socket, and what it answers byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn._types import ASGI3Application

from hinterland.contract.errors import Refusal
from hinterland.server.http import REFUSED, HttpAnswer, problem_answer, send_answer
from hinterland.server.protocols.http1.connection import HttpConnection

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer the path, at the earliest two turns of the loop later."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await send_answer(scope, send, HttpAnswer(200, [], b"hello " + scope["raw_path"]))


def behind_refusals(app: Any) -> ASGI3Application:
    """`app`, and what the protocol refuses answered as the boundary does."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        try:
            if REFUSED in scope:
                raise scope[REFUSED]
            await app(scope, receive, send)
        except Refusal as refusal:
            await send_answer(scope, send, problem_answer(refusal))

    vars(answer)["direct"] = getattr(app, "direct", None)
    return answer


@asynccontextmanager
async def connected(
    app: ASGI3Application, kind: type[HttpConnection] = HttpConnection
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of `app`."""
    config = uvicorn.Config(
        behind_refusals(app),
        http=kind,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await task
        listener.close()


async def answered(
    app: ASGI3Application, *parts: bytes, kind: type[HttpConnection] = HttpConnection, fin: bool = False
) -> bytes:
    """What is answered until the connection is closed; with `fin`, nothing more can be asked behind the parts."""
    async with connected(app, kind) as (reader, writer):
        for part in parts:
            writer.write(part)
        if fin:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 30)


async def until(is_so: Callable[[], bool]) -> None:
    """Give the loop's other tasks their turns until it is so; fails where it never is."""
    deadline = asyncio.get_running_loop().time() + 30
    for _ in iter(is_so, True):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0)
