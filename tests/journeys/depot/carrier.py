"""Uploads a large file that it makes as it sends it, reads its end back, and prints what memory that took."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from hinterland.client import Client
from hinterland.contract import Body, OnceBody
from tests.journeys.depot.rows import GET, PUT, Kept, Name, Parcel

PIECE = bytes(range(256)) * 1024
PIECES = int(sys.argv[2])


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


async def read(body: Body) -> tuple[int, str]:
    """The size and the digest of a body."""
    size, digest = 0, hashlib.sha256()
    async for piece in body.open():
        size += len(piece)
        digest.update(piece)
    return size, digest.hexdigest()


async def main() -> None:
    """Upload, download, and download the end alone."""
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for _ in range(PIECES):
            digest.update(PIECE)
            yield PIECE

    async with Client(sys.argv[1], operations=[PUT, GET]) as client:
        await client.call("health")
        before = peak()
        kept: Kept = await client.call("depot.put", Parcel("large", OnceBody(pieces(), PIECES * len(PIECE))))
        whole = await client.call("depot.get", Name("large"))
        back = await read(whole.body)
        part = await client.call("depot.get", Name("large"), headers={"range": "bytes=-1000"})
        end = b"".join([piece async for piece in part.body.open()])
    facts = {
        "sent": [PIECES * len(PIECE), digest.hexdigest()],
        "kept": [kept.size, kept.digest],
        "back": back,
        "end": [part.start, part.size, end == PIECE[-1000:]],
        "grown": peak() - before,
    }
    sys.stdout.write(json.dumps(facts))


asyncio.run(main())
