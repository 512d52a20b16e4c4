"""An app whose client has no declarations: it knows them from its server, over real sockets."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from hinterland.client import Client
from hinterland.client.errors import ValidationFailed
from hinterland.contract.identity import is_temporary
from tests.support.server import ServerProcess

APP = """
from hinterland.contract import Collection, EVERYBODY, Integer, Rules, Text
from hinterland.server import App

mine = "auth.id == record.author"
app = App(name="notes", collections=[
    Collection(
        name="notes",
        fields={
            "title": Text(required=True, max_length=20), "stars": Integer(default=1), "author": Text(fill="auth.id"),
        },
        rules=Rules(list=mine, view=mine, create=mine, update=mine, delete=mine),
    ),
    Collection(name="orders", fields={"amount": Integer()}, ids="integer", rules=EVERYBODY),
    Collection(name="audit", fields={"text": Text()}),
])
"""
LATER = APP.replace('"author": ', '"mood": Text(choices=("good", "bad")), "author": ')


async def test_a_client_without_declarations(tmp_path: Path) -> None:
    """Checks, ids and defaults come from the server, are there after a restart without it, and follow a server that
    was restarted with more fields, while what waits in the outbox arrives."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    server = ServerProcess(app, tmp_path / "data")
    store = tmp_path / "device" / "app.db"
    with server:
        async with Client(server.url, store=store) as client:
            user = await client.auth.sign_up(name="Ada", email="ada@example.org", password="7 lean oysters")
            client.local.collection("notes")
            await client.sync.now()
        described = httpx2.get(f"{server.url}/v1/schema")
        assert "audit" not in described.text
        assert httpx2.get(f"{server.url}/openapi.json").json()["x-hinterland"] == described.json()
    async with Client(server.url, store=store) as client:  # without its server
        notes, orders = client.local.collection("notes"), client.local.collection("orders")
        with pytest.raises(ValidationFailed) as refused:
            await notes.create({"titel": "a", "stars": "many"})
        assert set(refused.value.errors) == {"title", "stars"}
        unsent = await notes.create({"title": "offline"})
        assert unsent.record is not None
        assert (unsent.record["stars"], unsent.record["author"]) == (1, user["id"])
        order = await orders.create({"amount": 2})
        assert is_temporary(order.id)
        client.sync.start()
        app.write_text(LATER)
        with server:
            tag = httpx2.get(f"{server.url}/v1/schema").headers["etag"]
            assert tag != described.headers["etag"]
            assert (await unsent.settled()).is_applied
            assert (await order.settled()).is_applied
            await client.sync.now()  # which also asks for the description
            changed = await notes.update(unsent.id, {"mood": "good"})
            assert changed.record is not None
            assert changed.record["mood"] == "good"
            with pytest.raises(ValidationFailed):
                await notes.update(unsent.id, {"mood": "so-so"})
            await client.sync.now()
            stored = await client.collection("notes").get(str(unsent.id))
            assert (stored["mood"], stored["stars"]) == ("good", 1)
            assert httpx2.get(f"{server.url}/v1/schema", headers={"If-None-Match": tag}).status_code == 304
