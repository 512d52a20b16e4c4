"""How many streams one caller may have."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, Stream, ask, bearer

EVENTS = "/v1/events"
POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)


async def test_more_streams_than_one_may_have(tmp_path: Path) -> None:
    """An account, and those together who are not signed in at one address, have a number of streams at once; one more
    is refused for a while, and one that ends makes room. Nobody else is concerned."""
    settings = Settings(
        auth=AuthSettings(hash_memory_kib=8, hash_passes=1), streams_per_account=2, streams_per_address=1
    )
    limited = Server(App(collections=[users(), POSTS], settings=settings), SqliteStorage(tmp_path), ManualClock())
    async with limited.running():
        body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}
        headers = bearer((await ask(limited, "POST", "/v1/auth/signup", body)).json["access_token"])
        for given, most in ((headers, 2), ({}, 1)):
            streams = [Stream(limited, EVENTS, ("collection", "posts"), headers=given) for _ in range(most)]
            for stream in streams:
                assert (await stream.next()).event == "ready"
            refused = Stream(limited, EVENTS, ("collection", "posts"), headers=given)
            await asyncio.wait_for(refused.task, 30)
            answer = Answer(refused.status, refused.headers, b"".join(refused.chunks))
            assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (429, "rate_limited", "5")
            streams[0].leave()
            await asyncio.wait_for(streams[0].task, 30)
            again = Stream(limited, EVENTS, ("collection", "posts"), headers=given)
            assert (await again.next()).event == "ready"
            again.leave()
