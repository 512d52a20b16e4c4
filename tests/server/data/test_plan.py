"""What a write does: ids, preconditions, rules, fields that are hidden, and nested records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.changes import Act, Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Number, Text
from hinterland.contract.identity import SIGNED_OUT, RecordId
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data import documents
from hinterland.server.data.push import request_of
from hinterland.server.data.requests import OF_IMPORT, WriteRequest
from hinterland.server.data.steps import step_of
from hinterland.server.storage.protocol import Storage, StoredRecord
from tests.server.data.acts import OPEN, make, put, read
from tests.server.data.world import ADA, BEN, World, delete, note, opened, patch
from tests.server.refused import refused

OWN = "auth.id == record.owner"
DIARY = Collection(
    name="diary",
    fields={
        "text": Text(required=True, max_length=20),
        "owner": Text(fill="auth.id"),
        "mood": Text(default="calm"),
        "secret": Text(read="auth.id == 'ada'", default="hush"),
        "slug": Text(unique=True),
    },
    rules=Rules(list=OWN, view=OWN, create=OWN, update=f"auth.id == old.owner && {OWN}", delete=OWN),
)
POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY, ids="integer")
COMMENTS = Collection(name="comments", fields={"text": Text()}, rules=EVERYBODY, parent="posts")
LIKES = Collection(name="likes", fields={"by": Text()}, rules=EVERYBODY, parent="comments")
PAGES = Collection(name="pages", fields={"text": Text()}, rules=EVERYBODY, parent="diary")
CLOSED = Collection(name="closed", fields={"text": Text()})
LETTERS = Collection(
    name="letters", fields={"owner": Text(), "text": Text()}, rules=Rules(view=OWN, update="auth.id == old.owner")
)
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "text": (Text(unique=True), "a", "b"),
    "integer": (Integer(unique=True), 1, 2),
    "number": (Number(unique=True), 0.5, 1),
    "boolean": (Boolean(unique=True), True, False),
    "instant": (Instant(unique=True), "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    "int64": (Int64(unique=True), "9007199254740993", "-1"),
    "bytes": (Bytes(unique=True), "AAAA", "AAAB"),
}
UNIQUE = [
    Collection(name=f"of_{name}", fields={"value": kind}, rules=EVERYBODY) for name, (kind, _, _) in KINDS.items()
]
COLLECTIONS = (users(), DIARY, OPEN, POSTS, COMMENTS, LIKES, PAGES, CLOSED, LETTERS, *UNIQUE)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, COLLECTIONS) as made:
        yield made


# ---------------------------------------------------------------- the four acts


async def test_a_records_life(world: World, clock: ManualClock) -> None:
    """Create, patch, replace and delete do what they say; times and revisions are the server's."""
    await world.write(make("open", "x", text="one", count=1, revision=99, created_at="never"))
    made = await read(world, "open", "x")
    assert (made["text"], made["count"], made["tags"], made["revision"]) == ("one", 1, None, 1)
    assert made["created_at"] == made["updated_at"] != "never"
    await clock.advance(1)
    await world.write(patch("open", "x", text="two", count={"$increment": 2}, tags={"$add": ["a"]}, at={"$now": True}))
    changed = await read(world, "open", "x")
    assert (changed["text"], changed["count"], changed["tags"]) == ("two", 3, ["a"])
    assert changed["at"] == changed["updated_at"] > changed["created_at"] == made["created_at"]
    await world.write(put("open", "x", text="three"))
    replaced = await read(world, "open", "x")
    assert (replaced["text"], replaced["count"], replaced["tags"], replaced["revision"]) == ("three", None, None, 3)
    await world.write(delete("open", "x"))
    assert await read(world, "open", "x") is None
    assert [entry.kind for entry in await world.storage.log(0, 10)] == ["create", "update", "update", "delete"]


@pytest.mark.parametrize("act", ["replace", "patch", "delete"])
@pytest.mark.parametrize(
    ("collection", "id"),
    [("open", "x"), ("open", 1), ("open", "~x"), ("open", "x" * 10_000), ("posts", 1), ("posts", "x")],
)
async def test_a_record_that_is_not_there(world: World, act: Act, collection: str, id: RecordId) -> None:
    """What is not there, or can't be by its id, can't be changed; a refusal repeats no long id."""
    with refused("not_found") as caught:
        await world.write(Write(act=act, collection=collection, id=id))
    assert len(caught.value.message) < 100


