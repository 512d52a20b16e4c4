"""How large a record may be, and how much of records one request makes."""

from __future__ import annotations

from hinterland.contract.changes import Write
from hinterland.contract.imports import Import
from hinterland.contract.records import users
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data.importer import Importer
from hinterland.server.data.weights import MAX_BYTES, Weights, weight
from hinterland.server.settings import MAX_RECORD_BYTES
from hinterland.server.storage.protocol import Storage, StoredRecord
from tests.server.data.acts import OPEN, make
from tests.server.data.world import ADA, note, opened, patch
from tests.server.refused import refused


async def test_many_versions_of_a_large_record(storage: Storage, clock: ManualClock) -> None:
    """A small mutation that would make more than 64 MiB of versions of a large record is refused, and those behind it
    go on."""
    async with opened(storage, clock) as world:
        large = note("a", "ada", tags=[f"{n:010000}" for n in range(100)])
        await world.push(ADA, Mutation(seq=1, id="m1", writes=[large]))
        many, fewer = ([patch("notes", "a", count=count) for count in range(size)] for size in (70, 10))
        pushed = await world.push(ADA, Mutation(seq=2, id="m2", writes=many), Mutation(seq=3, id="m3", writes=fewer))
        lost, applied = pushed.results
        assert (lost.status, lost.problem and lost.problem.code) == ("refused", "too_large")
        assert (applied.status, applied.revision) == ("applied", 11)


async def test_a_record_that_grows_too_large(storage: Storage, clock: ManualClock) -> None:
    """A push that makes a record too large is refused for that mutation, and an import for that row; the others go on.
    A text that is hidden counts in whole MiB, so that its length decides no refusal."""
    async with opened(storage, clock, (users(), OPEN)) as world:
        world.writer.max_record_bytes = 2_000
        ada = await world.push(
            ADA,
            Mutation(seq=1, id="m1", writes=[make("open", "x", any="x" * 1_500, secret="s" * 9_000)]),
            Mutation(seq=2, id="m2", writes=[patch("open", "x", tags={"$add": ["t" * 500]})]),
            Mutation(seq=3, id="m3", writes=[patch("open", "x", any={"a": "y" * 1_000})]),
            Mutation(seq=4, id="m4", writes=[patch("open", "x", any={"b": "y" * 1_000})]),
            Mutation(seq=5, id="m5", writes=[patch("open", "x", text="on")]),
        )
        outcomes = [(result.status, result.problem and result.problem.code) for result in ada.results]
        assert outcomes == [("applied", None), ("refused", "too_large"), ("applied", None), ("refused", "too_large"),
                         ("applied", None)]  # fmt: skip
        rows = [{"id": "r1", "any": "x" * 2_000}, {"id": "r2", "any": "x"}]
        result = await Importer(world.commands, world.catalogue).run("open", Import(rows=rows))
        assert (result.created, [report.row for report in result.refused]) == (1, [0])
        assert "larger than 2,000 bytes" in result.refused[0].message


def test_weights() -> None:
    """All hidden texts up to 64 KiB count the same, and longer ones in whole MiB, so that no refusal tells a length.
    What the request makes itself counts in steps of 4 KiB, as far as hooks may have added to it."""

    def weights(*sizes: int, is_made: bool = False) -> list[int]:
        return [weight(StoredRecord("", "a", 1, "", "", "{}", "x" * size or None), is_made=is_made) for size in sizes]

    assert weights(0, 1, 2**16, 2**16 + 1, 2**20 + 1) == [2, 2**14 + 2, 2**14 + 2, 2**20 + 2, 2**21 + 2]
    assert weights(0, 1, 4_096, 4_097, is_made=True) == [2, 4_098, 4_098, 8_194]


async def test_many_small_records_with_hidden_texts(storage: Storage, clock: ManualClock) -> None:
    """Records with short hidden texts are made, changed and deleted by the hundreds in one request."""
    async with opened(storage, clock, (users(), OPEN)) as world:
        ids = [f"n{number}" for number in range(200)]
        made = [make("open", id, text="a", secret="s") for id in ids]
        changed = [patch("open", id, text="b") for id in ids]
        deleted = [Write(act="delete", collection="open", id=id) for id in ids]
        mutations = [
            Mutation(seq=seq, id=f"m{seq}", writes=writes) for seq, writes in enumerate([made, changed, deleted], 1)
        ]
        pushed = await world.push(ADA, *mutations)
        assert [result.status for result in pushed.results] == ["applied"] * 3


def test_a_record_that_is_too_large_already() -> None:
    """It may be changed as long as it does not grow, and one that is as large as may be is not; a change counts by the
    larger of its records."""
    small, large, larger = (StoredRecord("", "a", 1, "", "", "x" * size, None) for size in (5, 20, 21))
    weights = Weights(10)
    weights.add(large, large)
    weights.add(large, small)
    assert weights.size == 40
    Weights(20).add(None, large)
    with refused("too_large"):
        weights.add(large, larger)


def test_the_bound_of_a_request() -> None:
    """The versions that a request makes may weigh 64 MiB together, and not more."""
    weights = Weights(MAX_RECORD_BYTES)
    for _ in range(MAX_BYTES // 2**20):
        weights.add(None, StoredRecord("", "a", 1, "", "", "", "x" * 2**20))
    with refused("too_large"):
        weights.add(StoredRecord("", "a", 1, "", "", "x", None), None)
