"""A second protocol beside Server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec

from hinterland.kit.clock import ManualClock
from tests.server.data.json_lines import JsonLines, follow
from tests.server.data.world import ADA, World, delete, listen, note, patch


async def test_a_protocol_of_its_own(world: World, clock: ManualClock) -> None:
    """A protocol that is one encoder delivers the same events in its own bytes: with their cursors, small and large,
    each commit made once for all of a kind; and its own sign of life."""
    lines = JsonLines()
    async with (
        aclosing(follow(world.feed, lines, ADA, "notes")) as ours,
        aclosing(follow(world.feed, lines, ADA, "notes")) as others,
    ):
        ready = [await anext(stream) for stream in (ours, others)]
        assert [(event["event"], world.cursors.read(event["cursor"]).revision) for event in ready] == [("ready", 0)] * 2
        sse = await listen(world, ADA, "notes")
        commits = []
        lines.encoded.clear()
        waiting = [asyncio.ensure_future(anext(stream)) for stream in (ours, others)]
        for writes in (
            [note("a", "ada", title="small"), note("b", "ada"), note("c", "ben")],
            [patch("notes", "a", tags=["x" * 10_000] * 20)],
            [delete("notes", "a"), patch("notes", "b", members=["ben"])],
        ):
            while not all(each.is_live for each in world.feed._subscriptions):  # one that is late encodes for itself
                await clock.advance(0)
            await world.write(*writes)
            same, other = await asyncio.gather(*waiting)
            message = await sse.next()
            assert (same["data"], same["cursor"]) == (msgspec.json.decode(message.data), message.id)
            assert same == other
            commits.append(same)
            waiting = [asyncio.ensure_future(anext(stream)) for stream in (ours, others)]
        assert [commit["data"]["revision"] for commit in commits] == [3, 4, 6]
        assert lines.encoded.count("changes") == len(commits)
        while not all(task.done() for task in waiting):
            await clock.advance(5)
        assert [task.result() for task in waiting] == [{}, {}]


async def test_its_other_events(world: World) -> None:
    """Where a cursor can't be continued, or went on without news, the protocol's encoder says so."""
    lines = JsonLines()
    fingerprints = (await listen(world, ADA, "notes")).subscription.outlet.fingerprints
    async with aclosing(follow(world.feed, lines, ADA, "notes", cursor=world.cursors.at(9, 9, fingerprints))) as stream:
        ready, resync = [await anext(stream) for _ in range(2)]
    assert (world.cursors.read(ready["cursor"]).revision, resync["reason"]) == (9, "restored")
    await world.write(note("a", "ben"))
    async with aclosing(follow(world.feed, lines, ADA, "notes", cursor=world.cursors.at(0, 0, fingerprints))) as stream:
        position = [await anext(stream) for _ in range(2)][1]
    assert (position["event"], world.cursors.read(position["cursor"]).revision) == ("position", 1)
