"""Subscriptions of GraphQL by the client over real sockets, which are cut, and a server that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.graphql.subscribing import Over
from tests.support.server import ServerProcess

APP = """
from hinterland.contract.fields import Integer
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

app = App(collections=[Collection(name="ticks", fields={"number": Integer(required=True)}, rules=EVERYBODY)])
"""
TICKS = "subscription { ticks { kind record { number } } }"
SUBSCRIPTIONS, WRITES, LONGEST = 5, 50, 60.0  # seconds


class CuttingWay:
    """A way to the server all of whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    def cut(self) -> None:
        """Cut what is open, wherever it is in a message."""
        for writer in self._writers:
            self.cuts += 1
            writer.transport.abort()
        self._writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(self._carry(reader, up_writer), self._carry(up_reader, writer))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(4096):
                target.write(data)
                await target.drain()
        self._writers.discard(target)
        target.close()


@asynccontextmanager
async def cutting_way(server: ServerProcess) -> AsyncIterator[tuple[CuttingWay, str]]:
    """A way to the server, and its address."""
    way = CuttingWay(server.port)
    listening = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    async with listening:
        yield way, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        way.cut()


async def numbers_of(client: Client, over: Over, begun: asyncio.Event) -> list[int]:
    """The numbers that a subscription brings, up to the last one."""
    found: list[int] = []
    async with aclosing(client.graphql.subscribe(TICKS, over=over)) as updates:
        async for update in updates:
            assert update.kind != "resync"
            found += [change["record"]["number"] for change in (update.data or {"ticks": []})["ticks"]]
            if found:
                begun.set()
            if found and found[-1] == WRITES:
                break
    return found


@pytest.mark.parametrize("over", ["websocket", "events"])
async def test_no_cut_and_no_kill_loses_or_doubles(
    server_process: Callable[..., ServerProcess], tmp_path: Path, over: Over
) -> None:
    """Whatever is cut and however often the server is killed, each subscription brings each change once, in order."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    server, chance = server_process(app), Random(5)
    async with cutting_way(server) as (way, url), Client(url) as client, Client(server.url) as writer:
        begun = [asyncio.Event() for _ in range(SUBSCRIPTIONS)]
        reading = [asyncio.create_task(numbers_of(client, over, event)) for event in begun]
        first = 0
        while not all(event.is_set() for event in begun):
            await writer.collection("ticks").create({"number": first})
            first -= 1
            await asyncio.wait([asyncio.create_task(event.wait()) for event in begun], timeout=0.05)
        for number in range(1, WRITES + 1):
            await written(writer, number)
            if chance.random() < 0.15:
                way.cut()
            if number == 25:
                server.kill()
                await asyncio.to_thread(server.start)
        seen = await asyncio.wait_for(asyncio.gather(*reading), LONGEST)
        assert way.cuts > SUBSCRIPTIONS
        for numbers in seen:
            assert [number for number in numbers if number > 0] == [*range(1, WRITES + 1)]


async def written(writer: Client, number: int) -> Any:
    """Write a tick."""
    return await writer.collection("ticks").create({"number": number})
