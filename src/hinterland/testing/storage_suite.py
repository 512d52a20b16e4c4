"""The suite that every storage must pass.

Subclass `StorageSuite` and give it the fixture `make`: a function whose every call returns a new, unopened storage on
the same empty database. The tests are coroutines: pytest-asyncio in its auto mode runs them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import Collection
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import PAGE_BYTES, Change, CommitChanges, Storage, StoredRecord
from hinterland.server.storage.statements import CollectionTable
from hinterland.testing.storage_log_suite import LogSuite
from hinterland.testing.storage_scribe import COLLECTIONS, POSTS, ScribeEdit, commit, documents, opened, tables, write
from hinterland.testing.storage_system_suite import SystemSuite
from hinterland.testing.storage_values_suite import ValuesSuite

MakeStorage = Callable[[], Storage]


class OpeningSuite:
    """Opening, declaring, and what stays."""

    async def test_open_again(self, make: MakeStorage) -> None:
        """A storage opened again is the same database: database id, records and revisions go on."""
        async with opened(make()) as storage:
            database_id = storage.database_id
            await commit(storage, ScribeEdit("posts", "a", {"title": "one"}))
        async with opened(make()) as storage:
            assert storage.database_id == database_id != ""
            assert await documents(storage, "posts") == {"a": {"title": "one"}}
            assert await commit(storage, ScribeEdit("posts", "b", {"title": "two"})) == 2

    async def test_database_id_and_durability(self, storage: Storage) -> None:
        """A database has a database id, and says what a commit waits for."""
        assert len(storage.database_id) == 16
        assert storage.durability()

    async def test_declare_is_idempotent(self, storage: Storage) -> None:
        """What is declared already stays as it is, with its records."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "one"}))
        await storage.declare(COLLECTIONS)
        assert await documents(storage, "posts") == {"a": {"title": "one"}}

    async def test_declare_adds_columns_and_indexes(self, storage: Storage) -> None:
        """A field declared later gets its column and index beside the records that are there."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "one", "slug": "s"}))
        grown = Collection(
            name="posts", fields={**POSTS.fields, "rank": Integer(index=True), "code": Text(unique=True)}
        )
        await storage.declare([grown])
        assert [tuple(row) for row in await storage.fetch("SELECT title, slug, rank, code FROM posts")] == [
            ("one", "s", None, None)
        ]
        await storage.declare([grown])

    async def test_declare_makes_a_field_unique_later(self, storage: Storage) -> None:
        """A field that was indexed and is declared unique is unique from then on."""
        await storage.declare([_posts(title=Text(unique=True), slug=Text(unique=True))])
        await commit(storage, ScribeEdit("posts", "a", {"title": "one"}))
        with pytest.raises(Refusal) as refused:
            await commit(storage, ScribeEdit("posts", "b", {"title": "one"}))
        assert refused.value.errors.keys() == {"title"}

    async def test_declare_all_or_nothing(self, storage: Storage) -> None:
        """A declaration that the records contradict is refused by name, and nothing of it is done."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "one"}), ScribeEdit("posts", "b", {"title": "one"}))
        with pytest.raises(StorageError, match=r"posts\.title can't be made unique"):
            await storage.declare([Collection(name="extra", fields={"x": Text()}), _posts(title=Text(unique=True))])
        with pytest.raises(Refusal) as refused:
            await storage.record("extra", "", "a")
        assert refused.value.code == "unknown_collection"
        await storage.declare([Collection(name="extra", fields={"y": Text()})])
        assert await storage.fetch("SELECT y FROM extra") == []

    async def test_not_open(self, make: MakeStorage) -> None:
        """A storage that is not open says so, and closing it is nothing."""
        storage = make()
        with pytest.raises(StorageError, match="not open"):
            async with storage.transaction():
                raise AssertionError("never reached")
        with pytest.raises(StorageError, match="not open"):
            await storage.fetch("SELECT 1")
        await storage.close()

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("a__b", "c"), ("a", "b__c")),
            (("a", "key"), ("a_pkey", "id_")),
            (("n" * 62 + "a", "f" * 63), ("n" * 62 + "b", "f" * 63)),
            (("select", "group"), ("order", "check")),
            (("user", "commit"), ("table", "oid")),
        ],
    )
    async def test_names(self, storage: Storage, first: tuple[str, str], second: tuple[str, str]) -> None:
        """Any two collections and fields live side by side, however long or reserved their names are."""
        declared = [Collection(name=name, fields={field: Text(unique=True)}) for name, field in (first, second)]
        await storage.declare(declared)
        await storage.declare(declared)
        compiled = {collection.name: CollectionTable(collection, storage.dialect) for collection in declared}
        for name, field in (first, second):
            async with storage.transaction() as transaction:
                await write(transaction, ScribeEdit(name, "a", {field: "x"}), tables=compiled)
            with pytest.raises(Refusal) as refused:
                async with storage.transaction() as transaction:
                    await write(transaction, ScribeEdit(name, "b", {field: "x"}), tables=compiled)
            assert refused.value.errors.keys() == {field}


def _posts(**fields: Text) -> Collection:
    return Collection(name="posts", fields={**POSTS.fields, **fields})


