"""Records that are large: a caller who reads many of them gets them in parts that memory can hold, and each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Json, Text
from hinterland.contract.identity import Principal
from hinterland.contract.query import Query
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data import pull as pulling
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordPage, RecordReader
from hinterland.server.storage import postgres_reading, reading, sqlite_reading
from hinterland.server.storage.protocol import PAGE_BYTES, Storage
from tests.server.api import Api
from tests.server.data.world import ADA, ADMIN, BEN, KEY, Replica, World, listen, opened
from tests.server.refused import refused

# Names that the statements of pages must not confuse with their own.
BLOBS = Collection(
    name="blobs",
    fields={"any": Json(), "size": Text(), "number": Text(), "hidden": Json(read="auth.id == 'ada'")},
    rules=EVERYBODY,
    ids="integer",
)
OTHERS = Collection(name="others", fields={"any": Json()}, rules=EVERYBODY)
_OWN = "auth.id == record.owner"
LETTERS = Collection(
    name="letters", fields={"owner": Text(), "any": Json()}, rules=Rules(list=_OWN, view=_OWN, create="true")
)
SIZES = [PAGE_BYTES // 4, PAGE_BYTES // 4, PAGE_BYTES // 4, 10, PAGE_BYTES + 1, 10, PAGE_BYTES + 1, PAGE_BYTES // 2]
PAGES = [[1, 2, 3, 4], [5], [6], [7], [8]]
_SMALL_PAGE = 64 * 1024  # bytes


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database, with records of these sizes in bytes, in several forms."""
    async with opened(storage, clock, (users(), BLOBS, OTHERS, LETTERS)) as made:
        for number, size in enumerate(SIZES):
            forms = {"any": "x" * size}, {"any": "é" * ((size + 1) // 2)}, {"hidden": "x" * size}
            await made.write(Write(act="create", collection="blobs", body=forms[number % 3]))
        yield made


@pytest.fixture
async def letters(storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The same with letters, where a page ends with few bytes."""
    for module in (pulling, reading, sqlite_reading, postgres_reading):
        monkeypatch.setattr(module, "PAGE_BYTES", _SMALL_PAGE)
    async with opened(storage, clock, (users(), LETTERS)) as made:
        yield made


async def page(world: World, caller: Principal = ADMIN, **query: Any) -> RecordPage:
    """A page of the list."""
    return await RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock).page(
        caller, world.catalogue["blobs"], "", Query(**query)
    )


@pytest.mark.parametrize("sort", [(), ("size", "number")])
async def test_a_list_of_large_records(world: World, sort: tuple[str, ...]) -> None:
    """A page ends before it holds too much, with one record at least and the place where the list goes on; the total is
    that of all."""
    seen: list[list[Any]] = []
    cursor = ""
    while cursor or not seen:
        found = await page(world, cursor=cursor, sort=sort, total=True)
        assert found.total == len(SIZES)
        seen.append([record.id for record in found.records])
        cursor = found.next
    assert seen == PAGES


async def test_a_counted_page_of_large_records(world: World) -> None:
    """Where pages are counted one that would end early is refused with what fits, so that no record goes unseen."""
    with refused("invalid_query", "use limit=4"):
        await page(world, page=1, limit=6)
    with refused("invalid_query", "use limit=1"):
        await page(world, page=2, limit=4)
    assert [record.id for record in (await page(world, page=1, limit=4)).records] == [1, 2, 3, 4]
    assert [record.id for record in (await page(world, page=5, limit=1)).records] == [5]


async def test_private_texts_count(world: World) -> None:
    """What only some may see is held in memory too."""
    for id in (1, 2, 3, 4):
        await world.write(
            Write(act="replace", collection="blobs", id=id, body={"hidden": "x" * (PAGE_BYTES // 2 - 100)})
        )
    assert [record.id for record in (await page(world)).records] == [1, 2]


async def hide(world: World, size: int) -> None:
    """Make the texts that are hidden from Ben this large, in four records with equal texts that he sees."""
    for id in (1, 2, 3, 4):
        body = {"any": "x" * (PAGE_BYTES // 3), "hidden": "y" * size}
        await world.write(Write(act="replace", collection="blobs", id=id, body=body))


async def test_hidden_texts_do_not_count(world: World) -> None:
    """Where a page ends does not depend on how large the texts are that its reader can't see, in lists and pulls; what
    they can see counts."""
    ends = []
    for size in (0, 100, PAGE_BYTES // 3):
        await hide(world, size)
        found = await page(world, caller=BEN)
        pulled = await world.pull(BEN, "blobs")
        ends.append(([record.id for record in found.records], [change.id for change in pulled.changes]))
        assert "hidden" not in world.catalogue["blobs"].wire(BEN, found.records[0])
    assert ends == [ends[0]] * 3
    assert len(ends[0][0]) < 4
    mine = (await page(world, caller=ADA)).records
    assert [record.id for record in mine] == [1]
    assert '"hidden":"yyy' in world.catalogue["blobs"].wire(ADA, mine[0])


async def correspond(world: World, name: str, size: int) -> None:
    """Letters that Ben gets, loses and never sees, the latter of this size."""
    hidden, seen = {"owner": "ada", "any": "x" * size}, {"owner": "ben", "any": "y" * 1_000}
    for number in range(3):
        mine, other, passed_on = (f"{name}-{each}{number}" for each in ("m", "o", "p"))
        await world.write(Write(act="create", collection="letters", id=other, body=hidden))
        await world.write(Write(act="create", collection="letters", id=mine, body=seen))
        await world.write(Write(act="create", collection="letters", id=passed_on, body=seen))
        await world.write(
            Write(act="patch", collection="letters", id=other, body={"any": "z" * size}),
            Write(act="patch", collection="letters", id=passed_on, body=hidden),
        )
        await world.write(Write(act="patch", collection="letters", id=passed_on, body={"any": "z" * size}))
        await world.write(Write(act="delete", collection="letters", id=passed_on))
        await world.write(Write(act="delete", collection="letters", id=other))
    await world.write(
        Write(act="patch", collection="letters", id=f"{name}-m0", body={"owner": "ada", "any": "x" * size})
    )


@pytest.mark.parametrize(("limit", "read"), [(500, 1_000), (3, 1_000), (1, 1_000), (500, 20), (500, 1)])
async def test_hidden_changes_do_not_count(
    letters: World, monkeypatch: pytest.MonkeyPatch, limit: int, read: int
) -> None:
    """Where a pull of the log ends, and how many there are, is the same whatever size the records have that its caller
    can't see: by the limit, or by how many changes were read, pages without any among them."""
    monkeypatch.setattr(pulling, "_LOG_READ", read)
    cursor = (await letters.pull(BEN, "letters")).cursor
    reported = []
    for name, size in (("a", 0), ("b", _SMALL_PAGE // 3), ("c", _SMALL_PAGE + 1)):
        base = letters.cursors.read(cursor).revision
        await correspond(letters, name, size)
        pages, has_more = [], True
        while has_more:
            page = await letters.pull(BEN, "letters", cursor=cursor, limit=limit)
            cursor, has_more = page.cursor, page.more
            changes = [(change.kind, str(change.id)[2:], change.revision - base) for change in page.changes]
            pages.append((changes, letters.cursors.read(cursor).revision - base, has_more))
        reported.append(pages)
    assert reported == [reported[0]] * 3
    assert (len(reported[0]) > 1) is (limit < 500 or read < 50)
    assert any(not changes for changes, _, _ in reported[0]) is (read == 1)


async def test_a_pull_past_very_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull passes a bounded amount of hidden texts, so that it ends in time whatever others write; the next goes
    on."""
    monkeypatch.setattr(pulling, "_LOG_BYTES", 10_000)
    cursor = (await world.pull(BEN, "letters")).cursor
    for id, owner in zip("abc", ("ada", "ada", "ben"), strict=True):
        body = {"owner": owner, "any": "x" * 10_000}
        await world.write(Write(act="create", collection="letters", id=id, body=body))
    ids = []
    for _ in range(3):
        page = await world.pull(BEN, "letters", cursor=cursor)
        cursor = page.cursor
        ids.append(([change.id for change in page.changes], page.more))
    assert ids == [([], True), ([], True), (["c"], False)]


async def test_what_is_shown_ends_a_page(world: World) -> None:
    """A page of the log ends at the end of the commit in which what it shows is large, each record counted as it was
    last."""
    cursor = (await world.pull(BEN, "letters")).cursor
    for id, size in (("a", PAGE_BYTES * 3 // 4), ("b", PAGE_BYTES * 3 // 4), ("c", PAGE_BYTES * 3 // 4), ("d", 10)):
        await world.write(Write(act="create", collection="letters", id=id, body={"owner": "ben", "any": "x" * size}))
        await world.write(Write(act="patch", collection="letters", id="a", body={"any": size}))
    ids = []
    for _ in range(2):
        page = await world.pull(BEN, "letters", cursor=cursor)
        cursor = page.cursor
        ids.append([change.id for change in page.changes])
    assert ids == [["b", "a", "c"], ["d", "a"]]


async def test_a_pull_of_large_records(world: World) -> None:
    """A device gets them in parts too, each up to the record with which it is large: first whole, then what happened
    since; and in the end it has all of it."""
    replica = Replica(world, ADMIN, "blobs")
    answers = await replica.sync()
    assert [[change.id for change in answer.changes] for answer in answers] == [[1, 2, 3, 4, 5], [6, 7], [8]]
    assert replica.rows == await world.visible(ADMIN, "blobs")
    for id in range(1, 9):
        body = {"any": "y" * (PAGE_BYTES // 3)}
        await world.write(Write(act="patch", collection="blobs", id=id, body=body))
    answers = await replica.sync()
    assert max(sum(len(str(change.record)) for change in answer.changes) for answer in answers) < 1.5 * PAGE_BYTES
    assert len(answers) > 2
    assert replica.rows == await world.visible(ADMIN, "blobs")


async def test_a_pull_of_what_was_large(world: World) -> None:
    """A collection that is sent as it was is bound by what it was, though it is small now."""
    replica = Replica(world, ADMIN, "blobs")
    await replica.page(limit=1)
    for id in range(1, 9):
        await world.write(Write(act="patch", collection="blobs", id=id, body={"any": "z" * (PAGE_BYTES // 3)}))
    for id in range(1, 9):
        await world.write(Write(act="patch", collection="blobs", id=id, body={"any": None}))
    for answer in await replica.sync():
        assert sum(len(str(change.record)) for change in answer.changes) < 2 * PAGE_BYTES + 1_000
    assert replica.rows == await world.visible(ADMIN, "blobs")


async def test_the_log_of_large_records(world: World) -> None:
    """A page of the log ends where its records are too much, at a commit's end, and says that there is more."""
    pages = []
    end, is_last = 0, False
    while not is_last:
        entries = await world.storage.log(end, 500)
        pages.append([entry.revision for entry in entries])
        assert all(entry.after is not None for entry in entries)
        end, is_last = entries[-1].commit, entries.is_last
    assert pages == [[1, 2, 3, 4, 5], [6, 7], [8]]


async def test_a_stream_of_large_records(world: World) -> None:
    """Who comes back to a stream gets each of them, and who listens gets what is written at once."""
    first = await world.subscribe(ADMIN, "blobs")
    cursor = first.outlet.cursor(1, (await world.storage.log(0, 1))[0].check)
    ada = await listen(world, ADMIN, "blobs", cursor=cursor)
    assert [(await ada.changes())[0].id for _ in range(7)] == [2, 3, 4, 5, 6, 7, 8]
    sizes = [PAGE_BYTES // 2] * 4
    for size in sizes:
        await world.write(Write(act="create", collection="blobs", body={"any": "x" * size}))
    assert [(await ada.changes())[0].id for _ in sizes] == [9, 10, 11, 12]


async def test_a_pull_leaves_others_records_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull moves on over changes of collections that it is not of, without looking up what they are now."""
    replica = Replica(world, ADMIN, "others")
    await replica.sync()
    head = await world.storage.head()
    entries = await world.storage.log(0, 500, collections={"others"})
    assert [(entry.before, entry.after) for entry in entries] == [(None, None)] * len(SIZES)
    assert (entries.is_last, entries[-1].commit) == (True, head.revision)
    await world.write(Write(act="create", collection="others", id="a"))
    await world.write(Write(act="patch", collection="blobs", id=1, body={"any": 1}))
    assert [change.id for answer in await replica.sync() for change in answer.changes] == ["a"]


async def test_records_as_they_were(world: World) -> None:
    """A record can be asked for as it was at a revision."""
    await world.write(Write(act="patch", collection="blobs", id=4, body={"any": 1}))
    await world.write(Write(act="delete", collection="blobs", id=4))
    found = [await world.storage.record_at("blobs", "", 4, revision) for revision in (3, 4, 9, 10)]
    bodies = [None if record is None else msgspec.json.decode(record.body)["any"] for record in found]
    assert bodies == [None, "x" * 10, 1, None]


async def test_a_bare_array_of_large_records(api: Api) -> None:
    """A tutorial's list says in Link where it goes on, and counts all; one that is paged says what fits."""
    for _ in range(3):
        await api("POST", "/things", json={"any": "x" * (PAGE_BYTES // 2)})
    first = await api("GET", "/things")
    assert (len(first.json()), first.headers["x-total-count"]) == (1, "3")
    second = await api("GET", str(first.url.join(first.links["next"]["url"])))
    assert (len(second.json()), second.headers["x-total-count"]) == (1, "3")
    assert (await api("GET", "/things?page=1&limit=3")).json()["code"] == "invalid_query"
