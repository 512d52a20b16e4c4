"""Records that come with others, in one statement: each level by its own rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Field, Integer, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.cel.conditions import cel, eq, ge
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select import FoundRecord, Include, Select, Window, found
from hinterland.server.storage.protocol import PAGE_BYTES, Storage
from tests.server.data.select.plans import plan_of
from tests.server.data.world import ADA, ADMIN, BEN, World, opened
from tests.server.refused import refused

SHOWN = "!record.hidden || auth.id == record.author"
FIELDS: dict[str, Field] = {
    "author": Text(),
    "text": Text(max_length=PAGE_BYTES),
    "hidden": Boolean(default=False),
    "rank": Integer(index=True),
    "note": Text(read="auth.id == record.author"),
}
POSTS = Collection(name="posts", fields=dict(FIELDS), rules=Rules(list=SHOWN, view=SHOWN), ids="integer")
COMMENTS = Collection(name="comments", fields=dict(FIELDS), rules=Rules(list=SHOWN), parent="posts")
LIKES = Collection(name="likes", fields=dict(FIELDS), rules=Rules(list="auth != null"), parent="comments")
SECRETS = Collection(name="secrets", fields=dict(FIELDS), parent="posts")
PEOPLE = Collection(name="people", fields={"name": Text(), "hidden": Boolean()}, rules=Rules(view="!record.hidden"))
COLLECTIONS = (users(), POSTS, COMMENTS, LIKES, SECRETS, PEOPLE, Collection(name="open", fields={}, rules=EVERYBODY))


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Three levels of records on each database: some are hidden from all but their author."""
    async with opened(storage, clock, COLLECTIONS) as made:
        for id in ("ada", "ben", "eve"):
            await add(made, "people", id, name=id, hidden=id == "eve")
        for post in range(1, 4):
            await add(made, "posts", author="ada", text=f"p{post}", hidden=post == 3, note="of ada")
            await add(made, "secrets", "s", f"posts/{post}", text="secret")
            for number in range(4):
                author, parent = ("ben" if number % 2 else "eve"), f"posts/{post}"
                await add(made, "comments", f"c{number}", parent, author=author, hidden=number == 1, rank=-number)
                for like in range(number):
                    await add(made, "likes", f"l{like}", f"{parent}/comments/c{number}", author="ada", rank=like)
        yield made


async def add(world: World, collection: str, id: str = "", parent: str = "", **body: Any) -> None:
    """Make a record."""
    await world.write(Write(act="create", collection=collection, id=id, parent=parent, body=body))


async def ask(world: World, select: Select, caller: Principal) -> list[FoundRecord]:
    """What a question finds in one statement."""
    statement = world.catalogue.compile(select, caller)
    assert statement is not None
    rows, is_cut = await world.storage.search(*statement[:3], asker="", is_costly=statement.is_costly)
    assert not is_cut
    return [found(select, row) for row in rows]


def ids(records: list[FoundRecord]) -> list[Any]:
    """The ids, nested as the records are; of those without includes alone."""
    return [
        (each.record.id, *[ids(inner) for inner in each.included]) if each.included else each.record.id
        for each in records
    ]


TREE = Select("posts", includes=(Include(Select("comments", includes=(Include(Select("likes")),))),))


async def test_two_levels_by_parent(world: World) -> None:
    """Records come with those below them, and these with those below them: at each level those that its rule shows."""
    likes = {"c0": [], "c1": ["l0"], "c2": ["l0", "l1"], "c3": ["l0", "l1", "l2"]}
    of_ben = [("c0", []), ("c1", ["l0"]), ("c2", ["l0", "l1"]), ("c3", ["l0", "l1", "l2"])]
    assert ids(await ask(world, TREE, BEN)) == [(1, of_ben), (2, of_ben)]
    assert ids(await ask(world, TREE, ADMIN)) == [(post, [*likes.items()]) for post in (1, 2, 3)]
    of_ada = [(id, likes[id]) for id in ("c0", "c2", "c3")]
    assert ids(await ask(world, TREE, ADA)) == [(1, of_ada), (2, of_ada), (3, of_ada)]
    nobody: list[Any] = [("c0", []), ("c2", []), ("c3", [])]
    assert ids(await ask(world, TREE, SIGNED_OUT)) == [(1, nobody), (2, nobody)]


async def test_records_come_whole(world: World) -> None:
    """A record that comes with another is the one that a read of it alone gives, in every column; its private text is
    there only where the caller sees it."""
    [post, *_] = await ask(world, TREE, ADMIN)
    for comment in post.included[0]:
        assert comment.record == await world.storage.record("comments", "posts/1", comment.record.id)
        for like in comment.included[0]:
            assert like.record == await world.storage.record(
                "likes", "posts/1/comments/" + str(comment.record.id), like.record.id
            )
    [post, *_] = await ask(world, TREE, BEN)
    assert {each.record.id: each.record.private is not None for each in post.included[0]} == {
        "c0": False, "c1": True, "c2": False, "c3": True,
    }  # fmt: skip
    assert post.record.private is None


