"""References: they name records that are there and that the writer can see; and what deletions do to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import List, Reference, Text
from hinterland.contract.imports import Import
from hinterland.contract.linking import linked
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data import documents
from hinterland.server.data.importer import Importer
from hinterland.server.data.requests import WriteRequest
from hinterland.server.hooks import BeforeWrite
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make, put, read
from tests.server.data.world import ADA, ADMIN, BEN, World, delete, opened, patch
from tests.server.refused import refused

OWN = "auth.id == record.owner"
TEAMS = Collection(name="teams", fields={"owner": Text()}, rules=Rules(list=OWN, view=OWN, create="true", delete=OWN))
POSTS = Collection(
    name="posts",
    fields={
        "title": Text(),
        "team": Reference(to="teams"),
        "by": Reference(to="users", fill="auth.id", on_delete="cascade"),
        "about": Reference(to="posts", on_delete="cascade"),
    },
    rules=EVERYBODY,
    ids="integer",
)
COMMENTS = Collection(
    name="comments",
    fields={
        "text": Text(),
        "quoted": Reference(to="posts", on_delete="set_null"),
        "secret": Reference(to="teams", read="auth.id == 'ada'"),
        "see": List(of=Reference(to="posts", on_delete="set_null")),
        "teams": List(of=Reference(to="teams"), merge="set"),
    },
    rules=EVERYBODY,
    parent="posts",
)
LOCKED = Collection(name="locked", fields={"post": Reference(to="posts"), "of": Reference(to="users")})
COLLECTIONS = linked((users(), TEAMS, POSTS, COMMENTS, LOCKED))
NOBODY = "refers to no record that exists and that you can see; send the id of one"


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database, with two users and a team of each."""
    async with opened(storage, clock, COLLECTIONS) as made:
        for id in ("ada", "ben"):
            await made.write(make("users", id, name=id, email=f"{id}@example.org"), make("teams", f"of_{id}", owner=id))
        yield made


async def problem(world: World, *writes: Any, caller: Any = ADA) -> dict[str, list[str]]:
    """What is wrong with the writes."""
    with pytest.raises(Refusal) as caught:
        await world.write(*writes, caller=caller)
    assert caught.value.code == "validation"
    return dict(caught.value.errors)


# ---------------------------------------------------------------- what a write may refer to


async def test_a_reference_names_what_its_writer_can_see(world: World) -> None:
    """A reference to no record and to one that the caller can't view are refused alike, by field; administrators refer
    to every record. What fills itself in needs no proof."""
    hidden = await problem(world, make("posts", team="of_ben"))
    assert hidden == await problem(world, make("posts", team="of_nobody")) == {"team": [NOBODY]}
    assert await problem(world, make("posts", team="of_nobody"), caller=ADMIN) == {"team": [NOBODY]}
    await world.write(make("posts", team="of_ben"), caller=ADMIN)
    made = (await world.write(make("posts", team="of_ada"), caller=ADA)).records[0]
    stored = await read(world, "posts", made.id)
    assert (stored["team"], stored["by"]) == ("of_ada", "ada")
    assert await problem(world, make("posts", by="ben")) == {"by": [NOBODY]}


async def test_only_a_new_reference_is_asked(world: World) -> None:
    """A reference that stays as it is asks nothing, also of another writer; a changed one does, and null never."""
    await world.write(make("posts", team="of_ada", title="one"), caller=ADA)
    await world.write(patch("posts", 1, title="two", team="of_ada"), put("posts", 1, title="three", team="of_ada"),
                      caller=BEN)  # fmt: skip
    assert await problem(world, patch("posts", 1, team="of_nobody"), caller=BEN) == {"team": [NOBODY]}
    await world.write(patch("posts", 1, team=None), caller=BEN)
    assert await problem(world, patch("posts", 1, team="of_ada"), caller=BEN) == {"team": [NOBODY]}


async def test_the_rule_comes_before_the_reference(world: World) -> None:
    """Who may not write learns nothing of what is there."""
    for id in (1, 2):
        with refused("forbidden"):
            await world.write(make("locked", post=id), caller=ADA)
        await world.write(make("posts"))


async def test_references_within_a_request_and_a_group(world: World) -> None:
    """A reference names what the same request, or an earlier one of its group, makes; not what it deletes."""
    await world.write(make("teams", "new", owner="ada"), make("posts", team="new"), caller=ADA)
    writes = (delete("posts", 1), delete("teams", "new"), make("posts", team="new"))
    assert await problem(world, *writes) == {"team": [NOBODY]}
    requests = [
        WriteRequest([make("teams", "t", owner="ada")], ADA),
        WriteRequest([make("posts", team="t")], ADA),
        WriteRequest([delete("teams", "t")], ADA),
        WriteRequest([patch("posts", 3, team=None), delete("teams", "t")], ADA),
        WriteRequest([make("posts", team="t")], ADA),
    ]
    made, created, held, gone, late = world.writer.submit_all(requests)
    await made
    assert (await created).records[0].id == 3  # 2 was taken by what was refused above
    with refused("conflict", "records of posts refer to teams/t or to what goes with it; delete or change them first"):
        await held
    await gone
    with refused("validation"):
        await late


