"""The part of the storage suite about the log: order, commits, befores and afters, the retention floor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.records import Collection
from hinterland.server.storage.protocol import PAGE_BYTES, Head, LogEntry, Since, Snapshot, Storage, StoredRecord
from hinterland.server.storage.statements import RECORD_COLUMNS, RECORD_TEXTS
from hinterland.server.storage.system import Put
from hinterland.testing.storage_scribe import POSTS, ScribeEdit, commit, opened, tables, write


async def _three_commits(storage: Storage) -> None:
    """Commits of one, three and two changes: revisions 1, 2–4, 5–6."""
    await commit(storage, ScribeEdit("posts", "a", {"title": "1"}), at=10)
    await commit(
        storage,
        ScribeEdit("posts", "a", {"title": "2"}),
        ScribeEdit("posts", "b", {}),
        ScribeEdit("posts", "c", {"slug": "c"}),
        at=20,
    )
    await commit(storage, ScribeEdit("posts", "a", None), ScribeEdit("tasks", 5, {"name": "five"}), at=30)


def _bodies(entry: LogEntry) -> tuple[str | None, str | None]:
    return entry.before and entry.before.body, entry.after and entry.after.body


def _reads(source: Snapshot) -> dict[str, Awaitable[object]]:
    """Every read of a snapshot, by its name."""
    return {
        "fetch": source.fetch("SELECT id, title FROM posts ORDER BY id"),
        "fetch_some": source.fetch_some(
            f"SELECT {RECORD_COLUMNS} FROM posts ORDER BY id LIMIT 9", (), RECORD_TEXTS.of(9)
        ),
        "record": source.record("posts", "", "b"),
        "row": source.row("_collections", {"name": "tasks"}),
        "rows": source.rows("_collections", {}),
        "rows_of": source.rows_of("_collections", [{"name": "tasks"}]),
        "head": source.head(),
        "check_at": source.check_at(4),
        "record_at": source.record_at("posts", "", "a", 1),
        "log": source.log(0, 100),
        "log_of": source.log_of({"posts"}, 0, 9, 100),
        "changed": source.changed("posts", 1, None, 9),
        "history": source.history("posts", "", "a", 0),
        "since": source.since("posts", "", "a", 0, "phone"),
    }


class LogSuite:
    """The log."""

    async def test_log_of_some_collections(self, storage: Storage) -> None:
        """The changes of some collections come without others', from a revision to another, page by page."""
        await _three_commits(storage)
        async with storage.snapshot() as snapshot:
            first = await snapshot.log_of({"tasks", "posts"}, 1, 6, 3)
            assert ([entry.revision for entry in first], first.is_last) == ([2, 3, 4], False)
            rest = await snapshot.log_of({"posts"}, 4, 6, 3)
            assert ([(entry.id, entry.kind) for entry in rest], rest.is_last) == ([("a", "delete")], True)
            tasks = await snapshot.log_of({"tasks"}, 0, 6, 3)
            assert [(entry.revision, entry.after and entry.after.id) for entry in tasks] == [(6, 5)]
            assert await snapshot.log_of({"tasks"}, 0, 5, 3) == []

    async def test_log_has_each_change(self, storage: Storage) -> None:
        """An entry says what happened to which record, when, in which commit, from which device, and by whom."""
        async with storage.transaction() as transaction:
            await write(
                transaction,
                ScribeEdit("tasks", 5, {"name": "x"}),
                ScribeEdit("comments", "k", {}, "posts/a"),
                tables=tables(storage),
                at=12.5,
                origin="phone",
                actor="ada",
            )
        first, second = await storage.log(0, 10)
        assert (first.revision, first.commit, first.check, first.at, first.timestamp) == (1, 2, 4, 12.5, 12.5)
        found = (first.kind, first.collection, first.parent, first.id, first.origin, first.actor)
        assert found == ("create", "tasks", "", 5, "phone", "ada")
        assert (second.collection, second.parent, second.id) == ("comments", "posts/a", "k")
        assert first.after == await storage.record("tasks", "", 5)

    async def test_befores_and_afters(self, storage: Storage) -> None:
        """An entry's after is the next change's before, or the record as it is; a deletion has none."""
        await _three_commits(storage)
        await commit(storage, ScribeEdit("posts", "a", {"title": "again"}))
        entries = await storage.log(0, 100)
        assert [entry.revision for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
        assert [_bodies(entry) for entry in entries if entry.id == "a"] == [
            (None, '{"title": "1"}'),
            ('{"title": "1"}', '{"title": "2"}'),
            ('{"title": "2"}', None),
            (None, '{"title": "again"}'),
        ]
        assert [entry.kind for entry in entries if entry.id == "a"] == ["create", "update", "delete", "create"]
        for entry in entries:
            (alone,) = await storage.log(entry.revision - 1, 100, through=entry.revision)
            assert alone == entry

    async def test_a_long_page(self, storage: Storage) -> None:
        """Each entry of a page has the record as it was after it: of records with integer ids and with parents, of
        those that were changed or deleted since, and of large ones."""
        await commit(storage, *[ScribeEdit("posts", f"p{n:03}", {"title": str(n)}) for n in range(120)])
        await commit(storage, *[ScribeEdit("tasks", n, {"name": f"t{n}"}) for n in range(1, 4)])
        large = "x" * (PAGE_BYTES // 3)
        await commit(storage, *[ScribeEdit("comments", f"c{n}", {"text": large}, "posts/p001") for n in range(4)])
        last = (await storage.head()).revision
        await commit(storage, ScribeEdit("posts", "p007", {"title": "new"}), ScribeEdit("posts", "p090", None))
        async with storage.snapshot() as snapshot:
            pages = [await source.log(0, 500, end) for source in (storage, snapshot) for end in (None, last)]
        for page in pages:
            bodies = [entry.after and entry.after.body for entry in page if entry.collection == "posts"]
            assert bodies[:120] == [f'{{"title": "{n}"}}' for n in range(120)]
            assert [entry.after and entry.after.id for entry in page[120:123]] == [1, 2, 3]
            assert {len(entry.after.body) > len(large) for entry in page[123:127] if entry.after} <= {True}
            assert all(entry.after is not None for entry in page if entry.kind != "delete")

    @pytest.mark.parametrize("limit", range(1, 8))
    async def test_commits_stay_whole(self, storage: Storage, limit: int) -> None:
        """A page of the log ends at a commit's end, whatever its limit, and the pages together are the log."""
        await _three_commits(storage)
        seen: list[LogEntry] = []
        while page := await storage.log(seen[-1].revision if seen else 0, limit):
            assert page[-1].revision == page[-1].commit
            assert len(page) <= limit + 2
            seen += page
        assert seen == await storage.log(0, 100)

    async def test_log_of_collections_that_are_gone(self, storage: Storage, make: Callable[[], Storage]) -> None:
        """Changes of a collection that is no longer declared are left out, and don't hide those behind them."""
        await commit(storage, *(ScribeEdit("comments", f"c{n}", {}, "posts/a") for n in range(5)))
        for n in range(5):
            await commit(storage, ScribeEdit("comments", f"d{n}", {}, "posts/a"))
        await commit(storage, ScribeEdit("posts", "a", {}))
        await storage.close()
        async with opened(make(), [POSTS]) as later:
            (entry,) = await later.log(0, 2)
            assert (entry.collection, entry.revision) == ("posts", 11)
            assert await later.log(11, 2) == []

    async def test_history(self, storage: Storage) -> None:
        """A record's own changes, in order, also those before it was deleted; nobody else's."""
        await _three_commits(storage)
        assert [entry.revision for entry in await storage.history("posts", "", "a", 0)] == [1, 2, 5]
        assert [_bodies(entry) for entry in await storage.history("posts", "", "a", 1)] == [
            ('{"title": "1"}', '{"title": "2"}'),
            ('{"title": "2"}', None),
        ]
        assert [entry.id for entry in await storage.history("tasks", "", 5, 0)] == [5]
        assert await storage.history("posts", "posts/x", "a", 0) == []

    async def test_a_history_of_large_records(self, storage: Storage) -> None:
        """A record's changes come in pages that end before they are too large, each with the record before and after,
        and together they are its history."""
        texts = ["é" * (PAGE_BYTES // 6), "x" * PAGE_BYTES, "y", "z" * (PAGE_BYTES + 1), *"abc"]
        for text in texts:
            await commit(storage, ScribeEdit("comments", "a", {"text": text}, "posts/a"))
        pages = [await storage.history("comments", "posts/a", "a", 0)]
        while not pages[-1].is_last:
            pages.append(await storage.history("comments", "posts/a", "a", pages[-1][-1].revision))
        assert [[entry.revision for entry in page] for page in pages] == [[1, 2], [3], [4], [5], [6, 7]]
        entries = [entry for page in pages for entry in page]
        assert [entry.after and json.loads(entry.after.body)["text"] for entry in entries] == texts
        assert [entry.before for entry in entries[1:]] == [entry.after for entry in entries[:-1]]

    async def test_a_long_history(self, storage: Storage) -> None:
        """A page of a record's changes ends after some hundreds, however small they are."""
        for number in range(600):
            await commit(storage, ScribeEdit("tasks", 1, {"name": str(number)}))
        first = await storage.history("tasks", "", 1, 0)
        rest = await storage.history("tasks", "", 1, first[-1].revision)
        assert (first.is_last, rest.is_last) == (False, True)
        assert [entry.revision for entry in (*first, *rest)] == list(range(1, 601))

    async def test_whose_changes(self, storage: Storage) -> None:
        """A device can ask whether a record was changed by itself, and when others changed it last by their
        timestamps."""
        for at, origin in ((30.0, "phone"), (20.0, "desk"), (10.0, ""), (40.0, "phone")):
            async with storage.transaction() as transaction:
                edit = ScribeEdit("posts", "a", {"title": str(at)})
                await write(transaction, edit, tables=tables(storage), at=at, origin=origin)
        found = [await storage.since("posts", "", "a", after, "phone") for after in range(5)]
        assert found == [Since(20, True), Since(20, True), Since(10, True), Since(None, True), Since(None, False)]
        assert await storage.since("posts", "", "a", 0, "watch") == Since(40, False)
        assert await storage.since("posts", "", "b", 0, "phone") == Since(None, False)

    async def test_a_record_as_it_was(self, storage: Storage) -> None:
        """A record can be read as it was at any revision that the log reaches back to."""
        await _three_commits(storage)
        found = [await storage.record_at("posts", "", "a", revision) for revision in range(7)]
        bodies = [record and record.body for record in found]
        assert bodies == [None, '{"title": "1"}', *['{"title": "2"}'] * 3, None, None]
        assert await storage.record_at("posts", "", "nobody", 1) is None

    async def test_what_was_changed_since(self, storage: Storage) -> None:
        """The keys of a collection's records that were changed beyond a revision and are there, each once, in their
        order and page by page: text ids as texts, and numbers as numbers."""
        await _three_commits(storage)
        assert await storage.changed("posts", 0, None, 9) == [("", "b"), ("", "c")]
        assert await storage.changed("posts", 3, None, 9) == [("", "c")]
        assert await storage.changed("posts", 0, None, 1) == [("", "b")]
        assert await storage.changed("posts", 0, ("", "b"), 9) == [("", "c")]
        assert await storage.changed("posts", 6, None, 9) == []
        await commit(storage, ScribeEdit("posts", "a", {}))
        assert await storage.changed("posts", 4, None, 9) == [("", "a")]
        await commit(storage, ScribeEdit("tasks", 40, {}), ScribeEdit("comments", "x", {}, "posts/b"))
        assert await storage.changed("tasks", 0, None, 9) == [("", 5), ("", 40)]
        assert await storage.changed("tasks", 0, ("", 5), 9) == [("", 40)]
        assert await storage.changed("comments", 0, ("posts/a", "z"), 9) == [("posts/b", "x")]

    async def test_only_some_collections(self, storage: Storage) -> None:
        """Changes of collections that were not asked for are reported without their records, and still end commits."""
        await _three_commits(storage)
        entries = await storage.log(0, 100, collections={"tasks"})
        assert [entry.revision for entry in entries] == [1, 2, 3, 4, 5, 6]
        assert {_bodies(entry) for entry in entries[:5]} == {(None, None)}
        assert _bodies(entries[5]) == (None, '{"name": "five"}')

    async def test_large_records(self, storage: Storage) -> None:
        """A page of the log, or of records, ends before it is too large in bytes of UTF-8, private fields too, has one
        at least, and says that it ended."""
        half = "é" * (PAGE_BYTES // 4)
        for id, text, private in (("a", half, ""), ("b", "y", ""), ("c", "", half), ("d", half, half), ("e", "z", "")):
            await commit(storage, ScribeEdit("comments", id, {"text": text}, "posts/a", {"text": private}))
        pages = [await storage.log(after, 100) for after in (0, 3, 4)]
        assert [([entry.revision for entry in page], page.is_last) for page in pages] == [
            ([1, 2, 3], False), ([4], False), ([5], True),
        ]  # fmt: skip
        sql = f"SELECT {RECORD_COLUMNS} FROM comments WHERE id > ? ORDER BY id LIMIT 9"
        for after, ids, is_cut in (("", ["a", "b"], True), ("b", ["c"], True), ("c", ["d"], True), ("d", ["e"], False)):
            rows, was_cut = await storage.fetch_some(sql, (after,), RECORD_TEXTS.of(9))
            assert ([row[1] for row in rows], was_cut) == (ids, is_cut)
            assert [StoredRecord(*row) for row in rows] == [
                await storage.record("comments", "posts/a", id) for id in ids
            ]
        rows, was_cut = await storage.search("SELECT count(*) FROM comments", (), None, asker="", is_costly=True)
        assert ([tuple(row) for row in rows], was_cut) == ([(5,)], False)

    async def test_texts_that_are_not_there(self, storage: Storage) -> None:
        """A SELECT that lacks the texts by which it is to be bounded is an error, not one without a bound."""
        with pytest.raises((Refusal, IndexError)):
            await commit(storage, ScribeEdit("posts", "a", {}))
            await storage.fetch_some("SELECT id FROM posts", (), RECORD_TEXTS)

    async def test_every_read_of_a_transaction(self, storage: Storage) -> None:
        """A transaction answers every read as a snapshot does, with what it has written itself."""
        await commit(storage, ScribeEdit("posts", "a", {"title": "1"}))
        async with storage.transaction() as transaction:
            edits = ScribeEdit("posts", "a", {"title": "2"}), ScribeEdit("posts", "b", {}), ScribeEdit("tasks", 5, {})
            await write(transaction, *edits, tables=tables(storage))
            inside = {name: await read for name, read in _reads(transaction).items()}
        assert inside == {name: await read for name, read in _reads(storage).items()}
        async with storage.snapshot() as snapshot:
            assert inside == {name: await read for name, read in _reads(snapshot).items()}
        assert inside.keys() == {name for name in vars(Snapshot) if not name.startswith("_")}

    async def test_head(self, storage: Storage) -> None:
        """The head is the last revision, its commit's check value, and what the log reaches back to."""
        assert await storage.head() == Head(0, 0, 0)
        await _three_commits(storage)
        assert await storage.head() == Head(6, 12, 0)

    async def test_check_values(self, storage: Storage) -> None:
        """Only a commit's end has a check value; the beginning has one as long as nothing was forgotten."""
        assert await storage.check_at(0) == 0
        await _three_commits(storage)
        assert [await storage.check_at(revision) for revision in range(8)] == [0, 2, None, None, 8, None, 12, None]
        await storage.prune(25)
        assert [await storage.check_at(revision) for revision in range(8)] == [None] * 6 + [12, None]

    async def test_prune(self, storage: Storage) -> None:
        """What is older goes, commit by commit; the records stay."""
        await _three_commits(storage)
        await storage.prune(20)
        assert [entry.revision for entry in await storage.log(0, 100)] == [2, 3, 4, 5, 6]
        assert await storage.head() == Head(6, 12, 1)
        assert await storage.record("posts", "", "b") is not None

    async def test_prune_keeps_the_last_commit(self, storage: Storage) -> None:
        """The last commit is never forgotten, and whole; an empty log has nothing to forget."""
        await storage.prune(1e9)
        await _three_commits(storage)
        await storage.prune(1e9)
        assert [entry.revision for entry in await storage.log(0, 100)] == [5, 6]
        assert await storage.head() == Head(6, 12, 4)
        assert await commit(storage, ScribeEdit("posts", "z", {})) == 7

    async def test_prune_leaves_no_holes(self, storage: Storage) -> None:
        """Where the clock went back, what is newer than a kept entry is kept."""
        for revision, at in enumerate([50, 60, 10, 70, 80], 1):
            await commit(storage, ScribeEdit("posts", f"p{revision}", {}), at=at)
        await storage.prune(55)
        assert [entry.revision for entry in await storage.log(0, 100)] == [2, 3, 4, 5]

    async def test_prune_a_long_log(self, storage: Storage) -> None:
        """A long log is forgotten in steps, to the same end."""
        for at in (10, 20):
            await commit(storage, *(ScribeEdit("comments", f"c{n}", {}, f"posts/{at}") for n in range(1_300)), at=at)
        await commit(storage, ScribeEdit("posts", "a", {}), at=30)
        await storage.prune(25)
        assert (await storage.head()).retention_floor == 2_600

    async def test_erased_accounts(self, storage: Storage) -> None:
        """Once an account is erased, pruning deletes its id from the log, and nobody else's; changes stay."""
        actors = ["ada", "ben", "", "ada"] * 300
        for actor in actors:
            async with storage.transaction() as transaction:
                edit = ScribeEdit("posts", "a", {"title": actor})
                await write(transaction, edit, tables=tables(storage), origin=f"{actor}/phone", actor=actor)
        async with storage.transaction() as transaction:
            await transaction.act([Put("_erasures", {"account": "ada"}), Put("_erasures", {"account": "nobody"})])
        await storage.prune(0)
        log = await storage.log(0, 2_000)
        kept = ["" if actor == "ada" else actor for actor in actors]
        assert [entry.actor for entry in log] == kept
        assert [entry.origin for entry in log] == ["" if actor == "ada" else f"{actor}/phone" for actor in actors]
        assert await storage.rows("_erasures", {}) == []

    async def test_revisions_become_visible_in_order(self, storage: Storage) -> None:
        """A reader of the log never sees a revision appear after a later one."""
        is_over = False

        async def read() -> list[int]:
            seen: list[int] = []
            while True:
                was_over = is_over
                seen += [entry.revision for entry in await storage.log(seen[-1] if seen else 0, 50)]
                if was_over:
                    return seen
                await asyncio.sleep(0)

        reader = asyncio.create_task(read())
        await asyncio.gather(
            *(commit(storage, ScribeEdit("posts", f"p{n}", {}), ScribeEdit("tasks", n, {})) for n in range(1, 31))
        )
        is_over = True
        assert await reader == list(range(1, 61))

    async def test_declared_while_read(self, storage: Storage) -> None:
        """A collection declared while the storage is in use can be written and read at once."""
        await storage.declare([Collection(name="late", fields={})])
        assert await storage.record("late", "", "x") is None
