"""Records that come with others, in one statement: each level by its own rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Field, Integer, List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.cel.conditions import cel, eq, ge
from hinterland.kit.cel.types import INT
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select import Include, Select, Window
from hinterland.server.storage.protocol import PAGE_BYTES, ROW_BYTES, Storage
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
REMARKS = Collection(name="comments", fields=dict(FIELDS), rules=Rules(list=SHOWN), parent="posts")
FAVOURS = Collection(name="likes", fields=dict(FIELDS), rules=Rules(list="auth != null"), parent="comments")
SECRETS = Collection(name="secrets", fields=dict(FIELDS), parent="posts")
PERSONS = Collection(name="people", fields={"name": Text(), "hidden": Boolean()}, rules=Rules(view="!record.hidden"))
GROUPS = Collection(name="groups", fields={"members": List(of=Text()), "rooms": List(of=Integer())}, rules=EVERYBODY)
OPEN = Collection(name="open", fields={"name": Text()}, rules=EVERYBODY, is_open=True)
COLLECTIONS = (users(), POSTS, REMARKS, FAVOURS, SECRETS, PERSONS, GROUPS, OPEN)


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


async def add(world: World, collection: str, id: str = "", parent: str = "", /, **body: Any) -> None:
    """Make a record."""
    await world.write(Write(act="create", collection=collection, id=id, parent=parent, body=body))


async def ask(world: World, select: Select, caller: Principal) -> list[Any]:
    """The records that a question finds in one statement."""
    statement = world.catalogue.compile(select, caller)
    assert statement is not None
    rows, is_cut = await world.storage.search(*statement[:3], asker="", is_costly=statement.is_costly)
    assert not is_cut
    return [msgspec.json.decode(row[0]) for row in rows]


def ids(records: list[Any]) -> list[Any]:
    """The ids, nested as the records are; of those without includes alone."""
    return [_ids(each) for each in records]


def _ids(record: Any) -> Any:
    if "_expand" not in record:
        return record["id"]
    return (record["id"], *[ids(_items(one)) for one in record["_expand"].values()])


def _items(included: Any) -> list[Any]:
    return [] if included is None else included.get("items", [included])


def asking(collection: str, *includes: Include, **parts: Any) -> Select:
    """A question whose rows are JSON."""
    return Select(collection, includes=includes, is_json=True, **parts)


LIKES = Include("likes", Select("likes"))
COMMENTS = Include("comments", Select("comments", includes=(LIKES,)))
PEOPLE = Include("author", Select("people"), by="author")
TREE = asking("posts", COMMENTS)


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


async def test_records_come_as_they_are_alone(world: World) -> None:
    """A record that comes with another is the one that a read of it alone gives, with the private fields that its
    caller sees of it and without the others."""
    for caller in (ADMIN, BEN, ADA):
        for post in await ask(world, TREE, caller):
            for comment in post["_expand"]["comments"]["items"]:
                likes = comment.pop("_expand")["likes"]["items"]
                assert comment == await alone(world, caller, "comments", f"posts/{post['id']}", comment["id"])
                for like in likes:
                    parent = f"posts/{post['id']}/comments/{comment['id']}"
                    assert like == await alone(world, caller, "likes", parent, like["id"])
    [post, *_] = await ask(world, TREE, BEN)
    comments = post["_expand"]["comments"]["items"]
    assert {each["id"]: "note" in each for each in comments} == {"c0": False, "c1": True, "c2": False, "c3": True}
    assert "note" not in post


async def alone(world: World, caller: Principal, collection: str, parent: str, id: str) -> Any:
    """A record as its caller reads it alone."""
    record = await world.storage.record(collection, parent, id)
    assert record is not None
    return msgspec.json.decode(world.catalogue[collection].wire(caller, record))


async def test_by_a_field(world: World) -> None:
    """A record comes with the one whose id a field holds, as far as its view rule shows it, or else null; two levels
    down too."""
    select = asking("posts", PEOPLE, Include("comments", Select("comments", includes=(PEOPLE,))))
    comments = [("c0", []), ("c1", ["ben"]), ("c2", []), ("c3", ["ben"])]
    assert ids(await ask(world, select, BEN)) == [(1, ["ada"], comments), (2, ["ada"], comments)]
    await add(world, "posts", author="nobody")
    await add(world, "posts")
    found_last = await ask(world, select._replace(sort=("-id",), window=Window(2)), ADMIN)
    assert [each["_expand"]["author"] for each in found_last] == [None, None]


async def test_by_several_ids(world: World) -> None:
    """A record comes with those whose ids a list holds, as far as their view rule shows them."""
    await add(world, "groups", "g", members=["eve", "ben", "nobody", "ada"], rooms=[2, 9, 3])
    await add(world, "groups", "none")
    members = Include("members", Select("people", window=Window(2)), by="members")
    rooms = Include("rooms", Select("posts", sort=("-id",)), by="rooms")
    found = ids(await ask(world, asking("groups", members, rooms), BEN))
    assert found == [("g", ["ada", "ben"], [2]), ("none", [], [])]
    [group, _] = await ask(world, asking("groups", members, rooms), ADMIN)
    assert (ids([group]), group["_expand"]["members"]["more"]) == ([("g", ["ada", "ben"], [3, 2])], True)


async def test_by_the_field_of_the_others(world: World) -> None:
    """A record comes with those that name it in a field, as far as their list rule shows them."""
    posts = Include("posts_via_author", Select("posts", sort=("-id",)), back="author")
    assert ids(await ask(world, asking("people", posts, action="view"), BEN)) == [("ada", [2, 1]), ("ben", [])]
    found = {each[0]: each[1] for each in ids(await ask(world, asking("people", posts, action="view"), ADMIN))}
    assert found == {"ada": [3, 2, 1], "ben": [], "eve": []}
    for caller, is_seen in ((ADMIN, True), (ADA, False)):  # a hidden field finds nothing
        notes = Include("posts_via_note", Select("posts"), back="note")
        if is_seen:
            assert await ask(world, asking("people", notes), caller)
        else:
            with refused("forbidden", "note of posts"):
                world.catalogue.compile(asking("people", notes, action="view"), caller)


async def test_nested_records_that_name_a_record(world: World) -> None:
    """They have their parent beside them, at any level and whatever fields are wanted; others have none."""
    by_author = Include("remarks", Select("comments", fields=("id",)), back="author")
    people = await ask(world, asking("people", by_author, action="view"), ADMIN)
    found = {each["id"]: each["_expand"]["remarks"]["items"] for each in people}
    assert found["ben"][0] == {"id": "c1", "_parent": "posts/1"}
    assert {each["_parent"] for each in found["eve"]} == {"posts/1", "posts/2", "posts/3"}
    await add(world, "posts", author="ada")
    await add(world, "comments", "odd", "posts/4", author="ada")
    deep = asking("posts", Include("author", Select("people", includes=(by_author,)), by="author"))
    [*_, last] = await ask(world, deep, ADMIN)
    [remark] = last["_expand"]["author"]["_expand"]["remarks"]["items"]
    assert remark == {"id": "odd", "_parent": "posts/4"}
    assert "_parent" not in str(await ask(world, TREE, ADMIN))


async def test_an_index_finds_what_belongs(world: World) -> None:
    """Records that belong to others are searched by their key, level by level; no table inside is read whole."""
    comments = Include("comments", Select("comments", includes=(LIKES, PEOPLE)))
    statement = world.catalogue.compile(asking("posts", comments, window=Window(5)), BEN)
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

    def of(inner: Select) -> Select:
        return asking("posts", Include("comments", inner), where=(eq("text", "p2"),), total="beside")

    assert ids(await ask(world, of(comments), ADMIN)) == [(2, ["c2", "c1"])]
    after = comments._replace(window=Window(5, after=(-1, "c1")), where=())
    assert ids(await ask(world, of(after), ADMIN)) == [(2, ["c0"])]
    mine = comments._replace(where=(cel("record.author == auth.id"),), window=Window(1, 1))
    assert ids(await ask(world, of(mine), BEN)) == [(2, ["c1"])]
    page = TREE._replace(sort=("-id",), window=Window(1, after=(2,)))
    [post] = await ask(world, page, ADMIN)
    assert (post["id"], len(post["_expand"]["comments"]["items"])) == (1, 4)
    deep = TREE._replace(sort=("-rank",), window=Window(5, after=(None, 3)))
    assert [each["id"] for each in await ask(world, deep, ADMIN)] == [2, 1]


@pytest.mark.parametrize(
    ("window", "sort", "more"),
    [
        (Window(3), (), True),
        (Window(4), (), False),
        (Window(5), (), False),
        (Window(), (), False),
        (Window(2, 1), (), True),
        (Window(3, 1), (), False),
        (Window(1, 9), (), False),
        (Window(2, after=("c0",)), (), True),
        (Window(3, after=("c0",)), (), False),
        (Window(3, after=(None, "c1")), ("rank",), True),
        (Window(4, after=(None, "c1")), ("rank",), False),
        (Window(2, after=(-1, "c1")), ("-rank",), False),
        (Window(1, after=(-1, "c1")), ("-rank",), True),
    ],
)
async def test_more(world: World, window: Window, sort: tuple[str, ...], more: bool) -> None:
    """`more` says whether there are records beyond the window of an include, of those that the caller is shown."""
    comments = Include("comments", Select("comments", window=window, sort=sort))
    select = asking("posts", comments, where=(eq("id", 1, INT),))
    [post] = await ask(world, select, ADMIN)
    assert post["_expand"]["comments"]["more"] is more
    shown = Include("comments", Select("comments", window=Window(3)))  # of Ada's three
    [post] = await ask(world, asking("posts", shown, where=(eq("id", 1, INT),)), ADA)
    assert post["_expand"]["comments"]["more"] is False


async def test_totals(world: World) -> None:
    """The total of an include counts, of each record, what the caller is shown of all windows, in every kind of
    relation."""
    comments = Include("comments", Select("comments", window=Window(1), total="beside"))
    for caller, total in ((ADMIN, 4), (ADA, 3)):
        [post] = await ask(world, asking("posts", comments, where=(eq("id", 1, INT),)), caller)
        found = post["_expand"]["comments"]
        assert (len(found["items"]), found["more"], found["total"]) == (1, True, total)
        assert all("total" not in item for item in found["items"])


async def test_some_fields(world: World) -> None:
    """Of the named fields a record has those that its caller sees of it, and its id; at any level."""
    inner = Select("comments", fields=("id", "note", "rank"), window=Window(2))
    select = asking("posts", Include("c", inner), fields=("id", "text", "revision"), window=Window(1))
    [post] = await ask(world, select, BEN)
    noted = {"id": "c1", "rank": -1, "note": None}
    assert post == {
        "id": 1, "revision": 4, "text": "p1",
        "_expand": {"c": {"items": [{"id": "c0", "rank": 0}, noted], "more": True}},
    }  # fmt: skip
    posts = await ask(world, asking("posts", fields=("id", "note")), ADMIN)
    assert posts[0] == {"id": 1, "note": "of ada"}


async def test_texts_of_every_kind(world: World) -> None:
    """What is in ids, names and values comes as it is read alone, however it has to be written in JSON or in SQL."""
    texts = ['"', "\\", "'", "{}", "?", "$1", "\u2028", "é", "\U0001f600", "%s", "a:b", "\n\t"]
    for number, text in enumerate(texts):
        id = text if text.isprintable() and "/" not in text else f"x{number}"
        await add(world, "open", id, **{"name": text, "deep": {text: [text, None, 1e300, -0.0, 2**53]}, "{x}?": text})
    await add(world, "open", "empty")
    for caller in (ADA, ADMIN):
        for found in await ask(world, asking("open"), caller):
            assert found == await alone(world, caller, "open", "", found["id"])
        for found in await ask(world, asking("open", fields=("id", "name", "{x}?", "'")), caller):
            whole = await alone(world, caller, "open", "", found["id"])
            assert found == {name: whole[name] for name in ("id", "name", "{x}?") if name in whole}


async def test_more_fields_than_a_function_takes(world: World) -> None:
    """A record may have hundreds of fields, and each of them may be named."""
    names = [f"f{number}" for number in range(400)]
    await add(world, "open", "wide", **dict.fromkeys(names, 1))
    [found] = await ask(world, asking("open", fields=("id", *names)), ADA)
    assert found == {"id": "wide", **dict.fromkeys(names, 1)}


async def test_what_is_closed(world: World) -> None:
    """A level whose rule lets nobody through is empty and hides nothing else; a condition on a field that is hidden at
    any level is refused."""
    closed = TREE._replace(includes=(Include("secrets", Select("secrets")), *TREE.includes))
    assert [each[1] for each in ids(await ask(world, closed, BEN))] == [[], []]
    assert [each[1] for each in ids(await ask(world, closed, ADMIN))] == [["s"]] * 3
    nobody = Include("comments", Select("comments", where=(cel("auth == null"),)))
    assert ids(await ask(world, asking("posts", nobody), BEN)) == [(1, []), (2, [])]
    for hidden in (Select("comments", where=(eq("note", "x"),)), Select("comments", sort=("note",))):
        with refused("forbidden", "note of comments"):
            world.catalogue.compile(asking("posts", Include("comments", hidden)), BEN)
    with refused("forbidden", "note of posts"):
        world.catalogue.compile(asking("posts", PEOPLE._replace(by="note")), BEN)


async def test_the_bound(world: World) -> None:
    """What comes with records counts in the bytes that an answer may hold."""
    await add(world, "comments", "big", "posts/1", text="x" * (PAGE_BYTES - 1_000))
    statement = world.catalogue.compile(TREE._replace(window=Window(9)), ADMIN)
    assert statement is not None
    rows, is_cut = await world.storage.search(*statement[:3], asker="", is_costly=False)
    assert ([msgspec.json.decode(row[0])["id"] for row in rows], is_cut) == ([1], True)
    assert len(rows[0][0]) > PAGE_BYTES


@pytest.mark.parametrize("is_costly", [False, True])
async def test_the_longest_text(world: World, is_costly: bool) -> None:
    """No statement puts together a text that is longer than its bound, as little as the records are that it is made
    of; others read as before."""
    for number in range(ROW_BYTES // PAGE_BYTES + 1):
        await add(world, "comments", f"big{number}", "posts/1", text="x" * (PAGE_BYTES - 1_000))
    for wanted in (TREE, asking("people", Include("p", Select("posts", includes=(COMMENTS,)), back="author"))):
        statement = world.catalogue.compile(wanted, ADMIN)
        assert statement is not None
        with refused("invalid_query", f"larger than {ROW_BYTES // 1024**2} MiB"):
            await world.storage.search(*statement[:3], asker="", is_costly=is_costly)
    assert len(await ask(world, TREE._replace(where=(eq("id", 2, INT),)), ADMIN)) == 1


async def test_what_does_not_belong(world: World) -> None:
    """Records that are not below those of the level above, a field without their ids, and shapes that no include has
    are the asker's mistake."""
    wrong = [
        Include("x", Select("likes")),
        Include("x", Select("people"), by="rank"),
        Include("x", Select("comments"), by="author"),
        Include("x", Select("people"), back="hidden"),
        Include("x", Select("comments", is_json=True)),
        Include("x", Select("comments", total="alone")),
    ]
    for include in wrong:
        with pytest.raises(ValueError, match=r"not below|does not hold|has no total"):
            world.catalogue.compile(asking("posts", include), ADMIN)
