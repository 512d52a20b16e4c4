"""Batches, upserts and bulk inserts of the client, against the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hinterland.client import BlockingClient
from hinterland.client.errors import Conflict, ValidationFailed
from hinterland.contract.batches import BatchWrite
from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend
from tests.support.server import ServerProcess

POSTS = Collection(
    name="posts", fields={"title": Text(required=True), "slug": Text(unique=True)}, rules=EVERYBODY, ids="integer"
)
COMMENTS = Collection(name="comments", fields={"text": Text()}, parent="posts", rules=EVERYBODY)
PINS = Collection(name="pins", fields={"post": Reference(to="posts")}, rules=EVERYBODY)
APP_FILE = """
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

app = App(collections=[Collection(name="notes", fields={"text": Text(unique=True)}, rules=EVERYBODY)])
"""


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([POSTS, COMMENTS, PINS]) as backend:
        yield backend


async def test_a_batch(backend: TestBackend) -> None:
    """What a creation of a batch returns names its record in later writes: in paths, as an id, as a reference."""
    client = await backend.client()
    batch = client.batch()
    post = batch.create("posts", {"title": "a"})
    comment = batch.create(f"posts/{post}/comments", {"text": "c"}, id="first")
    batch.create("pins", {"post": post})
    batch.update("posts", post, {"slug": "s"})
    same = batch.upsert("posts", {"slug": "s", "title": "b"}, by="slug")
    batch.delete(f"posts/{same}/comments", comment)
    results = await batch.send()
    id = results[0].id
    assert [one.status for one in results] == [201, 201, 201, 200, 200, 204]
    assert isinstance(id, int)
    assert (results[1].id, results[2].record and results[2].record["post"], results[4].id) == ("first", id, id)
    assert (await client.collection("posts").get(id))["title"] == "b"
    [result] = await client.write_many([BatchWrite(act="delete", collection="pins", id=results[2].id)])
    assert (result.status, result.record) == (204, None)


async def test_a_refused_batch(backend: TestBackend) -> None:
    """The error of a refused batch names the write, and nothing is written."""
    client = await backend.client()
    batch = client.batch()
    batch.create("posts", {"title": "a"})
    batch.create("posts", {})
    with pytest.raises(ValidationFailed) as caught:
        await batch.send(returns="minimal")
    assert (caught.value.details, set(caught.value.errors)) == ({"index": 1}, {"writes[1].title"})
    assert (await client.collection("posts").list()).items == []


async def test_upserts(backend: TestBackend) -> None:
    """An upsert creates the record, then changes it."""
    posts = (await backend.client()).collection("posts")
    first = await posts.upsert({"slug": "s", "title": "a"}, by="slug")
    again = await posts.upsert({"slug": "s", "title": "b"}, by="slug", existing="replace")
    assert (first["id"], again["title"]) == (again["id"], "b")


async def test_many_records(backend: TestBackend) -> None:
    """Many records are created at once; a refused row raises its error, or is left out where that is asked for."""
    posts = (await backend.client()).collection("posts")
    made = await posts.create_many({"title": f"t{number}", "slug": f"s{number}"} for number in range(200))
    assert (made.created, len(made.ids)) == (200, 200)
    rows = [{"title": "x", "slug": "s7"}, {"title": "y", "slug": "new"}]
    with pytest.raises(Conflict) as caught:
        await posts.create_many(rows)
    assert caught.value.details["refused"][0]["row"] == 0
    left = await posts.create_many(rows, atomic=False)
    assert (left.created, [one.code for one in left.refused]) == (1, ["conflict"])
    changed = await posts.create_many(rows, upsert="slug")
    assert (changed.created, changed.changed, changed.ids[0]) == (0, 2, made.ids[7])


def test_without_an_event_loop(tmp_path: Path, server_process: Callable[..., ServerProcess]) -> None:
    """A blocking client has the same calls."""
    app = tmp_path / "app.py"
    app.write_text(APP_FILE)
    with BlockingClient(server_process(app).url) as client:
        batch = client.batch()
        note = batch.create("notes", {"text": "a"})
        batch.update("notes", note, {"text": "b"})
        [made, _] = batch.send()
        assert client.write_many([BatchWrite(act="patch", collection="notes", id=made.id, body={})])[0].status == 200
        notes = client.collection("notes")
        assert notes.upsert({"text": "b"}, by="text")["id"] == made.id
        assert notes.create_many([{"text": "c"}, {"text": "d"}]).created == 2
