"""What the local store does for a write, a change and a round, counted: it does not grow with what is there."""

from __future__ import annotations

from hinterland.client.local import records
from hinterland.contract.changes import Write
from tests.client.local.conftest import NOTES, OPEN
from tests.client.local.steps import Way, outbox
from tests.client.local.work import Work, counted
from tests.support.sync_backend import SyncBackend, rules


def close_to(some: Work, other: Work) -> bool:
    """Whether both did about the same."""
    return abs(some.calls - other.calls) <= 5 and abs(some.steps - other.steps) <= 100


async def test_an_edit_costs_the_same_however_many_wait(device: OPEN) -> None:
    """The unsent edits of a record are not read again for the next one; the view is what they give together."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    await notes.create({"id": "a", "count": 0, "tags": []})
    some: list[Work] = []
    for number in range(300):
        async with counted(local) as work:
            await notes.update("a", {"count": {"$increment": 1}, "tags": {"$add": [str(number % 7)]}})
        some.append(work)
    assert close_to(some[10], some[-1]), (some[10].calls, some[10].steps, some[-1].calls, some[-1].steps)
    shown = await notes.get("a")
    key = ("notes", "", "a")
    await local.store.write(lambda c: records.refresh(c, local.scope, [key]))  # folds all of them anew
    assert await notes.get("a") == shown
    assert (shown["count"], len(await local.outbox.list())) == (300, 301)


async def test_edits_of_a_record_settle_in_one_fold(device: OPEN, server: SyncBackend) -> None:
    """However many edits of a record one answer refuses, its view is made anew once."""
    local = await device(remote=(way := Way(server)))
    notes = local.collection("notes")
    await notes.create({"id": "a", "count": 0})
    await local.sync.now()
    await server.set_rules("notes", rules(written="record.count == 0"))
    for number in range(100):
        await notes.update("a", {"count": number + 1})
    async with counted(local) as work:
        await local.sync.now()
    assert work.runs("SELECT base, revision FROM records") == 1
    assert {state for state, _ in await outbox(local)} == {"refused"}
    assert (await notes.get("a"))["count"] == 0
    assert len(way.pushed) == 2


async def test_a_round_without_news_reads_no_record(device: OPEN, server: SyncBackend) -> None:
    """A round that brings nothing costs the same with a thousand records and unsent edits as with none, and so does a
    change of one record."""
    some: list[Work] = []
    for name, count in (("empty", 0), ("full", 1_000)):
        for number in range(count):
            await server.write(Write(act="create", collection="notes", id=f"n{number}", body={"count": number}))
        local = await device(name)
        notes = local.collection("notes")
        await local.sync.now()
        async with counted(local) as work:
            await local.sync.now()
        some.append(work)
        for number in range(count // 10):
            await notes.update(f"n{number}", {"count": -1})
        async with counted(local) as work:
            await local.sync._rounds._pull(local.scope, "notes")
        some.append(work)
        await server.write(Write(act="create", collection="notes", id=f"new-{name}", body={}))
        async with counted(local) as work:
            await local.sync._rounds._pull(local.scope, "notes")
        some.append(work)
        assert (await notes.get(f"new-{name}"))["id"] == f"new-{name}"
    for empty, full in zip(some[:3], some[3:], strict=True):
        assert close_to(empty, full), f"{empty}\n{full}"


async def test_a_refused_creation_reads_what_builds_on_it_only(device: OPEN, server: SyncBackend) -> None:
    """What a refused creation takes along is found without reading what else waits: thrice as many refused creations
    are thrice the work, and not nine times."""
    await server.set_rules("notes", rules(written="false"))
    some: list[Work] = []
    for name, count in (("some", 60), ("thrice", 180)):
        local = await device(name)
        notes = local.collection("notes")
        for number in range(count):
            await notes.create({"id": f"n{number}", "count": number})
        async with counted(local) as work:
            await local.sync.now()
        some.append(work)
        assert {state for state, _ in await outbox(local)} == {"refused"}
    assert some[1].calls < 4 * some[0].calls
    assert some[1].steps < 4 * some[0].steps