class RecordSuite:
    """Records by their keys, and transactions."""

    async def test_keys(self, storage: Storage) -> None:
        """A record is known by its collection, parent and id together."""
        await commit(
            storage,
            ScribeEdit("posts", "a", {"title": "post"}),
            ScribeEdit("comments", "a", {"text": "of a"}, "posts/a"),
            ScribeEdit("comments", "a", {"text": "of b"}, "posts/b"),
            ScribeEdit("tasks", 7, {"name": "seven"}),
        )
        of_b = await storage.record("comments", "posts/b", "a")
        assert of_b is not None
        assert of_b == ("posts/b", "a", 3, "1970-01-01T00:16:40.000000Z", of_b.updated, '{"text": "of b"}', None)
        seven = await storage.record("tasks", "", 7)
        assert seven is not None
        assert seven.id == 7
        assert await storage.record("comments", "", "a") is None
        assert await storage.record("posts", "", "A") is None

    async def test_unknown_collection(self, storage: Storage) -> None:
        """A collection that is not declared is refused by name."""
        with pytest.raises(Refusal, match="'nothing'") as refused:
            await storage.record("nothing", "", "a")
        assert refused.value.code == "unknown_collection"

    async def test_unique(self, storage: Storage) -> None:
        """A taken value is the refusal `conflict` by its field; no value is never taken."""
        await commit(
            storage, ScribeEdit("posts", "a", {"slug": "s"}), ScribeEdit("posts", "b", {}), ScribeEdit("posts", "c", {})
        )
        with pytest.raises(Refusal) as refused:
            await commit(storage, ScribeEdit("posts", "d", {"slug": "s"}))
        assert (refused.value.code, refused.value.errors) == ("conflict", {"slug": ["is already in use"]})
        await commit(storage, ScribeEdit("posts", "a", {"slug": "s", "title": "kept its own"}))
        await commit(storage, ScribeEdit("posts", "a", {"slug": "free"}))
        await commit(storage, ScribeEdit("posts", "d", {"slug": "s"}))

    async def test_taken_id(self, storage: Storage) -> None:
        """Two records of one key can't be; the refusal speaks of the id, not of a field."""
        await commit(storage, ScribeEdit("posts", "a", {}))
        record = StoredRecord("", "a", 2, "", "", "{}", None)
        created = Change("posts", "create", None, record, tables(storage)["posts"].columns({}), 1_000.0)
        with pytest.raises(Refusal, match="this id") as refused:
            async with storage.transaction() as transaction:
                await transaction.write([CommitChanges([created], await transaction.reserve(1), 1)], 1_000.0)
        assert (refused.value.code, refused.value.errors) == ("conflict", {})

    async def test_undone(self, storage: Storage) -> None:
        """A transaction whose block raises leaves nothing behind: no record, no log, no system row."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "before"}))
        with pytest.raises(ZeroDivisionError):
            async with storage.transaction() as transaction:
                await write(transaction, ScribeEdit("posts", "a", {"title": "after"}), tables=tables(storage))
                await write(transaction, ScribeEdit("posts", "b", {}), tables=tables(storage))
                raise ZeroDivisionError
        assert await documents(storage, "posts") == {"a": {"title": "before"}}
        assert (await storage.head()).revision == 1
        assert await commit(storage, ScribeEdit("posts", "b", {})) == 2

    async def test_unseen_until_the_end(self, storage: Storage) -> None:
        """Others see nothing of a transaction before it ends; the transaction itself sees all of it."""
        async with storage.transaction() as transaction:
            await write(transaction, ScribeEdit("posts", "a", {}), tables=tables(storage))
            assert await storage.record("posts", "", "a") is None
            assert (await storage.head()).revision == 0
            assert await storage.log(0, 10) == []
            assert await transaction.record("posts", "", "a") is not None
            assert (await transaction.head()).revision == 1
        assert await storage.record("posts", "", "a") is not None

    async def test_snapshot(self, storage: Storage) -> None:
        """A snapshot sees one state of everything while writers go on; the next one sees the next."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "old"}))
        async with storage.snapshot() as snapshot:
            assert (await snapshot.head()).revision == 1
            await commit(storage, ScribeEdit("posts", "a", {"title": "new"}), ScribeEdit("posts", "b", {}))
            record = await snapshot.record("posts", "", "a")
            assert record is not None
            assert record.body == '{"title": "old"}'
            assert [entry.revision for entry in await snapshot.log(0, 10)] == [1]
            assert await snapshot.record("posts", "", "b") is None
        async with storage.snapshot() as snapshot:
            assert (await snapshot.head()).revision == 3

    async def test_many_snapshots(self, storage: Storage) -> None:
        """Readers at the same time, each at its own state, don't disturb each other."""

        async def read(n: int) -> int:
            async with storage.snapshot() as snapshot:
                before = (await snapshot.head()).revision
                await commit(storage, ScribeEdit("posts", f"p{n}", {}))
                assert (await snapshot.head()).revision == before
                return before

        seen = await asyncio.gather(*(read(n) for n in range(6)))
        assert all(revision <= 6 for revision in seen)
        assert (await storage.head()).revision == 6

    async def test_no_lost_update(self, storage: Storage) -> None:
        """Writers that lock a record before they change it never overwrite each other's change."""
        await commit(storage, ScribeEdit("tasks", 1, {"name": "0"}))

        async def increment() -> None:
            async with storage.transaction() as transaction:
                found = await transaction.lock("tasks", "", 1)
                assert found is not None
                count = int(found.body.split('"')[3]) + 1
                await write(transaction, ScribeEdit("tasks", 1, {"name": str(count)}), tables=tables(storage))

        await asyncio.gather(*(increment() for _ in range(8)))
        assert await documents(storage, "tasks") == {1: {"name": "8"}}

    async def test_lock_below(self, storage: Storage) -> None:
        """The records below a span of parents come in pages, in the order of parent and id, as `lock` would read them;
        pages end before they are too large."""
        large = "é" * (PAGE_BYTES // 4)
        parents = ("posts/1", "posts/10", "posts/1-x", "posts/2")
        edits = [ScribeEdit("comments", id, {"text": large}, parent) for parent in parents for id in ("a", "b", "c")]
        await commit(storage, *edits)
        spans = {
            ("posts/1", "posts/1"): ["posts/1"], ("posts/", "posts0"): sorted(parents), ("posts/3", "posts/4"): [],
        }  # fmt: skip
        async with storage.transaction() as transaction:
            for span, inside in spans.items():
                pages = [await transaction.lock_below("comments", span, None)]
                while pages[-1][1]:
                    pages.append(await transaction.lock_below("comments", span, pages[-1][0][-1]))
                found = [record for page, _ in pages for record in page]
                assert [(record.parent, record.id) for record in found] == [(p, id) for p in inside for id in "abc"]
                assert found == [await transaction.lock("comments", record.parent, record.id) for record in found]
                assert all(len(page) < 3 for page, _ in pages)
            assert await transaction.lock_below("tasks", ("", ""), None) == ([], False)

    async def test_a_long_page_below(self, storage: Storage) -> None:
        """A page of what is below a parent ends after some hundreds, however small they are."""
        await commit(storage, *(ScribeEdit("tasks", n, {"name": str(n)}) for n in range(1, 601)))
        async with storage.transaction() as transaction:
            first, is_cut = await transaction.lock_below("tasks", ("", ""), None)
            rest, is_cut_again = await transaction.lock_below("tasks", ("", ""), first[-1])
        assert (is_cut, is_cut_again) == (True, False)
        assert [record.id for record in (*first, *rest)] == list(range(1, 601))

    async def test_a_large_commit(self, storage: Storage) -> None:
        """Many changes of one commit are written in their order, of several collections, with large texts, and several
        of one record."""
        large = "x" * 300_000
        edits = [ScribeEdit("posts", f"p{n:03}", {"title": str(n)}) for n in range(130)]
        edits += [edit for n in range(8) for edit in (ScribeEdit("comments", f"c{n}", {"text": large}, "posts/a"),
                                                      ScribeEdit("tasks", n, {"name": f"t{n}"}))]  # fmt: skip
        assert await commit(storage, *edits) == 146
        log = await storage.log(0, 500)
        assert [(entry.collection, entry.id, entry.commit) for entry in log] == [
            (edit.collection, edit.id, 146) for edit in edits
        ]
        assert await documents(storage, "tasks") == {n: {"name": f"t{n}"} for n in range(8)}
        with pytest.raises(Refusal):
            await commit(storage, ScribeEdit("tasks", 9, {"name": "new"}), ScribeEdit("tasks", 10, {"name": "t1"}))
        assert (await storage.head()).revision == 146

    async def test_integer_ids(self, storage: Storage, make: MakeStorage) -> None:
        """An integer id is given once: not again after a deletion, nor after a restart, nor where it was claimed."""
        async with storage.transaction() as transaction:
            assert [await transaction.next_ids("tasks", count) for count in (1, 2)] == [range(1, 2), range(2, 4)]
            await write(transaction, ScribeEdit("tasks", 3, {}), tables=tables(storage))
        await commit(storage, ScribeEdit("tasks", 3, None))
        await storage.declare(COLLECTIONS)
        async with storage.transaction() as transaction:
            await transaction.claim_id("tasks", 40)
            await transaction.claim_id("tasks", 9)
        await storage.close()
        async with opened(make()) as again, again.transaction() as transaction:
            assert await transaction.next_ids("tasks", 500) == range(41, 541)
            assert await transaction.next_ids("tasks", 1) == range(541, 542)


class StorageSuite(OpeningSuite, RecordSuite, LogSuite, SystemSuite, ValuesSuite):
    """Everything that a storage keeps; a subclass gives the fixture `make`."""

    @pytest.fixture
    def make(self) -> MakeStorage:
        """A function whose every call returns a new, unopened storage on the same empty database."""
        raise AssertionError("a subclass says how its storage is made")

    @pytest.fixture
    async def storage(self, make: MakeStorage) -> AsyncIterator[Storage]:
        """An open storage with the suite's collections declared."""
        async with opened(make()) as storage:
            yield storage
