"""The way of every write: hooks that run again, and those that don't run at all."""

from __future__ import annotations

import ast
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Mutation
from hinterland.server.data.requests import WriteRequest
from hinterland.server.hooks import BeforeWrite, Refuse
from tests.house.tree import PACKAGE, modules, parsed
from tests.server.data.acts import make
from tests.server.data.world import ADA, ADMIN, World, delete, note, patch
from tests.server.refused import refused


async def test_a_record_that_never_stands_still(world: World) -> None:
    """Where others change a record each time that its hooks run, the write is refused for a while, after some tries."""
    calls = 0

    async def hook(write: BeforeWrite) -> None:
        nonlocal calls
        calls += 1
        await world.write(patch("notes", "a", title=f"{calls}"))

    await world.write(note("a", "ada"))
    world.hooks.add_before("notes", ("update",), hook)
    with refused("unavailable"):
        await world.commands.submit(WriteRequest([patch("notes", "a", title="mine")], ADA))
    assert calls == 5
    assert (await world.visible(ADA, "notes"))["notes", "", "a"]["title"] == "5"


async def test_what_no_hook_sees(world: World) -> None:
    """Hooks see the writes of their collection, and not what the writer refuses before: a record of another kind of id,
    and what follows a write of the same record that is not valid."""
    seen: list[tuple[str, RecordId | None]] = []

    async def hook(write: BeforeWrite) -> None:
        seen.append((write.kind, write.id))
        if write.kind == "delete":
            raise Refuse("not this one", code="forbidden")

    for collection in ("notes", "posts"):
        world.hooks.add_before(collection, (), hook)
    invalid = note("b", "ada", title=[5])
    for writes, code in (
        ([patch("posts", "x", title="t")], "not_found"),
        ([make("closed", "c"), delete("posts", 9)], "not_found"),
        ([invalid, delete("notes", "b")], "validation"),
        ([note("d", "ada"), delete("notes", "d"), make("closed", "d")], "forbidden"),
    ):
        with refused(code):
            await world.commands.submit(WriteRequest(writes, ADMIN))
    assert seen == [("create", "b"), ("create", "d"), ("delete", "d")]


async def test_one_refused_among_many(world: World) -> None:
    """Requests that are submitted together each have their own result, in order, with and without hooks."""

    async def hook(write: BeforeWrite) -> None:
        if write.body["title"] == "no":
            raise Refuse("no")

    world.hooks.add_before("notes", ("create",), hook)
    mutations = [
        Mutation(seq=seq, id=f"m{seq}", writes=[Write(act="create", collection=name, body=body)])
        for seq, (name, body) in enumerate(
            [("notes", {"title": "yes"}), ("posts", {}), ("notes", {"title": "no"}), ("notes", {"title": "yes"})], 1
        )
    ]
    pushed = await world.push(ADA, *mutations)
    assert [result.status for result in pushed.results] == ["applied", "applied", "refused", "applied"]


async def test_hooks_in_the_order_of_a_push(world: World) -> None:
    """A hook runs once, when what the device did before is written, and what it did after comes after: no mutation
    overtakes another."""
    seen: list[Any] = []

    async def hook(write: BeforeWrite) -> None:
        seen.append(write.old and write.old["title"])

    await world.write(note("a", "ada", title="old"))
    world.hooks.add_before("notes", ("update",), hook)
    writes = [
        delete("notes", "a"),
        note("a", "ada", title="made"),
        patch("notes", "a", title="changed"),
        make("posts", ""),
        note("b", "ada"),
    ]
    pushed = await world.push(ADA, *[Mutation(seq=n, id=f"m{n}", writes=[write]) for n, write in enumerate(writes, 1)])
    assert [result.status for result in pushed.results] == ["applied"] * 5
    assert seen == ["made"]


async def test_an_edit_behind_a_create_that_was_there(world: World) -> None:
    """A copy of a device that creates what is there already and edits that is answered once: what hooks see of a record
    that the request itself writes is not compared with the database."""

    async def hook(write: BeforeWrite) -> None:
        assert write.old is None or write.old["title"] == "made"

    await world.push(ADA, Mutation(seq=1, id="m1", writes=[note("a", "ada", title="made")]), device="d1")
    await world.storage.prune(world.clock.now() + 1)
    world.hooks.add_before("notes", (), hook)
    writes = [note("a", "ada", title="made"), patch("notes", "a", title="changed")]
    pushed = await world.push(ADA, Mutation(seq=1, id="anew", writes=writes), device="d2")
    assert [(result.status, result.revision) for result in pushed.results] == [("applied", 2)]


async def test_a_hook_that_changes_what_it_is_shown(world: World) -> None:
    """What a hook does to the body that it is shown changes nothing: it returns what it wants."""

    async def hook(write: BeforeWrite) -> None:
        write.body["title"] = "other"
        write.body["tags"].append("more")

    world.hooks.add_before("notes", ("create",), hook)
    await world.commands.submit(WriteRequest([note("a", "ada", title="sent", tags=["sent"])], ADA))
    made = (await world.visible(ADA, "notes"))["notes", "", "a"]
    assert (made["title"], made["tags"]) == ("sent", ["sent"])


async def test_a_hidden_record_and_its_hooks(world: World) -> None:
    """Who changes a record that they can't see hears that there is none, and no hook sees it for them."""
    seen: list[BeforeWrite] = []

    async def hook(write: BeforeWrite) -> None:
        seen.append(write)

    await world.write(note("a", "ben"))
    world.hooks.add_before("notes", ("update", "delete"), hook)
    for write in (patch("notes", "a", title="mine"), delete("notes", "a")):
        with refused("not_found"):
            await world.commands.submit(WriteRequest([write], ADA))
    assert seen == []


def test_nothing_bypasses_the_hooks() -> None:
    """The writer is known to those who put the server together, and to what is in front of it."""
    knowing = {
        str(file.relative_to(PACKAGE))
        for file in modules(PACKAGE)
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.ImportFrom) and node.module == "hinterland.server.data.writer"
    }
    assert knowing == {
        "server/app.py", "server/data/commands.py", "server/data/live_schema.py",
    }  # fmt: skip
