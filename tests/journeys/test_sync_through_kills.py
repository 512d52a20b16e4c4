"""A server, or an app, that dies again and again while work is pushed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hinterland.client.client import Client
from hinterland.client.vault.memory import MemoryVault
from tests.support.server import ServerProcess

APP = """
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

notes = Collection(name="notes", fields={"text": Text(), "count": Integer(merge="counter")}, rules=EVERYBODY)
app = App(collections=[notes])
"""
WRITES, KILLS = 120, 3
DEVICE = """
import asyncio, sys
from hinterland.client.client import Client

async def main():
    async with Client(sys.argv[1], store=sys.argv[2]) as client:
        client.sync.start()
        notes = client.local.collection("notes")
        while True:
            written = await notes.create({"text": "x"})
            print(written.id, flush=True)

asyncio.run(main())
"""


async def test_a_server_killed_while_it_syncs(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """kill -9 of the server at any step: every acknowledged write exists exactly once, in order, without anybody's
    help; a device that listens has it all."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    server = server_process(app)
    async with (
        Client(server.url, store=tmp_path / "one.db", vault=MemoryVault()) as one,
        Client(server.url, store=tmp_path / "two.db", vault=MemoryVault()) as two,
    ):
        for number, client in enumerate((one, two)):
            await client.auth.sign_up(name="x", email=f"x{number}@example.org", password="a long walk outside")
            client.local.collection("notes")
            client.sync.start()
        notes = one.local.collection("notes")
        counter = await notes.create({"text": "counter", "count": 0})
        writes = [counter]
        for number in range(WRITES):
            writes.append(await notes.update(counter.id, {"count": {"$increment": 1}}))
            writes.append(await notes.create({"text": str(number)}))
            if number % (WRITES // KILLS) == WRITES // KILLS // 2:
                await writes[-number // 2].settled()
                server.kill()
                await asyncio.to_thread(server.start)
        outcomes = await asyncio.wait_for(asyncio.gather(*(write.settled() for write in writes)), 60)
        revisions = [outcome.revision for outcome in outcomes]
        assert all(outcome.is_applied for outcome in outcomes)
        assert revisions == sorted(set(revisions))

        on_server = {note["id"]: note async for note in one.collection("notes").iterate(limit=500)}
        assert len(on_server) == WRITES + 1
        assert on_server[counter.id]["count"] == WRITES
        async for rows in two.local.collection("notes").watch():
            if {row["id"]: row for row in rows} == on_server:
                break


def run_until_killed(url: str, store: Path, after: int) -> list[str]:
    """The ids that the app has printed, and so acknowledged; it is killed after `after` of them."""
    printed = []
    command = [sys.executable, "-c", DEVICE, url, str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        for line in app.stdout:
            printed.append(line.strip())
            if len(printed) == after:
                app.kill()
    return [id for id in printed if len(id) == 26]  # the last line may be cut


async def test_an_app_killed_while_it_syncs(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """kill -9 of the app at any step: every acknowledged write exists exactly once."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    server = server_process(app)
    store = tmp_path / "app.db"
    async with Client(server.url, store=store) as client:
        await client.auth.sign_up(name="x", email="x@example.org", password="a long walk outside")
    acknowledged: list[str] = []
    for after in (1, 30, 60, 15):
        acknowledged += await asyncio.to_thread(run_until_killed, server.url, store, after)
    async with Client(server.url, store=store) as client:
        client.local.collection("notes")
        await client.sync.now()
        assert await client.outbox.list() == []
        on_server = [note["id"] async for note in client.collection("notes").iterate(limit=500)]
        assert len(on_server) == len(set(on_server))
        assert set(acknowledged) <= set(on_server)
        assert len(on_server) <= len(acknowledged) + 4