async def test_all_errors_by_field(world: World) -> None:
    """A body that does not fit is refused with the messages of all its fields, transforms included."""
    with refused("validation") as caught:
        await world.write(make("diary", mood=1, nonsense=2, secret=["x"]), caller=ADA)
    assert list(caught.value.errors) == ["text", "mood", "secret", "nonsense"]
    await world.write(make("open", "x"))
    with refused("validation") as caught:
        await world.write(patch("open", "x", text={"$increment": 1}, count={"$add": [1]}, any={"$now": 1}))
    assert list(caught.value.errors) == ["text", "count", "any"]


async def test_objects_in_json_fields(world: World) -> None:
    """A patch merges the object of a Json field (RFC 7396), where `$$now` is the user's own key `$now`; a creation and
    a replacement store what they are given, nulls and keys with $ included."""
    value = {"$ref": {"a": 1, "b": None}}
    await world.write(make("open", "x", any=value))
    assert (await read(world, "open", "x"))["any"] == value
    await world.write(patch("open", "x", any={"$ref": {"a": None, "c": 2}}))
    assert (await read(world, "open", "x"))["any"] == {"$ref": {"b": None, "c": 2}}
    await world.write(patch("open", "x", any={"$$now": True}))
    assert (await read(world, "open", "x"))["any"] == {"$ref": {"b": None, "c": 2}, "$now": True}
    await world.write(put("open", "x", any={"$now": None}))
    assert (await read(world, "open", "x"))["any"] == {"$now": None}
    for act in (make("open", "y", at={"$now": True}), put("open", "x", count={"$increment": 1})):
        with refused("validation"):
            await world.write(act)


async def test_several_writes_happen_together_or_not_at_all(world: World) -> None:
    """Where one write is refused none of its request is done; and later writes see earlier ones."""
    with refused("conflict"):
        await world.write(make("open", "x"), make("open", "x"))
    assert await read(world, "open", "x") is None
    outcome = await world.write(make("open", "x", count=1), patch("open", "x", count={"$increment": 1}))
    assert [written.id for written in outcome.records] == ["x", "x"]
    assert outcome.revision == 2
    await world.write(make("open", "y"), delete("open", "y"), make("open", "y", text="again"))
    assert (await read(world, "open", "y"))["text"] == "again"


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize("id", ["a\n", "x" * 129, "ä" * 65, "~x", "a/b", "__a", 5])
async def test_ids_that_no_record_can_have(world: World, id: RecordId) -> None:
    """A string id is a text of 1 to 128 bytes with some exceptions."""
    with refused("validation") as caught:
        await world.write(make("open", id))
    assert "id" in caught.value.errors


async def test_ids_that_the_server_makes(world: World, clock: ManualClock) -> None:
    """Without an id the server makes one; string ids sort by time, integer ids count up and are never given twice."""
    first = (await world.write(make("open"))).records[0].id
    await clock.advance(1)
    second = (await world.write(make("open"))).records[0].id
    assert str(first) < str(second)
    numbers = [(await world.write(make("posts"))).records[0].id for _ in range(2)]
    await world.write(delete("posts", numbers[1]))
    numbers.append((await world.write(make("posts"))).records[0].id)
    assert numbers == [1, 2, 3]


async def test_integer_ids_are_the_servers(world: World) -> None:
    """A given integer id is refused, save in an import, after which counting goes on beyond it."""
    for id in (5, "5", "x"):
        with refused("validation", "given by the server"):
            await world.write(make("posts", id))
    await world.writer.submit(WriteRequest((make("posts", 41),), rights=OF_IMPORT))
    assert (await world.write(make("posts"))).records[0].id == 42
    for id in (0, 2**53):
        with refused("validation"):
            await world.writer.submit(WriteRequest((make("posts", id),), rights=OF_IMPORT))


async def test_temporary_ids(world: World) -> None:
    """A stand-in for an integer id is replaced by the id that is given, in the request's later writes too."""
    outcome = await world.write(make("posts", "~a", title="one"), patch("posts", "~a", title="two"))
    assert outcome.ids == {0: 1}
    assert (await read(world, "posts", 1))["title"] == "two"


# ---------------------------------------------------------------- preconditions


async def test_preconditions(world: World) -> None:
    """A record that is not at the revision, not there, or there against what is asked is stale."""
    await world.write(make("open", "x"))
    for write in (
        Write(act="patch", collection="open", id="x", revision=7),
        Write(act="delete", collection="open", id="x", revision=0),
        Write(act="replace", collection="open", id="y", revision=1),
        Write(act="patch", collection="open", id="y", exists=True),
        Write(act="create", collection="open", id="x", exists=False),
    ):
        with refused("stale"):
            await world.write(write)
    await world.write(Write(act="create", collection="open", id="y", exists=False))
    await world.write(Write(act="delete", collection="open", id="y", exists=True, revision=2))


