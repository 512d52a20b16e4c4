"""The results that a device has not acknowledged: how many are kept, and what of them is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import MAX_MUTATIONS, MAX_UNACKNOWLEDGED, Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data import devices, given_ids
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, COLLECTIONS, World, opened


def withdrawals(first: int, count: int) -> list[Mutation]:
    """Mutations that only need an outcome."""
    return [Mutation(seq=seq, id=f"m{seq}", writes=[]) for seq in range(first, first + count)]


def post(seq: int, id: str, act: str = "create") -> Mutation:
    """A mutation of one post."""
    write = Write(act=act, collection="posts", id=id, body={"title": f"{act} {seq}"})  # type: ignore[arg-type]
    return Mutation(seq=seq, id=f"m{seq}", writes=[write])


async def test_a_device_that_acknowledges_nothing(world: World) -> None:
    """A device that would have more results kept than the server keeps is refused with what to do, and nothing of its
    push is taken; what was settled is answered again, and acknowledging makes room."""
    for first in range(1, MAX_UNACKNOWLEDGED, MAX_MUTATIONS):
        await world.push(ADA, *withdrawals(first, MAX_MUTATIONS))
    for acknowledged, last in ((0, 0), (7, 7)):
        more = withdrawals(MAX_UNACKNOWLEDGED, acknowledged + 2)
        with pytest.raises(Refusal) as refused:
            await world.push(ADA, *more, acknowledged=acknowledged)
        assert (refused.value.code, refused.value.details) == ("unacknowledged", {"acknowledged": last})
        assert f"after mutation {last} are not acknowledged, and 1,000 are kept at most; send in" in str(refused.value)
    again = await world.push(ADA, *withdrawals(MAX_UNACKNOWLEDGED, 1))
    assert [each.status for each in again.results] == ["withdrawn"]
    result = await world.push(ADA, *withdrawals(MAX_UNACKNOWLEDGED + 1, 7), acknowledged=7)
    assert result.settled == MAX_UNACKNOWLEDGED + 7
    assert len(await world.storage.rows("_results", {})) == MAX_UNACKNOWLEDGED
    other = await world.push(ADA, *withdrawals(1, 1), device="other")
    assert other.settled == 1


async def test_acknowledged_ids_are_forgotten(world: World) -> None:
    """The ids in the place of stand-ins are kept as long as the results that answer them, and are known to the push
    that acknowledges these."""
    await world.push(ADA, post(1, "~a"), post(2, "~b"))
    assert [(row["seq"], row["name"], row["id"]) for row in await world.storage.rows("_stand_ins", {})] == [
        (1, "~a", 1), (2, "~b", 2),
    ]  # fmt: skip
    changed = await world.push(ADA, post(3, "~a", "patch"), acknowledged=1)
    assert changed.results[0].status == "applied"
    assert [row["name"] for row in await world.storage.rows("_stand_ins", {})] == ["~b"]
    [late] = (await world.push(ADA, post(4, "~a", "patch"), acknowledged=3)).results
    assert late.status == "refused"
    assert await world.storage.rows("_stand_ins", {}) == []


async def test_many_names_at_once(storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutation names as many records by stand-ins as it has writes."""
    monkeypatch.setattr(given_ids, "_AT_ONCE", 2)
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.push(ADA, *(post(seq, f"~{seq}") for seq in range(1, 6)))
        writes = [write for seq in range(1, 6) for write in post(seq, f"~{seq}", "patch").writes]
        [result] = (await world.push(ADA, Mutation(seq=6, id="m6", writes=writes))).results
        assert result.status == "applied"
        titles = [record["title"] for record in (await world.visible(ADA, "posts")).values()]
        assert sorted(titles) == [f"patch {seq}" for seq in range(1, 6)]


@pytest.mark.parametrize(
    ("sql", "found_by"),
    [
        (devices._FIRST_KEPT, ""),
        (devices._FINGERPRINTS, " AND seq>? AND seq<?"),
        (given_ids._HAS_ANY, ""),
        (given_ids._STAND_INS.format(given_ids._NAMED.format("?, ?")), " AND name=?"),
        ("DELETE FROM _results WHERE account = ? AND device = ? AND seq <= ?", " AND seq<?"),
        ("DELETE FROM _stand_ins WHERE account = ? AND device = ? AND seq <= ?", " AND seq<?"),
    ],
)
async def test_what_a_push_reads_is_found_by_an_index(tmp_path: Path, sql: str, found_by: str) -> None:
    """A push reads of a device's results only those that it mentions, and the ids that it names; so it is with those
    that it acknowledges."""
    async with opened(SqliteStorage(tmp_path), ManualClock()) as world:
        plan = await world.storage.fetch(f"EXPLAIN QUERY PLAN {sql}", ("a",) * sql.count("?"))
        [step] = [row[3] for row in plan if not row[3].startswith("USE TEMP B-TREE FOR ORDER BY")]
        assert step.startswith("SEARCH")
        assert step.endswith(f"(account=? AND device=?{found_by})")
