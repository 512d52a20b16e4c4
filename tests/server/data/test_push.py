from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.sync import MAX_MUTATIONS, MAX_PUSH_WRITES, MAX_WRITES, Lost, Mutation, PushResult
from hinterland.kit.clock import ManualClock
from hinterland.server.data.steps import step_of
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import LogEntry
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, ADMIN, BEN, Replica, World, delete, note, opened, patch


def mutation(seq: int, *writes: Write, base: list[int] | None = None, timestamp: float = 0.0) -> Mutation:
    return Mutation(seq=seq, id=f"m{seq}", writes=[*writes], base=base or [], timestamp=timestamp)


def outcomes(result: PushResult) -> list[tuple[int, str, int]]:
    return [(settled.seq, settled.status, settled.revision) for settled in result.results]


async def title(world: World, id: str) -> Any:
    return (await world.visible(ADMIN, "notes"))["notes", "", id]["title"]


async def refusal(world: World, *mutations: Mutation, acknowledged: int = 0, device: str = "d1") -> Refusal:
    """The refusal of a push, of which nothing was taken."""
    head = await world.storage.head()
    with pytest.raises(Refusal) as caught:
        await world.push(ADA, *mutations, acknowledged=acknowledged, device=device)
    assert await world.storage.head() == head
    return caught.value


# ------------------------------------------------------------------ exactly once, in order


async def test_in_order(world: World) -> None:
    """A push is applied in order of seq, each mutation as one commit, and each outcome is reported."""
    first = mutation(1, note("a", "ada", title="1"), note("b", "ada"))
    result = await world.push(ADA, mutation(2, patch("notes", "a", title="2")), first)
    assert (outcomes(result), result.settled) == ([(1, "applied", 2), (2, "applied", 3)], 2)
    assert [entry.commit for entry in await world.storage.log(0, 9)] == [2, 2, 3]


async def test_again(world: World) -> None:
    """duplicated, delayed pushes → the same outcomes, nothing applied twice."""
    mutations = [mutation(1, note("a", "ada", count=1)), mutation(2, patch("notes", "a", count={"$increment": 1}))]
    once = await world.push(ADA, *mutations)
    head = await world.storage.head()
    assert await world.push(ADA, *mutations) == once
    assert await world.push(ADA, mutations[0]) == PushResult(results=once.results[:1], settled=2)
    assert await world.storage.head() == head


async def test_at_once(world: World) -> None:
    """The same push twice at the same time is applied once, and both hear the same."""
    mutations = [mutation(seq, note(f"n{seq}", "ada")) for seq in range(1, 6)]
    results = await asyncio.gather(*(world.push(ADA, *mutations) for _ in range(3)))
    assert [settled.status for settled in results[0].results] == ["applied"] * 5
    assert results[0] == results[1] == results[2]
    assert (await world.storage.head()).revision == 5


async def test_partly_applied(world: World) -> None:
    """A push of which a part had arrived before goes on from there."""
    mutations = [mutation(seq, note(f"n{seq}", "ada")) for seq in range(1, 4)]
    await world.push(ADA, *mutations[:2])
    assert outcomes(await world.push(ADA, *mutations)) == [(n, "applied", n) for n in (1, 2, 3)]


async def test_refused_does_not_block(world: World) -> None:
    """A poison write is settled as refused with its problem, nothing of its mutation is applied, the others go on."""
    result = await world.push(
        ADA,
        mutation(1, note("a", "ada")),
        mutation(2, patch("notes", "a", title="never"), patch("notes", "a", title=7)),
        mutation(3, Write(act="create", collection="closed", body={"text": "x"})),
        mutation(4, patch("notes", "nowhere", title="x")),
        mutation(5, patch("notes", "a", title="last")),
    )
    assert [settled.status for settled in result.results] == ["applied", "refused", "refused", "refused", "applied"]
    problems = [settled.problem.code for settled in result.results if settled.problem is not None]
    assert problems == ["validation", "forbidden", "not_found"]
    assert await title(world, "a") == "last"
    assert (await world.push(ADA, *[mutation(6, patch("notes", "a", title="more"))], acknowledged=5)).settled == 6


async def test_acknowledged(world: World) -> None:
    """Results are kept until the device has acknowledged them, and no longer."""
    await world.push(ADA, *[mutation(seq, note(f"n{seq}", "ada")) for seq in (1, 2, 3)])
    again = await world.push(ADA, mutation(2, note("n2", "ada")), mutation(3, note("n3", "ada")), acknowledged=2)
    assert (outcomes(again), again.settled) == ([(3, "applied", 3)], 3)
    assert [row["seq"] for row in await world.storage.rows("_results", {})] == [3]
    assert await world.push(ADA, acknowledged=3) == PushResult(results=[], settled=3)
    assert await world.storage.rows("_results", {}) == []


