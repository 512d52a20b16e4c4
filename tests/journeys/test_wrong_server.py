"""A client that meets another server than the one it signed in to, as happens on a developer's port."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.client import Client
from hinterland.client.errors import WrongServer
from hinterland.client.session import SignedIn, SignedOut
from tests.support.server import ServerProcess

APP = """
from hinterland.contract import Collection, Rules, Text
from hinterland.server import App

mine = "auth.id == record.author"
app = App(collections=[Collection(
    name="notes", fields={"title": Text(), "author": Text(fill="auth.id")},
    rules=Rules(list=mine, view=mine, create=mine, update=mine, delete=mine),
)])
"""


async def test_another_server_at_the_address(tmp_path: Path) -> None:
    """The session is kept and the error says that the server is another one; synchronisation waits and nothing is
    lost; back at its own server the client goes on, and at the other one it may log out and sign up."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    own = ServerProcess(app, tmp_path / "own")
    other = ServerProcess(app, tmp_path / "other", port=own.port)
    form = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
    async with Client(own.url, store=tmp_path / "app.db") as client:
        with own:
            await client.auth.sign_up(**form)
            await client.sync.now()
        with other:
            note = await client.local.collection("notes").create({"title": "kept"})
            for call in (client.auth.me, client.auth.refresh, client.sync.now):
                with pytest.raises(WrongServer) as wrong:
                    await call()
                assert "another server than the one that you signed in to" in str(wrong.value)
                assert isinstance(client.auth.state, SignedIn)
            assert (await client.outbox.counts()).waiting == 1
        with own:
            await client.sync.now()
            assert (await note.settled()).is_applied
        with other:
            await client.auth.log_out()
            assert isinstance(client.auth.state, SignedOut)
            await client.auth.sign_up(**form)
            assert await client.local.collection("notes").list() is not None
