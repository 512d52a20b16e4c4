"""Ids and paths that are none are refused before anything is sent or kept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hinterland.client import BlockingClient
from hinterland.client.client import Client
from hinterland.client.errors import NotFound, ValidationFailed
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.changes import Write
from tests.client.conftest import URL, log_in

NO_IDS = ["", ".", "..", "a/b", "F/files/X", "__x", "ü" * 65, "x" * 129, "a\n", "a\0"]
ACTS: dict[str, Callable[[Any, Any], Coroutine[Any, Any, Any]]] = {
    "get": lambda repository, id: repository.get(id),
    "update": lambda repository, id: repository.update(id, {"a": 1}),
    "replace": lambda repository, id: repository.replace(id, {"a": 1}),
    "delete": lambda repository, id: repository.delete(id),
}
PARENTS = ["posts", "posts/", "/posts/1", "posts/1/", "posts/a\n", "posts/../x/1", "posts/1/comments", "posts/__x"]


@pytest.mark.parametrize("record_id", NO_IDS)
@pytest.mark.parametrize("act", ACTS)
async def test_what_is_no_id(client: Client, act: str, record_id: str) -> None:
    """An id with `/`, or anything that is no record id, is of no record for every method; nothing is sent."""
    with pytest.raises(NotFound) as caught:
        await ACTS[act](client.collection("folders"), record_id)
    assert caught.value.sent == "no"


@pytest.mark.parametrize("record_id", NO_IDS[1:])
async def test_what_is_no_id_on_the_device(
    make: Callable[..., Client], script: Scripted, tmp_path: Path, record_id: str
) -> None:
    """The local store refuses the same ids, those of new records too; nothing is kept."""
    async with make(store=tmp_path / "app.db") as client:
        await log_in(client, script)
        folders = client.local.collection("folders")
        for act in ACTS.values():
            with pytest.raises(NotFound):
                await act(folders, record_id)
        with pytest.raises(NotFound):
            await client.local.write(Write(act="delete", collection="folders", id=record_id))
        with pytest.raises(ValidationFailed):
            await client.local.write(Write(act="create", collection="folders", id=record_id))
        assert await client.outbox.list() == []


@pytest.mark.parametrize("parent", PARENTS)
async def test_what_is_no_parent(make: Callable[..., Client], script: Scripted, tmp_path: Path, parent: str) -> None:
    """So are paths of parents that are no record's, and collections that are neither a name nor a path of one."""
    async with make(store=tmp_path / "app.db") as client:
        await log_in(client, script)
        with pytest.raises(ValidationFailed):
            client.collection("comments", parent=parent)
        with pytest.raises(ValidationFailed):
            client.local.collection("comments", parent=parent)
        with pytest.raises(ValidationFailed):
            await client.local.write(Write(act="create", collection="comments", parent=parent))
        for name in ("", "posts/1", "posts/1/", "posts//comments", "../comments", "posts/__x/comments"):
            with pytest.raises(ValidationFailed):
                client.collection(name)
        with pytest.raises(ValidationFailed, match="parent="):
            client.local.collection("posts/1/comments")


def test_without_await(script: Scripted) -> None:
    """The blocking client refuses the same."""
    with BlockingClient(URL, transport=script) as client:
        folders = client.collection("folders")
        for act in (folders.get, folders.delete):
            with pytest.raises(NotFound):
                act("F/files/X")
        with pytest.raises(ValidationFailed):
            client.collection("files", parent="folders")