async def test_accounts_share_nothing(world: World) -> None:
    """Another account on the same device has a queue of its own."""
    await world.push(ADA, mutation(1, note("a", "ada")))
    assert outcomes(await world.push(BEN, mutation(1, note("b", "ben")))) == [(1, "applied", 2)]


# ------------------------------------------------------------------ what is refused as a whole


async def test_gap(world: World) -> None:
    """A missing mutation is a gap: the answer says which seq is expected."""
    error = await refusal(world, mutation(2, note("a", "ada")))
    assert (error.code, error.details) == ("gap", {"expected": 1})
    error = await refusal(world, mutation(1, note("a", "ada")), mutation(3, note("b", "ada")))
    assert (error.code, error.details) == ("gap", {"expected": 2})


async def test_fork(world: World) -> None:
    """A known seq with other content is another store's (it was cloned): the device must take a new id."""
    await world.push(ADA, *[mutation(seq, note(f"n{seq}", "ada")) for seq in (1, 2)])
    assert (await refusal(world, mutation(2, note("other", "ada")), mutation(3, note("c", "ada")))).code == "fork"
    await world.push(ADA, acknowledged=2)
    assert (await refusal(world, mutation(2, note("n2", "ada")))).code == "fork"
    twice = [mutation(3, note("c", "ada")), mutation(3, note("d", "ada"))]
    assert (await refusal(world, *twice)).code == "fork"


async def test_restored_server(world: World) -> None:
    """A server that was restored to before what the device has acknowledged answers fork: its queue goes on anew."""
    await world.push(ADA, mutation(1, note("a", "ada")))
    error = await refusal(world, mutation(3, note("c", "ada")), acknowledged=2)
    assert (error.code, error.details) == ("fork", {"settled": 1})


@pytest.mark.parametrize(
    ("mutations", "code", "words"),
    [
        ([mutation(0, note("a"))], "invalid_body", "mutation 0"),
        ([mutation(1, note("a"), base=[1, 2])], "invalid_body", "mutation 1: base"),
        ([mutation(1, note("a"), note("b"), base=[1])], "invalid_body", "mutation 1: base"),
        ([mutation(1, *[note("a")] * (MAX_WRITES + 1))], "too_large", "mutation 1: it has 501 writes"),
        ([mutation(n + 1, note("a")) for n in range(MAX_MUTATIONS + 1)], "too_large", "at most 200 mutations"),
        ([mutation(n, *[note("a")] * 334) for n in (1, 2, 3)], "too_large", "at most 1000 writes, this has 1002"),
    ],
)
async def test_limits(lite: World, mutations: list[Mutation], code: str, words: str) -> None:
    """What can't be taken is refused as a whole, with the mutation's name."""
    error = await refusal(lite, *mutations)
    assert (error.code, words in error.message) == (code, True)


async def test_at_the_limits(lite: World) -> None:
    """As much as may be is taken: 500 writes of one mutation, 1,000 of one push, 200 mutations of one push."""
    whole = [mutation(seq, *(note(f"n{seq}_{n}", "ada") for n in range(MAX_WRITES))) for seq in (1, 2)]
    assert sum(len(each.writes) for each in whole) == MAX_PUSH_WRITES
    assert outcomes(await lite.push(ADA, *whole)) == [(1, "applied", 500), (2, "applied", 1_000)]
    many = [mutation(seq, patch("notes", "n1_0", title=f"{seq}")) for seq in range(3, MAX_MUTATIONS + 3)]
    assert (await lite.push(ADA, *many, acknowledged=2)).settled == MAX_MUTATIONS + 2


async def test_device_and_caller(lite: World) -> None:
    """A push needs a device's id and a signed-in caller."""
    assert (await refusal(lite, mutation(1, note("a")), device="a b")).code == "invalid_body"
    with pytest.raises(Refusal) as caught:
        await lite.push(SIGNED_OUT, mutation(1, note("a")))
    assert caught.value.code == "unauthorized"


def test_digests() -> None:
    """Digests are of the content, whatever the order of names in the JSON; a copy's differ in seq and base alone."""
    one = step_of("ada", "d", mutation(1, note("a", title="x", count=2)))
    write = Write(act="create", collection="notes", id="a", body={"count": 2, "title": "x", "members": []})
    assert step_of("ada", "d", mutation(1, write)) == one
    second = step_of("ada", "d", mutation(2, note("a", title="x", count=2)))
    assert second.fingerprint != one.fingerprint
    assert second.content == one.content
    assert second.mutation != one.mutation
    withdrawn = step_of("ada", "d", mutation(1))
    assert (withdrawn.mutation, withdrawn.content) == (one.mutation, "")