@pytest.mark.parametrize("asked", [{}, {"revision": 1}, {"revision": 2}, {"exists": True}, {"exists": False}])
@pytest.mark.parametrize("act", ["replace", "patch", "delete"])
async def test_a_hidden_record_is_one_that_is_not_there(world: World, act: Act, asked: dict[str, Any]) -> None:
    """Whatever is done to another's record, with whatever precondition, is refused as for one that does not exist."""
    await world.write(make("diary", "hers", text="mine"), caller=ADA)
    reported = []
    for id in ("hers", "nobody"):
        write = Write(act=act, collection="diary", id=id, body={} if act == "delete" else {"text": "mine"}, **asked)
        with pytest.raises(Refusal) as caught:
            await world.write(write, caller=BEN)
        reported.append(str(caught.value).replace(id, "ID"))
    assert reported[0] == reported[1]


async def test_a_rule_is_asked_before_a_taken_id_is_reported(world: World) -> None:
    """Who may not create learns nothing of the ids that are taken."""
    await world.write(make("diary", "x", text="mine"), caller=ADA)
    for id in ("x", "y"):
        with refused("unauthorized"):
            await world.write(make("diary", id, text="t"), caller=SIGNED_OUT)
    with refused("conflict", "already exists"):
        await world.write(make("diary", "x", text="t"), caller=BEN)


# ---------------------------------------------------------------- rules, filled and hidden fields


async def test_rules_deny_by_default(world: World) -> None:
    """A collection without rules is the administrators' alone; the signed out are asked to sign in."""
    with refused("forbidden"):
        await world.write(make("closed"), caller=ADA)
    with refused("unauthorized", "sign in"):
        await world.write(make("closed"), caller=SIGNED_OUT)
    await world.write(make("closed", "x"))
    with refused("not_found"):
        await world.write(delete("closed", "x"), caller=ADA)


async def test_the_update_rule_reads_old_and_new(world: World) -> None:
    """A rule over `old` keeps an owner from taking, and from giving away, what it protects."""
    await world.write(make("diary", "x", text="mine"), caller=ADA)
    with refused("forbidden"):
        await world.write(patch("diary", "x", owner="ben"), caller=ADA)
    await world.write(patch("diary", "x", owner="ben"))
    with refused("not_found"):
        await world.write(patch("diary", "x", owner="ada"), caller=ADA)


async def test_a_rule_over_a_missing_field_denies(world: World) -> None:
    """Where a rule reads a field without a value it is an error, and an error denies."""
    with refused("forbidden"):
        await world.write(make("diary", text="t", owner=None), caller=ADA)


async def test_filled_and_default_fields(world: World) -> None:
    """A field that is filled or has a default takes it where the body leaves it out; a given value stands."""
    await world.write(make("diary", "x", text="t"), caller=ADA)
    record = await read(world, "diary", "x")
    assert (record["owner"], record["mood"], record["secret"]) == ("ada", "calm", "hush")
    with refused("forbidden"):
        await world.write(make("diary", text="t", owner="ada"), caller=BEN)


async def test_administrators_fill_nothing(world: World) -> None:
    """An administrator is no user: a filled field stays empty unless it is given."""
    await world.write(make("diary", "x", text="t"))
    assert (await read(world, "diary", "x"))["owner"] is None


async def test_a_hidden_field_is_kept_by_a_replacement(world: World) -> None:
    """A PUT by somebody who can't see a field does not clear it; one by who sees it does."""
    await world.write(make("open", "x", text="one", secret="s"))
    await world.write(put("open", "x", text="two"), caller=BEN)
    assert (await read(world, "open", "x"))["secret"] == "s"
    assert "secret" not in await read(world, "open", "x", caller=BEN)
    await world.write(put("open", "x", text="three"), caller=ADA)
    assert (await read(world, "open", "x"))["secret"] is None


@pytest.mark.parametrize("kind", KINDS)
async def test_unique_fields_of_every_kind(world: World, kind: str) -> None:
    """No two records have the same value, however it is reached; a record keeps its own, and null is no value."""
    _, one, two = KINDS[kind]
    name = f"of_{kind}"
    await world.write(make(name, "x", value=one), make(name, "y", value=two), make(name, "z"), make(name, "n"))
    for write in (make(name, value=one), patch(name, "z", value=two), put(name, "y", value=one)):
        with refused("conflict", "value is already in use") as caught:
            await world.write(write)
        assert caught.value.errors == {"value": ["is already in use"]}
    await world.write(patch(name, "x", value=one))


SPELLINGS = [
    ("number", 3, 3.0), ("number", 0, -0.0), ("number", 2**60, float(2**60)), ("int64", "7", 7),
    ("instant", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "one", "same"), SPELLINGS)
