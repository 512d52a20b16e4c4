"""The part of the storage suite about the system's own rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import (
    Amend,
    Drop,
    Expect,
    Insert,
    Invalidation,
    PreconditionFailed,
    Put,
    Row,
    RowAct,
)
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened, tables, write

ADA: Row = {"id": "1", "roles": "[]", "is_admin": True, "is_disabled": False, "created": 1.5}
EMAIL: Row = {"provider": "email", "subject": "ada@example.org", "account": "1", "created": 1.5}
TOKEN: Row = {"hash": "h", "session": "s", "parent": "", "issued": 1.0, "used": None, "successor": None}


async def act(storage: Storage, *acts: RowAct) -> None:
    """Do `acts` in a transaction of their own."""
    async with storage.transaction() as transaction:
        await transaction.act(acts)


ANSWER: Row = {"caller": "1", "key": "k", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1, "at": 1.0}


class SystemSuite:
    """System rows."""

    async def test_put(self, storage: Storage) -> None:
        """A row comes back as it was put, each value in its type; a column that is left out is null."""
        await act(storage, Put("_accounts", ADA), Put("_refresh_tokens", TOKEN | {"successor": b"\0\xff"}))
        assert await storage.row("_accounts", {"id": "1"}) == ADA
        assert await storage.row("_refresh_tokens", {"hash": "h"}) == TOKEN | {"successor": b"\0\xff"}
        await act(storage, Put("_accounts", {"id": "2", "roles": "[]"}))
        assert await storage.row("_accounts", {"id": "2"}) == {
            "id": "2", "roles": "[]", "is_admin": None, "is_disabled": None, "created": None,
        }  # fmt: skip

    async def test_put_again(self, storage: Storage) -> None:
        """A second row with the key changes the named columns of the first; one of nothing but its key changes none."""
        await act(storage, Put("_accounts", ADA), Put("_accounts", {"id": "1", "roles": '["x"]'}))
        await act(storage, Put("_accounts", {"id": "1"}))
        assert await storage.rows("_accounts", {}) == [ADA | {"roles": '["x"]'}]

    async def test_rows(self, storage: Storage) -> None:
        """Rows are found by equality, null too, in the order of their keys."""
        for name, used in (("c", None), ("a", None), ("b", 2.0)):
            await act(storage, Put("_refresh_tokens", TOKEN | {"hash": name, "used": used}))
        assert [row["hash"] for row in await storage.rows("_refresh_tokens", {"session": "s"})] == ["a", "b", "c"]
        assert [row["hash"] for row in await storage.rows("_refresh_tokens", {"used": None})] == ["a", "c"]
        assert [row["hash"] for row in await storage.rows("_refresh_tokens", {})] == ["a", "b", "c"]
        assert await storage.rows("_refresh_tokens", {"session": "t"}) == []
        assert await storage.row("_refresh_tokens", {"hash": "z"}) is None

    async def test_insert(self, storage: Storage) -> None:
        """Rows are inserted only where none has their key; where one has, nothing of the transaction is kept."""
        rows = [{**ANSWER, "key": key} for key in "kl"]
        await act(storage, *(Insert("_answers", row) for row in rows))
        with pytest.raises(PreconditionFailed):
            await act(storage, Insert("_answers", {**ANSWER, "key": "m"}), Insert("_answers", rows[0]))
        assert await storage.rows("_answers", {}) == rows

    async def test_rows_of_keys(self, storage: Storage) -> None:
        """The rows of several keys are found together; a key without a row gives none."""
        await act(storage, *(Put("_answers", {**ANSWER, "key": key}) for key in "klm"))
        async with storage.transaction() as transaction:
            found = await transaction.rows_of("_answers", [{"caller": "1", "key": key} for key in "kxm"])
        assert sorted(row["key"] for row in found) == ["k", "m"]

    async def test_declared(self, storage: Storage) -> None:
        """A storage knows what its database is declared with, and takes it over."""
        declared = await storage.declared()
        assert {collection.name for collection in declared.collections} == tables(storage).keys()
        storage.adopt(declared)
        assert not await storage.is_outdated()
        await commit(storage, ScribeEdit("posts", "a", {"title": "1"}))

    async def test_signal(self, storage: Storage) -> None:
        """An invalidation changes no row and is sent by its transaction, never by one that is undone."""
        received: asyncio.Queue[str] = asyncio.Queue()
        await storage.listen(received.put_nowait, lambda: None)
        with pytest.raises(PreconditionFailed):
            await act(storage, Invalidation("undone"), Expect("_accounts", {"id": "1"}, {}))
        await act(storage, Put("_accounts", ADA), Invalidation("done"))
        assert await storage.rows("_accounts", {}) == [ADA]
        if storage.has_other_writers:
            assert await asyncio.wait_for(received.get(), 30) == "done"
        assert received.empty()

    async def test_commits_of_others(self, storage: Storage, make: Callable[[], Storage]) -> None:
        """Where other processes may write to the database, a process is notified of their commits."""
        written = asyncio.Event()
        await storage.listen(lambda subject: None, written.set)
        if storage.has_other_writers:
            async with opened(make()) as other:
                await commit(other, ScribeEdit("posts", "a", {}))
            await asyncio.wait_for(written.wait(), 30)
        assert written.is_set() is storage.has_other_writers

    async def test_amend(self, storage: Storage) -> None:
        """The named columns of every row that fits are changed; where there is none, none is made."""
        await act(storage, Put("_accounts", ADA), Put("_accounts", ADA | {"id": "2"}))
        await act(storage, Amend("_accounts", {"id": "1"}, {"roles": '["x"]', "is_disabled": True}))
        await act(storage, Amend("_accounts", {"id": "3"}, {"roles": "[]"}))
        rows = {row["id"]: row for row in await storage.rows("_accounts", {})}
        assert rows == {"1": ADA | {"roles": '["x"]', "is_disabled": True}, "2": ADA | {"id": "2"}}

    async def test_drop(self, storage: Storage) -> None:
        """Every row that fits is gone, and no other."""
        for seq in (1, 2, 3):
            row = {"account": "1", "device": "d", "seq": seq, "fingerprint": "", "result": b"{}"}
            await act(storage, Put("_results", row), Put("_results", row | {"device": "e"}))
        await act(storage, Drop("_results", {"account": "1", "device": "d"}), Drop("_results", {"seq": 2}))
        assert [(row["device"], row["seq"]) for row in await storage.rows("_results", {})] == [("e", 1), ("e", 3)]
        await act(storage, Drop("_results", {"account": "1", "device": "e"}, {"seq": 2}))
        assert [(row["device"], row["seq"]) for row in await storage.rows("_results", {})] == [("e", 3)]

    @pytest.mark.parametrize(
        "expected",
        [
            Expect("_accounts", {"id": "1"}, {"roles": "[]", "is_admin": True}),
            Expect("_accounts", {"id": "1"}, {}),
            Expect("_accounts", {"id": "2"}, None),
        ],
    )
    async def test_expect(self, storage: Storage, expected: Expect) -> None:
        """A precondition that holds lets the rest happen."""
        await act(storage, Put("_accounts", ADA))
        await act(storage, expected, Put("_meta", {"name": "x", "value": "y"}))
        assert await storage.row("_meta", {"name": "x"}) is not None

    @pytest.mark.parametrize(
        "expected",
        [
            Expect("_accounts", {"id": "1"}, {"roles": '["other"]'}),
            Expect("_accounts", {"id": "1"}, None),
            Expect("_accounts", {"id": "2"}, {}),
        ],
    )
    async def test_precondition_failed(self, storage: Storage, expected: Expect) -> None:
        """A precondition that doesn't hold undoes the whole transaction, records too."""
        await act(storage, Put("_accounts", ADA))
        with pytest.raises(PreconditionFailed, match="_accounts"):
            async with storage.transaction() as transaction:
                await write(transaction, ScribeEdit("posts", "a", {}), tables=tables(storage))
                await transaction.act([Put("_meta", {"name": "x", "value": "y"}), expected])
        assert await storage.row("_meta", {"name": "x"}) is None
        assert (await storage.head()).revision == 0

    @pytest.mark.parametrize("used", [None, 2.0])
    async def test_concurrent_preconditions(self, storage: Storage, used: float | None) -> None:
        """Of writers that expect the same row as it is, or that there is none, one finds it so."""
        if used is None:
            expected = Expect("_refresh_tokens", {"hash": "h"}, {"used": None})
            await act(storage, Put("_refresh_tokens", TOKEN))
        else:
            expected = Expect("_refresh_tokens", {"hash": "h"}, None)

        async def spend(n: int) -> int:
            await act(storage, expected, Put("_refresh_tokens", {"hash": "h", "used": float(n)}))
            return n

        results = await asyncio.gather(*(spend(n) for n in range(1, 7)), return_exceptions=True)
        won = [result for result in results if isinstance(result, int)]
        assert [type(result) for result in results if result not in won] == [PreconditionFailed] * 5
        row = await storage.row("_refresh_tokens", {"hash": "h"})
        assert row is not None
        assert [row["used"]] == won

    async def test_forgotten_answers(self, storage: Storage) -> None:
        """Answers of idempotency keys are kept until they are old enough."""
        row = {"caller": "1", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1}
        await act(storage, *(Put("_answers", {**row, "key": str(at), "at": float(at)}) for at in (10, 20, 30)))
        await storage.forget_answers(20)
        assert [kept["at"] for kept in await storage.rows("_answers", {})] == [20, 30]

    @pytest.mark.parametrize("table", ["_answers", "_mutations"])
    @pytest.mark.parametrize("count", [1_000, 2_300])
    async def test_much_to_forget(self, storage: Storage, table: str, count: int) -> None:
        """However many answers and outcomes of mutations are old enough, they are forgotten, and no others."""
        if table == "_answers":
            row = {"caller": "1", "fingerprint": "f", "status": 201, "body": b"{}", "revision": 1}
        else:
            row = {"account": "1", "content": "c", "result": b""}
        name = "key" if table == "_answers" else "id"
        await act(storage, *(Put(table, {**row, name: str(n), "at": 15.0}) for n in range(count)))
        await act(storage, *(Put(table, {**row, name: f"late {n}", "at": 20.0}) for n in range(3)))
        await (storage.forget_answers if table == "_answers" else storage.prune)(20)
        kept = await storage.rows(table, {})
        assert [row["at"] for row in kept] == [20] * 3

    async def test_acts_in_order(self, storage: Storage) -> None:
        """Each act sees what those before it did."""
        await act(
            storage,
            Put("_accounts", ADA),
            Expect("_accounts", {"id": "1"}, {"roles": "[]"}),
            Drop("_accounts", {"id": "1"}),
            Expect("_accounts", {"id": "1"}, None),
        )

    async def test_taken_email(self, storage: Storage) -> None:
        """Two accounts can't have one e-mail; the refusal names the field."""
        await act(
            storage, Put("_identities", EMAIL), Put("_identities", EMAIL | {"subject": "b@b.org", "account": "2"})
        )
        with pytest.raises(Refusal) as refused:
            await act(storage, Amend("_identities", {"account": "2"}, {"subject": EMAIL["subject"]}))
        assert (refused.value.code, list(refused.value.errors)) == ("conflict", ["email"])