class Full(SqliteStorage):
    """A database whose disk is full for a while."""

    is_full = False

    def transaction(self) -> Any:
        if self.is_full:
            raise Refusal("storage_full")
        return super().transaction()


async def test_an_error_is_no_outcome(tmp_path: Path, clock: ManualClock) -> None:
    """What the server can't do now is not settled: the push fails, and applies when it comes again."""
    storage = Full(tmp_path)
    async with opened(storage, clock) as world:
        storage.is_full = True
        assert (await refusal(world, mutation(1, note("a", "ada")))).code == "storage_full"
        storage.is_full = False
        assert outcomes(await world.push(ADA, mutation(1, note("a", "ada")))) == [(1, "applied", 1)]


async def test_unique_race(postgres_dsn: str, clock: ManualClock) -> None:
    """Two processes take the same unique value at once: one has it, the other's mutation is refused, none hangs."""
    storages = [PostgresStorage(postgres_dsn, connections=4) for _ in range(2)]
    async with opened(storages[0], clock) as here, opened(storages[1], clock) as there:
        for turn in range(10):
            pair = [(here, "d1"), (there, "d2")]
            pushes = [
                world.push(ADA, mutation(turn + 1, note(f"{device}-{turn}", "ada", slug=f"s{turn}")), device=device)
                for world, device in pair
            ]
            results = await asyncio.gather(*pushes)
            assert sorted(result.results[0].status for result in results) == ["applied", "refused"]


# ------------------------------------------------------------------ two devices


async def two_edits(world: World, here: dict[str, Any], there: dict[str, Any]) -> tuple[dict[str, Any], list[Lost]]:
    """Both devices saw the same note and edit it, the second one earlier but pushed later."""
    body: dict[str, Any] = {"title": "0", "count": 10, "tags": ["x", "y"], "done": False}
    made = await world.push(ADA, mutation(1, note("a", "ada", **body)), device="d1")
    base = [made.results[0].revision]
    now = world.clock.now()
    await world.push(ADA, mutation(2, patch("notes", "a", **here), base=base, timestamp=now + 20), device="d1")
    late = await world.push(ADA, mutation(1, patch("notes", "a", **there), base=base, timestamp=now + 10), device="d2")
    assert late.results[0].status == "applied"
    return (await world.visible(ADMIN, "notes"))["notes", "", "a"], late.results[0].lost


async def test_different_fields(world: World) -> None:
    """two devices: different fields → both edits stand."""
    record, lost = await two_edits(world, {"title": "here"}, {"slug": "there"})
    assert (record["title"], record["slug"], lost) == ("here", "there", [])


async def test_same_field(world: World) -> None:
    """two devices: same field → the newer edit stands, and the lost one is reported."""
    record, lost = await two_edits(world, {"title": "here"}, {"title": "there"})
    assert (record["title"], lost) == ("here", [Lost("title", "there", "here")])


async def test_policies(world: World) -> None:
    """two devices: counters add up, sets unite, the server's own fields keep what came first."""
    here = {"count": 11, "tags": ["y", "h"], "done": True}
    record, lost = await two_edits(world, here, {"count": 15, "tags": ["x", "y", "t"], "done": None})
    assert (record["count"], record["tags"], record["done"]) == (16, ["y", "h", "t"], True)
    assert lost == [Lost("done", None, True)]


async def test_own_edits(world: World) -> None:
    """Two edits that a device made on the same base are its own: neither is lost, nor counted twice."""
    await world.push(ADA, mutation(1, note("a", "ada", title="0", count=1)))
    later = [
        mutation(2, patch("notes", "a", title="1", count=2), base=[1], timestamp=world.clock.now() - 50),
        mutation(3, patch("notes", "a", title="2", count=3), base=[1], timestamp=world.clock.now() - 60),
    ]
    result = await world.push(ADA, *later)
    record = (await world.visible(ADMIN, "notes"))["notes", "", "a"]
    assert (record["title"], record["count"], [settled.lost for settled in result.results]) == ("2", 3, [[], []])