async def test_stand_ins_in_references(world: World) -> None:
    """A device's stand-in in a reference becomes the id that the server gave; one that names nothing is refused."""
    post, comment = "~post", "~other"
    first = Mutation(seq=1, id="m1", writes=[make("posts", post), make("posts", comment, about=post)])
    second = Mutation(seq=2, id="m2", writes=[make("comments", "c", f"posts/{post}", quoted=post)])
    third = Mutation(seq=3, id="m3", writes=[make("posts", about="~nothing")])
    results = (await world.push(ADA, first, second, third)).results
    assert [settled.status for settled in results] == ["applied", "applied", "refused"]
    assert results[2].problem is not None
    assert results[2].problem.errors == {"about": [NOBODY]}
    assert (await read(world, "posts", 2))["about"] == 1
    assert (await read(world, "comments", "c", "posts/1"))["quoted"] == 1


# ---------------------------------------------------------------- deletions


async def log_of(world: World, after: int) -> list[tuple[str, str, Any]]:
    """The changes beyond a revision."""
    return [(entry.kind, entry.collection, entry.id) for entry in await world.storage.log(after, 100)]


async def test_restrict(world: World) -> None:
    """A record to which others refer stays. The refusal names their collection to those who can see one of them and its
    field."""
    await world.write(make("posts"), make("locked", "l", post=1), make("teams", "t", owner="ada"))
    with refused("conflict", "other records refer to posts/1 or to what goes with it; delete or change them first"):
        await world.write(delete("posts", 1), caller=ADA)
    with refused("conflict", "records of locked refer to posts/1"):
        await world.write(delete("posts", 1))
    await world.write(delete("locked", "l"))
    await world.write(make("comments", "c", "posts/1", secret="t"))
    with refused("conflict", "records of comments refer to teams/t"):
        await world.write(delete("teams", "t"), caller=ADA)
    await world.write(patch("teams", "t", owner="ben"))
    with refused("conflict", "other records refer to teams/t"):
        await world.write(delete("teams", "t"), caller=BEN)
    await world.write(delete("posts", 1), delete("teams", "t"))
    assert await world.storage.fetch('SELECT id FROM "posts"') == []


async def test_cascade_and_set_null(world: World) -> None:
    """A deletion takes along, at any depth, what refers to it by cascade and what is below that, and empties what
    refers to it by set_null: each is a change in the log, and what depended on others goes first. Cycles end."""
    await world.write(
        make("posts", by="ada"), make("posts", about=1), make("posts", about=2), make("posts", title="stays")
    )
    await world.write(patch("posts", 1, about=3))
    await world.write(
        make("comments", "own", "posts/3", quoted=4), make("comments", "kept", "posts/4", quoted=3, text="x"),
        make("comments", "other", "posts/4", quoted=4),
    )  # fmt: skip
    before = (await world.storage.head()).revision
    await world.write(delete("users", "ada"))
    assert await log_of(world, before) == [
        ("update", "comments", "kept"), ("delete", "comments", "own"), ("delete", "posts", 3), ("delete", "posts", 2),
        ("delete", "posts", 1), ("delete", "users", "ada"),
    ]  # fmt: skip
    kept = await read(world, "comments", "kept", "posts/4")
    assert (kept["quoted"], kept["text"], kept["revision"]) == (None, "x", before + 1)
    assert (await read(world, "comments", "other", "posts/4"))["quoted"] == 4
    [entry] = [each for each in await world.storage.log(before, 100) if each.id == "kept"]
    assert entry.before is not None
    assert documents.document_of(entry.before)["quoted"] == 3


async def test_what_goes_too_restricts_nothing(world: World) -> None:
    """A restricting reference counts only while its record stays; where one is left, nothing goes at all."""
    await world.write(make("posts", by="ada"), make("locked", "l", post=1, of="ben"))
    head = await world.storage.head()
    with refused("conflict", "records of locked refer to users/ada or to what goes with it"):
        await world.write(delete("users", "ada"))
    assert await world.storage.head() == head
    await world.write(make("posts", by="ada", team="of_ada"))
    await world.write(delete("locked", "l"), delete("users", "ada"))
    await world.write(delete("teams", "of_ada"))


async def test_what_a_group_and_a_request_did_to_references(world: World) -> None:
    """A deletion meets references as earlier writes of its group and of its own request left them."""
    await world.write(*(make("posts") for _ in range(4)))
    await world.write(*(make("comments", id, "posts/4", quoted=1) for id in "abc"))
    requests = [
        WriteRequest([patch("comments", "a", "posts/4", quoted=2), make("comments", "d", "posts/4", quoted=1)], ADA),
        WriteRequest([patch("comments", "b", "posts/4", quoted=None), make("posts", about=1), delete("posts", 1)], ADA),
        WriteRequest([delete("posts", 2)], ADA),
    ]
    for answer in world.writer.submit_all(requests):
        await answer
    quoted = {id: (await read(world, "comments", id, "posts/4"))["quoted"] for id in "abcd"}
    assert quoted == dict.fromkeys("abcd")
    assert await read(world, "posts", 5) is None


