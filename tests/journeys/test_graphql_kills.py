"""An app that is killed while its GraphQL mutations are sent."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from tests.support.cutting_way import CuttingWay
from tests.support.server import ServerProcess

APP = """
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

app = App(collections=[Collection(name="notes", fields={"text": Text(required=True)}, rules=EVERYBODY)])
"""
CREATE = "mutation ($t: String!) { createNote(input: {text: $t}) { id text } }"
DEVICE = f"""
import asyncio, os, signal, sys
from hinterland.client.client import Client

url, store, point, number = sys.argv[1:5]
left = int(number)

async def killing(request, send):
    global left
    if request.operation != "graphql":
        return await send(request)
    left -= 1
    if point == "before" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    response = await send(request)
    if point == "after" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return response

async def main():
    async with Client(url, store=store, layers=[killing]) as client:
        queued = []
        for text in ("1", "2", "4"):
            if text == "4":
                await client.local.collection("notes").create({{"text": "3"}})
            queued.append(await client.graphql.enqueue({CREATE!r}, {{"t": text}}))
            print(queued[-1].mutation, flush=True)
        client.sync.start()
        for each in queued:
            await each.result()

asyncio.run(main())
"""
PASSWORD = "a long walk outside"
LONGEST = 60.0  # seconds


async def started(*arguments: object) -> Process:
    """The app, as a process."""
    return await asyncio.create_subprocess_exec(sys.executable, "-c", DEVICE, *map(str, arguments), stdout=PIPE)


async def outcomes_after(client: Client, mutations: list[str]) -> list[dict[str, Any]]:
    """The results of what a killed app has queued, after a restart."""
    client.sync.start()
    results = [client.graphql.queued(mutation, dict).result() for mutation in mutations]
    return await asyncio.wait_for(asyncio.gather(*results), LONGEST)


async def check(url: str, store: Path, mutations: list[str]) -> None:
    """Each mutation was carried out once, in order, with the record between them, and its outcome is known."""
    async with Client(url, store=store) as client:
        results = await outcomes_after(client, mutations)
        assert [each["createNote"]["text"] for each in results] == ["1", "2", "4"]
        found = [note["text"] async for note in client.collection("notes").iterate(sort=["created_at"])]
        assert found == ["1", "2", "3", "4"]
        assert [entry for entry in await client.outbox.list() if entry.document is not None] == []


@pytest.fixture
async def served(server_process: Callable[..., ServerProcess], tmp_path: Path) -> ServerProcess:
    """A server, and a device's store where Ada is signed in."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    server = server_process(app)
    async with Client(server.url, store=tmp_path / "app.db") as client:
        await client.auth.sign_up(name="Ada", email="ada@example.org", password=PASSWORD)
    return server


@pytest.mark.parametrize(("point", "number"), [("before", 1), ("after", 1), ("before", 3), ("after", 2), ("after", 3)])
async def test_an_app_killed_around_an_answer(served: ServerProcess, tmp_path: Path, point: str, number: int) -> None:
    """kill -9 before a mutation is sent, and after its answer has come and before it is kept."""
    app = await started(served.url, tmp_path / "app.db", point, number)
    printed, _ = await asyncio.wait_for(app.communicate(), LONGEST)
    assert app.returncode == -signal.SIGKILL
    await check(served.url, tmp_path / "app.db", printed.decode().split())


async def test_an_app_killed_before_the_answer(served: ServerProcess, tmp_path: Path) -> None:
    """kill -9 after the server has carried a mutation out, and before its answer has come."""
    killed = asyncio.Event()
    app: Process

    def kill() -> None:
        app.kill()
        killed.set()

    way = CuttingWay(served.port, b"POST /graphql", kill)
    store = tmp_path / "other.db"
    async with way.open():
        async with Client(way.url, store=store) as client:
            await client.auth.log_in(email="ada@example.org", password=PASSWORD)
        app = await started(way.url, store, "never", 0)
        printed, _ = await asyncio.wait_for(app.communicate(), LONGEST)
    assert killed.is_set()
    assert app.returncode == -signal.SIGKILL
    async with CuttingWay(served.port).open(way.port):
        await check(way.url, store, printed.decode().split())