async def test_delete_against_edit(world: World) -> None:
    """two devices: delete against edit → the newer act stands; an edit of what is gone is refused, a delete of what
    was edited later is reported."""
    made = await world.push(ADA, mutation(1, note("a", "ada"), note("b", "ada")), device="d1")
    now = world.clock.now()
    edits = [patch("notes", "a", title="late"), patch("notes", "b", title="early")]
    await world.push(ADA, mutation(2, *edits, base=[made.results[0].revision] * 2, timestamp=now + 5), device="d1")
    bases = [1, 2]
    early = await world.push(ADA, mutation(1, delete("notes", "a"), base=bases[:1], timestamp=now), device="d2")
    late = await world.push(ADA, mutation(2, delete("notes", "b"), base=bases[1:], timestamp=now + 9), device="d2")
    assert [result.results[0].status for result in (early, late)] == ["applied", "applied"]
    assert len(early.results[0].lost) == 1
    assert late.results[0].lost == []
    assert {key[2] for key in await world.visible(ADA, "notes")} == {"a"}
    gone = await world.push(ADA, mutation(3, patch("notes", "b", title="x"), base=[2]), device="d1")
    assert gone.results[0].problem is not None
    assert gone.results[0].problem.code == "not_found"


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["title", "slug", "count", "tags", "done", "delete"]),
        st.integers(0, 3),
        st.integers(-9, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def edit_of(seq: int, edit: tuple[str, int, int, bool], now: float) -> Mutation:
    """An edit of the note that both devices saw; one that was made without a base is of the note as it is."""
    field, value, age, has_base = edit
    values: dict[str, Any] = {"title": f"t{value}", "slug": f"s{value}", "count": value, "tags": [f"g{value}"],
                              "done": value > 1}  # fmt: skip
    write = delete("notes", "a") if field == "delete" else patch("notes", "a", **{field: values[field]})
    return mutation(seq, write, base=[1] if has_base else [0], timestamp=now + age)


@given(here=EDITS, there=EDITS)
@settings(max_examples=40)
async def test_together_as_one_after_the_other(
    here: list[tuple[str, int, int, bool]], there: list[tuple[str, int, int, bool]]
) -> None:
    """What devices push at the same time, in one transaction, ends as if they had come one after the other."""
    reported: list[tuple[list[PushResult], list[LogEntry]]] = []
    for is_together in (False, True):
        clock = ManualClock()
        with TemporaryDirectory() as folder:
            async with opened(SqliteStorage(Path(folder)), clock) as world:
                await world.push(ADA, mutation(1, note("a", "ada", count=1, tags=["x"])), device="d0")
                edits = {
                    device: [edit_of(seq, edit, clock.now()) for seq, edit in enumerate(given, 1)]
                    for device, given in (("d1", here), ("d2", there))
                }
                pushes = [world.push(ADA, *mutations, device=device) for device, mutations in edits.items()]
                results = await asyncio.gather(*pushes) if is_together else [await push for push in pushes]
                log = await world.storage.log(0, 99)
                reported.append(([*results], [entry._replace(check=0) for entry in log]))
    assert reported[0] == reported[1]


async def test_unique_clash(world: World) -> None:
    """two devices: unique clash → the first has the value, the second's mutation is refused and names the field."""
    await world.push(ADA, mutation(1, note("a", "ada", slug="same")), device="d1")
    result = await world.push(ADA, mutation(1, note("b", "ada", slug="same")), device="d2")
    problem = result.results[0].problem
    assert problem is not None
    assert (problem.code, list(problem.errors)) == ("conflict", ["slug"])


async def test_temporary_ids(world: World) -> None:
    """A creation's temporary id becomes the server's, also in later writes of the same mutation."""
    writes = [
        Write(act="create", collection="posts", id="~t1", body={"title": "x"}),
        Write(act="patch", collection="posts", id="~t1", body={"title": "y"}),
    ]
    result = await world.push(ADA, mutation(1, *writes))
    assert result.results[0].ids == {0: 1}
    assert (await world.visible(ADA, "posts"))["posts", "", 1]["title"] == "y"


# ------------------------------------------------------------------ any network


PUSHES = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 7), st.integers(0, 1)), max_size=8)


@given(PUSHES)
@settings(max_examples=30)
def test_any_network(tmp_path_factory: pytest.TempPathFactory, pushes: list[tuple[int, int, int]]) -> None:
    """duplicated, reordered, delayed, partly applied pushes → as if exactly once and in order."""
    queue = [mutation(1, note("a", "ada", count=0))]
    queue += [mutation(seq, patch("notes", "a", count={"$increment": seq})) for seq in range(2, 8)]

    async def run() -> None:
        async with opened(SqliteStorage(tmp_path_factory.mktemp("data")), ManualClock()) as world:
            reported: dict[int, Any] = {}
            for start, end, copies in [*pushes, (0, 7, 0)]:
                part = queue[start:end]
                answers = await asyncio.gather(
                    *(world.push(ADA, *part) for _ in range(1 + copies)), return_exceptions=True
                )
                for answer in answers:
                    if isinstance(answer, PushResult):
                        assert all(reported.setdefault(item.seq, item) == item for item in answer.results)
                    else:
                        assert isinstance(answer, Refusal)
                        assert answer.code == "gap"
            entries = await world.storage.log(0, 100)
            assert [entry.revision for entry in entries] == [*range(1, 8)]
            replica = Replica(world, ADA, "notes")
            await replica.sync()
            assert replica.rows["notes", "", "a"]["count"] == sum(range(2, 8))

    asyncio.run(run())
