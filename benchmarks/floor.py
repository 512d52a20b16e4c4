"""The floor: what a handler that does nothing costs under the same HTTP server, so that a slow day shows.

`python -m benchmarks.floor PORT` serves it; `measure` runs it beside the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from benchmarks.http1 import request
from benchmarks.load import ClosedLoop
from benchmarks.meter import Meter
from benchmarks.process import ServerProcess, free_port

_BODY = b'{"id":"' + b"x" * 380 + b'"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
_SECONDS = 1.0


async def bare(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answers every request with the same record."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": False})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


async def measure(folder: Path, clients: int) -> float:
    """CPU milliseconds of one request to the bare handler, now."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.floor", str(port)]
    process = ServerProcess(command, port, "/", folder / "floor.log")
    process.start()
    try:
        async with ClosedLoop(port, clients, lambda number: request("GET", f"/v1/records/articles/{number}")) as loop:
            await loop.run(_SECONDS / 5, 0)
            meter = Meter(process)
            load = await loop.run(_SECONDS, 0)
            return meter.stop(load.elapsed).server / len(load.answers) * 1e3
    finally:
        process.stop()


if __name__ == "__main__":
    uvicorn.run(bare, port=int(sys.argv[1]), lifespan="off", access_log=False, log_level="warning")
