"""A depot for large files."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from hinterland.contract import Download, FileBody
from hinterland.server import App, Backend, Call
from tests.journeys.depot.rows import GET, PUT, Kept, Name, Parcel

FOLDER = Path(os.environ["DEPOT"])
app = App(name="depot")


@app.operation(PUT)
async def put(backend: Backend, call: Call[Parcel]) -> Kept:
    """Write the file as it arrives."""
    size, digest = 0, hashlib.sha256()
    with (FOLDER / call.input.name).open("wb") as file:
        async for piece in call.input.content.open():
            await asyncio.to_thread(file.write, piece)
            digest.update(piece)
            size += len(piece)
    return Kept(size, digest.hexdigest())


@app.operation(GET)
async def get(backend: Backend, call: Call[Name]) -> Download:
    """Read the file as it is sent."""
    return Download(body=FileBody(FOLDER / call.input.name), name=call.input.name, tag="1")
