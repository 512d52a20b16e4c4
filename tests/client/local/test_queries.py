"""Live queries: one run after a change, however many watch, and writes before what is read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hinterland.client.errors import BadRequest, WrongLoop
from hinterland.client.local.queries import QueryState, Rows
from hinterland.contract.changes import Write
from tests.client.local.conftest import NOTES, OPEN, next_of, until
from tests.client.local.steps import Note
from tests.client.local.work import counted
from tests.support.sync_backend import SyncBackend, rules

RUN = "AND is_shown"  # in the statement that reads a collection
MANY = 50


async def test_equal_questions_share_one_run(device: OPEN) -> None:
    """However many watch a question, as rows or as states, a change has it asked once; each watcher gets records of its
    own, which it may change."""
    local = await device()
    notes = local.collection("notes")
    for number in range(20):
        await notes.create({"text": "x", "count": number})
    question: dict[str, Any] = {"filter": "record.count > 5", "sort": ["text"]}
    watching = [notes.watch(**question, text="x") for _ in range(MANY)]
    showing = [notes.states(**question, text="x") for _ in range(MANY)]
    other = notes.watch(**question)
    await asyncio.gather(*map(next_of, [*watching, *showing, other]))
    async with counted(local) as work:
        await notes.create({"text": "x", "count": 99})
        rows = await asyncio.gather(*map(next_of, watching))
        states = await asyncio.gather(*map(next_of, showing))
        assert len(await next_of(other)) == 15
    assert work.runs(RUN) == 2  # for two questions
    assert {len(each) for each in rows} == {len(state.data) for state in states} == {15}
    rows[0][0]["text"] = "changed by its watcher"
    assert {row["text"] for row in (*rows[1], *states[0].data)} == {"x"}
    for each in (*watching, *showing, other):
        await each.aclose()


async def test_a_write_waits_for_one_read_at_most(device: OPEN) -> None:
    """What watchers read again does not stand before a write, however many different questions are watched."""
    local = await device()
    notes = local.collection("notes")
    await notes.create({"id": "a", "count": 0})
    reported: list[int] = []

    async def watch(number: int) -> None:
        async for _ in notes.watch(filter=f"record.count >= {-number}"):
            reported.append(number)

    tasks = [asyncio.create_task(watch(number)) for number in range(MANY)]
    await until(lambda: len(reported) == MANY)
    async with counted(local) as work:
        await notes.update("a", {"count": 1})
        await notes.update("a", {"count": 2})
        await notes.update("a", {"count": 3})
        before = work.runs(RUN)
        await until(lambda: len(reported) >= 2 * MANY)
    assert before <= 3 < MANY <= work.runs(RUN)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_watcher_that_leaves_takes_no_other_along(device: OPEN) -> None:
    """A watcher that is cancelled while a run is under way leaves the others their answer, and who joins during a run
    gets an answer that is not older than that."""
    local = await device()
    notes = local.collection("notes")
    first, second = notes.watch(), notes.watch()
    leaving, staying = asyncio.ensure_future(anext(first)), asyncio.ensure_future(anext(second))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == []
    joining = asyncio.ensure_future(anext(second))
    await notes.create({"id": "a"})
    assert [row["id"] for row in await joining] == ["a"]
    await second.aclose()


async def test_a_question_that_is_wrong_for_all(device: OPEN) -> None:
    """A mistake in a question is every watcher's error, and no other question's."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    for outcome in await asyncio.gather(
        *(anext(notes.watch(filter="record.nothing > 0")) for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(outcome, BadRequest)
    watching = notes.watch()
    assert await next_of(watching) == []
    await watching.aclose()


async def test_watching_from_another_loop(device: OPEN) -> None:
    """Who watches from another event loop is refused, also where the answer is shared and known already."""
    notes = (await device()).collection("notes")
    watching = notes.watch()
    assert await next_of(watching) == []
    for other in (notes.watch(), notes.states()):
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(asyncio.run, next_of(other))
    await watching.aclose()


async def shown(states: AsyncGenerator[QueryState[Note], None]) -> tuple[list[str], list[str]]:
    """The ids of the next state's data, and the texts of its refused creations."""
    state = await next_of(states)
    assert isinstance(state.data, Rows)
    texts = [str(write.body["text"]) for entry in state.refused for write in entry.writes if write.act == "create"]
    return [note.id for note in state.data], texts


@pytest.fixture
async def strict(server: SyncBackend) -> SyncBackend:
    """A server that refuses notes with the count 666."""
    await server.set_rules("notes", rules(written="!has(record.count) || record.count != 666"))
    return server


async def test_a_refused_creation_stays_visible(device: OPEN, strict: SyncBackend) -> None:
    """A creation that the server refuses is no record any longer, and is shown beside the data with its content and the
    reason, until it is retried or discarded."""
    local = await device()
    notes = local.collection("notes", Note)
    await local.sync.now()
    await notes.create({"id": "b", "text": "good"})
    await notes.create({"id": "a", "text": "bad", "count": 666})
    states = notes.states(sort=["id"])
    assert await shown(states) == (["a", "b"], [])
    await local.sync.now()
    state = await next_of(states)
    while not state.refused:
        state = await next_of(states)
    assert [note.id for note in state.data] == ["b"]
    [entry] = state.refused
    assert (entry.state, entry.writes[0].body["text"], entry.problem.code) == ("refused", "bad", "forbidden")
    await local.outbox.edit(entry.id, {"text": "better"})
    assert await shown(states) == (["b"], ["better"])
    handle = await local.outbox.retry(entry.id)
    assert await shown(states) == (["a", "b"], [])
    await local.sync.now()
    assert (await handle.settled()).is_applied
    await states.aclose()


async def test_which_refused_creations_are_shown(device: OPEN, strict: SyncBackend) -> None:
    """A question shows the refused creations that it would find, below its parent; a discarded one is shown no longer,
    and other refused writes are the outbox's alone."""
    local = await device()
    notes, lines_of_one = local.collection("notes", Note), local.collection("lines", parent="orders/1")
    await notes.create({"id": "a", "text": "here"})
    await local.sync.now()
    await notes.update("a", {"count": 666})
    refused = [await notes.create({"text": text, "count": 666}) for text in ("one", "two")]
    await local.write(
        Write(act="create", collection="notes", body={"text": "three", "count": 666}),
        Write(act="patch", collection="notes", id="a", body={"text": "there"}),
    )
    await local.sync.now()
    every, some, lines = notes.states(), notes.states(text="two"), lines_of_one.states()
    assert await shown(every) == (["a"], ["one", "two", "three"])
    assert await shown(some) == ([], ["two"])
    assert not (await next_of(lines)).refused
    await local.outbox.discard(refused[1].mutation)
    assert await shown(every) == (["a"], ["one", "three"])
    assert await shown(some) == ([], [])
    for each in (every, some, lines):
        await each.aclose()
