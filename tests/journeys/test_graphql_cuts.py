"""Subscriptions of GraphQL by the client over real sockets, which are cut, and a server that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.graphql.subscribing import Over
from tests.support.cutting_way import CuttingWay
from tests.support.server import ServerProcess

APP = """
from hinterland.contract.fields import Integer
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

app = App(collections=[Collection(name="ticks", fields={"number": Integer(required=True)}, rules=EVERYBODY)])
"""
TICKS = "subscription { ticks { kind record { number } } }"
SUBSCRIPTIONS, WRITES, LONGEST = 5, 50, 60.0  # seconds


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
    async with CuttingWay(server.port).open() as way, Client(way.url) as client, Client(server.url) as writer:
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
