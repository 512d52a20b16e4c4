"""Live queries' windows: a change is applied to them, and they hold what asking again would find."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.finding import found_by_reading
from hinterland.client.local.guesses import Unplanned
from hinterland.client.local.plans import LocalSource
from hinterland.client.local.question import Question
from hinterland.client.local.windows import LiveWindow
from tests.client.local.conftest import NOTES, OPEN, next_of
from tests.client.local.things import QUESTIONS, SHAPES, Thing, by_sql, documents, drop, ids, keep, opened, outcome
from tests.client.local.work import counted


def refresh(connection: StoreConnection, source: LocalSource, window: LiveWindow, question: Question, key: Any) -> Any:
    """What the window holds after a change of the record `key`, and whether that was applied; None: SQL can't tell."""
    if window.apply(connection, source, {("things", "", key)}) is not None:
        return ids(window.texts())
    try:
        return ids(window.fill(source, by_sql(connection, source, question)))
    except Unplanned:
        return None


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(st.data())
@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize("oddness", [0, 1])
def test_a_window_holds_what_is_found(oddness: int, is_declared: bool, data: st.DataObject) -> None:
    """Whatever comes, changes and goes, a window of any size holds the first of the records that are found."""
    with opened() as connection:
        scope = Scope(1, "ada", SHAPES if is_declared else {})
        source, question = LocalSource(scope, "things", "", Thing), data.draw(QUESTIONS)
        limit = data.draw(st.none() | st.integers(1, 4))
        window = LiveWindow(limit)
        for document in data.draw(documents(oddness)):
            if data.draw(st.integers(0, 2)) == 0:
                drop(connection, scope, document["id"])
            else:
                keep(connection, scope, document)
            held = outcome(lambda: refresh(connection, source, window, question, document["id"]))  # noqa: B023
            if held is not None:
                found = outcome(lambda: ids(found_by_reading(connection, source, question).some(limit)))
                assert held == found


async def test_a_change_is_applied_without_asking(device: OPEN) -> None:
    """A change within a window, or beside it, has nothing asked again; one at its edge has the question asked."""
    local = await device(collections=[NOTES])
    local.scope.small = -1
    notes = local.collection("notes")
    for number in range(9):
        await notes.create({"id": f"n{number}", "count": number})
    watching = notes.watch(filter="record.count >= 0", sort=["count"], limit=4)
    assert [note["count"] for note in await next_of(watching)] == [0, 1, 2, 3]
    async with counted(local) as work:
        await notes.update("n2", {"text": "changed"})
        assert (await next_of(watching))[2]["text"] == "changed"
        await notes.create({"count": -1})
        await notes.create({"id": "first", "count": 0, "text": "new"})
        assert [note["count"] for note in await next_of(watching)] == [0, 0, 1, 2]
        assert work.runs("FROM records AS r") == 0
        await notes.delete("first")
        assert [note["count"] for note in await next_of(watching)] == [0, 1, 2, 3]
        assert work.runs("FROM records AS r") > 0
    await watching.aclose()


async def test_an_unsent_change_that_ends(device: OPEN) -> None:
    """A discarded edit leaves the window as it was before."""
    local = await device(collections=[NOTES])
    local.scope.small = -1
    notes = local.collection("notes")
    await notes.create({"id": "a", "text": "one"})
    watching = notes.watch(sort=["text"])
    assert [note["text"] for note in await next_of(watching)] == ["one"]
    written = await notes.update("a", {"text": "two"})
    assert [note["text"] for note in await next_of(watching)] == ["two"]
    await local.outbox.discard(written.mutation)
    assert [note["text"] for note in await next_of(watching)] == ["one"]
    await watching.aclose()