async def test_unique_values_of_one_request_are_compared_as_the_database_does(
    world: World, kind: str, one: Any, same: Any
) -> None:
    """Two spellings of one value clash inside a request as one with a stored record does; in a step too."""
    name, taken = f"of_{kind}", {"value": ["is already in use"]}
    with refused("conflict") as caught:
        await world.write(make(name, "x", value=one), make(name, "y", value=same))
    assert caught.value.errors == taken
    step = Mutation(seq=1, id="m1", writes=[make(name, "x", value=one), make(name, "y", value=same)])
    [settled] = (await world.push(ADA, step)).results
    assert settled.problem is not None
    assert settled.problem.errors == taken
    await world.write(make(name, "x", value=one), put(name, "x", value=same))


# ---------------------------------------------------------------- nested records


async def test_parents_must_exist(world: World) -> None:
    """A record is created below a record that is there and that the caller sees, in its own place only."""
    await world.write(make("diary", "d", text="mine"), caller=ADA)
    for write in (make("comments", parent="posts/7"), make("pages", parent="diary/d"), make("pages", parent="diary/x")):
        with refused("not_found"):
            await world.write(write, caller=BEN)
    await world.write(make("pages", parent="diary/d"), caller=ADA)
    for write in (make("comments"), make("comments", parent="diary/d"), make("open", parent="posts/1")):
        with refused("unknown_collection"):
            await world.write(write)
    with refused("not_found"):
        await world.write(make("comments", parent="posts/x"))


async def test_a_parents_deletion_is_its_childrens(world: World) -> None:
    """Everything below a record goes with it, each reported in the log, and nothing of another's."""
    for number in (1, 2):
        await world.write(make("posts"), make("comments", "c", f"posts/{number}"))
        await world.write(make("likes", "l", f"posts/{number}/comments/c"))
    head = (await world.storage.head()).revision
    await world.write(make("comments", "new", "posts/1"), delete("posts", 1))
    log = await world.storage.log(head, 20)
    assert [(entry.kind, entry.collection, entry.id) for entry in log[1:]] == [
        ("delete", "likes", "l"), ("delete", "comments", "c"), ("delete", "comments", "new"), ("delete", "posts", 1),
    ]  # fmt: skip
    assert len({entry.commit for entry in log}) == 1
    assert await read(world, "likes", "l", "posts/1/comments/c") is None
    assert await read(world, "likes", "l", "posts/2/comments/c") is not None


async def test_results_hold_no_records(lite: World) -> None:
    """What a device's mutation came to holds no records while the others of its push are written."""
    mutation = Mutation(seq=1, id="m1", writes=[note("a", "ada")])
    outcome = await lite.writer.submit(request_of(ADA, step_of("ada", "d1", mutation), mutation))
    assert (outcome.records, outcome.settled and outcome.settled.status) == ((), "applied")


# ---------------------------------------------------------------- what the view rule hides


@pytest.mark.parametrize("write", [patch("diary", "a", text="b"), put("diary", "a", text="b"), delete("diary", "a")])
async def test_a_hidden_record_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    """A write to a record that the view rule hides does the work of one to a record that is not there: the database
    decides, and no document is decoded."""
    await world.write(Write(act="create", collection="diary", id="a", body={"text": "x"}), caller=ADA)
    decoded: list[Any] = []
    real = documents.document_of

    def watched(record: StoredRecord) -> dict[str, Any]:
        decoded.append(record.id)
        return real(record)

    monkeypatch.setattr(documents, "document_of", watched)
    with refused("not_found"):
        await world.write(write, caller=BEN)
    assert decoded == []
    await world.write(write, caller=ADA)


async def test_writers_of_one_moment_with_other_rights(world: World) -> None:
    """Of requests that are decided together, each is decided by what its own caller can view, in whatever order they
    come: a record that is hidden from one is there for the next, and one that was just passed on is its new owner's."""
    for id in "ab":
        await world.write(Write(act="create", collection="letters", id=id, body={"owner": "ada"}))
    answers = await asyncio.gather(
        world.write(patch("letters", "a", text="ben"), caller=BEN),
        world.write(patch("letters", "a", text="ada"), caller=ADA),
        world.write(patch("letters", "a", text="again"), caller=BEN),
        world.write(patch("letters", "b", text="ben"), caller=BEN),
        world.write(patch("letters", "b", owner="ben"), caller=ADA),
        world.write(patch("letters", "b", text="mine"), caller=BEN),
        world.write(patch("letters", "b", text="late"), caller=ADA),
        return_exceptions=True,
    )
    codes = [answer.code if isinstance(answer, Refusal) else "applied" for answer in answers]
    assert codes == ["not_found", "applied", "not_found", "not_found", "applied", "applied", "not_found"]
    assert [(await read(world, "letters", id))["text"] for id in "ab"] == ["ada", "mine"]