async def test_by_a_field(world: World) -> None:
    """A record comes with the one whose id a field holds, as far as its view rule shows it; two levels down too."""
    people = Include(Select("people"), by="author")
    select = Select("posts", includes=(people, Include(Select("comments", includes=(people,)))))
    comments = [("c0", []), ("c1", ["ben"]), ("c2", []), ("c3", ["ben"])]
    assert ids(await ask(world, select, BEN)) == [(1, ["ada"], comments), (2, ["ada"], comments)]
    await add(world, "posts", author="nobody")
    await add(world, "posts")
    found_last = ids(await ask(world, select._replace(sort=("-id",), window=Window(2)), ADMIN))
    assert found_last == [(5, [], []), (4, [], [])]


async def test_an_index_finds_what_belongs(world: World) -> None:
    """Records that belong to others are searched by their key, level by level; no table inside is read whole."""
    people = Include(Select("people"), by="author")
    comments = Select("comments", includes=(Include(Select("likes")), people))
    statement = world.catalogue.compile(Select("posts", includes=(Include(comments),), window=Window(5)), BEN)
    assert statement is not None
    plan = await plan_of(world.storage, statement)
    if world.storage.dialect == "sqlite":
        assert "SEARCH r1" in plan, plan
        assert plan.count("SEARCH r2") == 2, plan
        assert plan.count("SCAN r1") == plan.count("CO-ROUTINE r1") == 1, plan
        assert plan.count("SCAN r2") == plan.count("CO-ROUTINE r2") == 2, plan
    else:
        assert plan.count("Index Cond") >= 3, plan
        assert "Seq Scan on comments" not in plan, plan


async def test_windows_orders_and_conditions(world: World) -> None:
    """Each level has its own conditions, order and window; only what is in the window brings others along."""
    comments = Select("comments", where=(ge("rank", -2),), sort=("rank",), window=Window(2))
    select = Select("posts", where=(eq("text", "p2"),), includes=(Include(comments),), total="beside")
    assert ids(await ask(world, select, ADMIN)) == [(2, ["c2", "c1"])]
    after = comments._replace(window=Window(5, after=(-1, "c1")), where=())
    assert ids(await ask(world, select._replace(includes=(Include(after),)), ADMIN)) == [(2, ["c0"])]
    mine = comments._replace(where=(cel("record.author == auth.id"),), window=Window(1, 1))
    assert ids(await ask(world, select._replace(includes=(Include(mine),)), BEN)) == [(2, ["c1"])]
    page = TREE._replace(sort=("-id",), window=Window(1, after=(2,)))
    [post] = await ask(world, page, ADMIN)
    assert (post.record.id, len(post.included[0])) == (1, 4)
    deep = TREE._replace(sort=("-rank",), window=Window(5, after=(None, 3)))
    assert [each.record.id for each in await ask(world, deep, ADMIN)] == [2, 1]


async def test_what_is_closed(world: World) -> None:
    """A level whose rule lets nobody through is empty and hides nothing else; a condition on a field that is hidden at
    any level is refused."""
    closed = TREE._replace(includes=(Include(Select("secrets")), *TREE.includes))
    assert [each[1] for each in ids(await ask(world, closed, BEN))] == [[], []]
    assert [each[1] for each in ids(await ask(world, closed, ADMIN))] == [["s"]] * 3
    nobody = Include(Select("comments", where=(cel("auth == null"),)))
    assert ids(await ask(world, Select("posts", includes=(nobody,)), BEN)) == [(1, []), (2, [])]
    for hidden in (Select("comments", where=(eq("note", "x"),)), Select("comments", sort=("note",))):
        with refused("forbidden", "note of comments"):
            world.catalogue.compile(Select("posts", includes=(Include(hidden),)), BEN)
    with refused("forbidden", "note of posts"):
        world.catalogue.compile(Select("posts", includes=(Include(Select("people"), by="note"),)), BEN)


async def test_the_bound(world: World) -> None:
    """What comes with records counts in the bytes that an answer may hold."""
    await add(world, "comments", "big", "posts/1", text="x" * (PAGE_BYTES - 1_000))
    statement = world.catalogue.compile(TREE._replace(window=Window(9)), ADMIN)
    assert statement is not None
    rows, is_cut = await world.storage.search(*statement[:3], asker="", is_costly=False)
    assert ([row[1] for row in rows], is_cut) == ([1], True)
    assert found(TREE, rows[0]).included[0][0].record.id == "big"


async def test_what_does_not_belong(world: World) -> None:
    """Records that are not below those of the level above, a field without their ids, and shapes that no include has
    are the asker's mistake."""
    wrong = [
        Include(Select("likes")),
        Include(Select("people"), by="rank"),
        Include(Select("comments"), by="author"),
        Include(Select("comments", fields=("id",))),
        Include(Select("comments", total="beside")),
    ]
    for include in wrong:
        with pytest.raises(ValueError, match=r"not below|does not hold|whole records"):
            world.catalogue.compile(Select("posts", includes=(include,)), ADMIN)