async def test_too_much_refers_to_a_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes or changes with a record is bounded; the refusal says what to do."""
    await world.write(make("posts"), *(make("posts", about=1, title="x" * 900) for _ in range(600)))
    with monkeypatch.context() as patched, refused("too_large", "the records that refer to posts/1 take more than"):
        patched.setattr("hinterland.server.data.weights.MAX_BYTES", 2**20)
        await world.write(delete("posts", 1))
    await world.write(delete("posts", 1))
    assert await world.storage.fetch('SELECT id FROM "posts"') == []


# ---------------------------------------------------------------- lists of references


async def test_lists_of_references(world: World) -> None:
    """Each item of a list that is new must name a record that its writer can see; a transform adds and removes them."""
    await world.write(make("posts"), make("comments", "c", "posts/1", teams=["of_ada"], see=[1, 1]), caller=ADA)
    await world.write(patch("comments", "c", "posts/1", teams={"$add": ["of_ben"]}), caller=BEN)
    hidden = await problem(world, patch("comments", "c", "posts/1", teams=["of_ada", "of_nobody"]))
    absent = await problem(world, make("comments", "", "posts/1", teams=["of_ben"]))
    assert (hidden, absent) == ({"teams": [f"item 1: {NOBODY}"]}, {"teams": [f"item 0: {NOBODY}"]})
    with refused("validation", "item 0: must be the id of a record"):
        await world.write(patch("comments", "c", "posts/1", see=["1"]))
    await world.write(patch("comments", "c", "posts/1", teams={"$remove": ["of_ada"]}), caller=ADA)
    with refused("conflict", "records of comments refer to teams/of_ben"):
        await world.write(delete("teams", "of_ben"))
    await world.write(delete("teams", "of_ada"))


async def test_deleted_items_leave_their_lists(world: World) -> None:
    """A deleted record is taken out of the lists that it is in, of however many fields and items, in one change of each
    record; lists of others stay, and so does an empty one."""
    await world.write(*(make("posts") for _ in range(4)))
    await world.write(
        make("comments", "a", "posts/4", see=[1, 2, 1], quoted=1), make("comments", "b", "posts/4", see=[2]),
        make("comments", "c", "posts/4", see=[1]), make("comments", "d", "posts/4"),
    )  # fmt: skip
    before = (await world.storage.head()).revision
    requests = [
        WriteRequest([patch("comments", "d", "posts/4", see=[3, 1])], ADA),
        WriteRequest([patch("comments", "c", "posts/4", see=[]), delete("posts", 1)], ADA),
    ]
    for answer in world.writer.submit_all(requests):
        await answer
    assert sorted(await log_of(world, before + 2)) == [
        ("delete", "posts", 1), ("update", "comments", "a"), ("update", "comments", "d")
    ]  # fmt: skip
    lists = {id: (await read(world, "comments", id, "posts/4"))["see"] for id in "abcd"}
    assert lists == {"a": [2], "b": [2], "c": [], "d": [3]}


async def test_stand_ins_in_lists_of_references(world: World) -> None:
    """A device's stand-ins in a list become the ids that the server gave."""
    writes = [make("posts", "~one"), make("posts", "~two"), make("comments", "c", "posts/~one", see=["~two", "~one"])]
    [settled] = (await world.push(ADA, Mutation(seq=1, id="m", writes=writes))).results
    assert settled.status == "applied"
    assert (await read(world, "comments", "c", "posts/1"))["see"] == [2, 1]


# ---------------------------------------------------------------- hooks and accounts


async def test_references_that_hooks_set(world: World) -> None:
    """A before-hook refers to every record that exists; what its caller sent in the same body is asked."""

    async def hook(write: BeforeWrite) -> dict[str, Any]:
        return {**write.body, "team": write.body.get("title") or write.body["team"]}

    world.hooks.add_before("posts", ("create",), hook)
    made = await world.commands.submit(WriteRequest([make("posts", title="of_ben")], ADA))
    assert (await read(world, "posts", made.records[0].id))["team"] == "of_ben"
    for body in ({"title": "of_nobody"}, {"team": "of_ben"}):
        with refused("validation"):
            await world.commands.submit(WriteRequest([make("posts", **body)], ADA))


async def test_an_imported_reference(world: World) -> None:
    """An import refers to every record that exists; a row that refers to none is reported."""
    importer = Importer(world.commands, world.catalogue)
    rows = [{"id": "41", "team": "of_ben", "about": ""}, {"team": "of_nobody"}, {"about": "41", "team": "of_ada"}]
    result = await importer.run("posts", Import(rows=rows, is_text=True))
    assert [(report.row, report.errors) for report in result.refused] == [(1, {"team": [NOBODY]})]
