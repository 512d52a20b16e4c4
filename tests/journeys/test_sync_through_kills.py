"""A server that dies again and again while devices hand in their work."""

from __future__ import annotations

import asyncio
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
        fates = await asyncio.wait_for(asyncio.gather(*(write.settled() for write in writes)), 60)
        revisions = [fate.revision for fate in fates]
        assert all(fate.is_applied for fate in fates)
        assert revisions == sorted(set(revisions))

        on_server = {note["id"]: note async for note in one.collection("notes").iterate(limit=500)}
        assert len(on_server) == WRITES + 1
        assert on_server[counter.id]["count"] == WRITES
        async for rows in two.local.collection("notes").watch():
            if {row["id"]: row for row in rows} == on_server:
                break
