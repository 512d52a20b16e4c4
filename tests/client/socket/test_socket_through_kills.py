"""The socket over real sockets, while the server is killed and started again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from hinterland.client import BlockingClient
from hinterland.client.client import Client
from tests.client.local.conftest import next_of
from tests.support.server import ServerProcess

APP = """
from hinterland.contract.channels import Channel
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

app = App(
    collections=[Collection(name="notes", fields={"text": Text(required=True)}, rules=EVERYBODY)],
    channels=[Channel("room/{id}", join="true", send="true", history=5)],
)
"""
WRITES, KILLS = 60, 2


def served(folder: Path) -> ServerProcess:
    """A server of notes."""
    app = folder / "app.py"
    app.write_text(APP)
    return ServerProcess(app, folder / "data")


async def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """A server that is killed while one writes and another follows, both over sockets: each write is applied once, and
    each change arrives once, in order, from the snapshot on."""
    with served(tmp_path) as server:
        async with Client(server.url) as writer, Client(server.url) as reader:
            seen: list[str] = []
            reading = asyncio.create_task(read(reader, seen))
            for number in range(WRITES):
                if number % (WRITES // KILLS) == WRITES // KILLS // 2:
                    server.kill()
                    restarting = asyncio.create_task(asyncio.to_thread(server.start))
                    await writer.socket.collection("notes").create({"text": str(number)})
                    await restarting
                else:
                    await writer.socket.collection("notes").create({"text": str(number)})
            await asyncio.wait_for(reading, 20)
            stored = [note async for note in writer.collection("notes").iterate(sort=["created_at"])]
    expected = [str(number) for number in range(WRITES)]
    assert [note["text"] for note in stored] == expected
    assert seen == expected


async def read(client: Client, seen: list[str]) -> None:
    """Follow until the last write is seen."""
    async with aclosing(client.socket.subscribe("notes", sort=["created_at"])) as events:
        while str(WRITES - 1) not in seen:
            event = await next_of(events)
            if event.kind == "snapshot":
                seen[:] = [item["text"] for item in event.items]
            seen += [change.record["text"] for change in event.changes if change.record]


def test_without_an_event_loop(tmp_path: Path) -> None:
    """The blocking client has the same socket: calls, records, subscriptions, connect and disconnect."""
    with served(tmp_path) as server, BlockingClient(server.url) as client:
        client.socket.connect()
        note = client.socket.collection("notes").create({"text": "one"})
        assert (
            client.socket.call("records.view", {"collection": "notes", "id": note["id"]}, output=dict)["text"] == "one"
        )
        events = client.socket.subscribe("notes")
        assert [item["text"] for item in next(events).items] == ["one"]
        assert next(events).kind == "ready"
        with client.socket.join("room/1", state="here") as room:
            room.change_state("there")
            assert room.send("typing", keep=False) == 0
            assert room.send("said", "Hi") == 1
            assert next(iter(room)).kind == "joined"
            assert [(entry.member, entry.state) for entry in room.members] == [(room.member, "there")]
        room.leave()  # which it has been already
        assert client.socket.join("room/1").members[0].state is None
        known = [client.socket.is_connected]
        client.socket.disconnect()
        assert [*known, client.socket.is_connected] == [True, False]
        assert client.graphql("{ notes { text } }")["notes"][0]["text"] == "one"
        client.graphql.evict("Note:")
        assert next(client.graphql.watch("{ notes { text } }")).data["notes"][0]["text"] == "one"
        changes = client.graphql.subscribe("subscription { notes { id } }", cursor=events_cursor(client))
        client.collection("notes").update(note["id"], {"text": "two"})
        update = next(changes).data
        assert update is not None
        assert update["notes"][0]["id"] == note["id"]


def events_cursor(client: BlockingClient) -> str:
    """The cursor of now."""
    return next(iter(client.events("notes"))).cursor
