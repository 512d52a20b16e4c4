"""Mutations whose writes clash with one another, or with others' of the same group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Mutation, PushResult
from hinterland.server.data.state import State
from hinterland.server.storage.system import Amend, Drop, PreconditionFailed, Put
from tests.server.data.world import ADA, ADMIN, BEN, HANGING, World, delete, note, patch


def mutation(seq: int, *writes: Write, base: Sequence[int] = ()) -> Mutation:
    return Mutation(seq=seq, id=f"m{seq}", writes=[*writes], base=[*base])


def outcomes(result: PushResult) -> list[tuple[str, str]]:
    return [(s.status, "" if s.problem is None else s.problem.code) for s in result.results]


async def push(world: World, *mutations: Mutation, device: str = "d1") -> PushResult:
    async with asyncio.timeout(HANGING):
        return await world.push(ADA, *mutations, device=device)


async def test_one_record_created_twice(world: World) -> None:
    """A mutation that creates one record twice, in equal words or not, is refused whole and holds up nobody."""
    same = note("a", "ada", title="x")
    result = await push(world, mutation(1, same, same), mutation(2, same), mutation(3, same), mutation(4, note("b")))
    assert outcomes(result) == [("refused", "conflict"), ("applied", ""), ("applied", ""), ("applied", "")]
    assert (await push(world, mutation(5, delete("notes", "a"), same, patch("notes", "a", title="y")))).settled == 5
    assert (await world.visible(ADMIN, "notes"))["notes", "", "a"]["title"] == "y"


W = note("c", "ada", title="1")
ONE_KEY: dict[str, tuple[list[Write], str, dict[str, Any]]] = {
    "created twice": ([W, W], "conflict", {}),
    "created twice, unlike": ([W, note("c", "ada", title="2")], "conflict", {}),
    "created, deleted, created": ([W, delete("notes", "c"), W], "", {"c": "1"}),
    "created, patched": ([W, patch("notes", "c", title="2")], "", {"c": "2"}),
    "created, patched, created as it is": (
        [W, patch("notes", "c", title="2"), note("c", "ada", title="2")],
        "conflict",
        {},
    ),
    "patched, created as it is": ([patch("notes", "a", title="2"), note("a", "ada", title="2")], "conflict", {}),
    "deleted, created as it was": ([delete("notes", "a"), note("a", "ada", title="0")], "", {"a": "0"}),
    "created, deleted": ([W, delete("notes", "c")], "", {}),
    "created, deleted twice": ([W, delete("notes", "c"), delete("notes", "c")], "not_found", {}),
}


@pytest.mark.parametrize("case", ONE_KEY)
async def test_one_record_twice_in_a_mutation(world: World, case: str) -> None:
    """Writes of one record in one mutation see each other. To create what the mutation itself wrote is a conflict, also
    where it is word by word the same, and nothing of the mutation is applied; others are not kept waiting."""
    writes, code, titles = ONE_KEY[case]
    await world.write(note("a", "ada", title="0"))
    pushed = world.push(ADA, mutation(1, *writes, base=[1] * len(writes)), mutation(2, note("z", "ada")), device="d2")
    result, _ = await asyncio.wait_for(asyncio.gather(pushed, world.write(note("other"))), HANGING)
    assert [settled.problem.code if settled.problem else "" for settled in result.results] == [code, ""]
    found = {key[2]: record["title"] for key, record in (await world.visible(ADA, "notes")).items()}
    assert found == {"a": "0", "z": None, **titles}


async def test_a_unique_value_twice_in_a_mutation(world: World) -> None:
    """A mutation that gives one unique value to two records is refused with `conflict`, and the next ones go on."""
    clash = mutation(1, note("a", "ada", slug="s"), note("b", "ada", slug="s"))
    swap = mutation(
        3, patch("notes", "c", slug=None), patch("notes", "d", slug="c"), patch("notes", "c", slug="d")
    )  # fmt: skip
    both = mutation(2, note("c", "ada", slug="c"), note("d", "ada", slug="d"))
    late = mutation(4, note("e", "ada", slug="c"))
    expected = [("refused", "conflict"), ("applied", ""), ("applied", ""), ("refused", "conflict")]
    assert outcomes(await push(world, clash, both, swap, late)) == expected
    seen = await world.visible(ADMIN, "notes")
    assert {key[2]: record["slug"] for key, record in seen.items()} == {"c": "d", "d": "c"}
    again = mutation(5, delete("notes", "c"), note("f", "ada", slug="d"))
    assert outcomes(await push(world, again)) == [("applied", "")]


async def test_a_unique_value_of_two_devices(world: World) -> None:
    """Of two devices that want one unique value at the same time one has it, and the other hears `conflict`."""
    for number in range(5):
        pushes = [
            push(world, mutation(number + 1, note(f"{device}{number}", "ada", slug=f"s{number}")), device=device)
            for device in ("d1", "d2")
        ]
        ended = [outcomes(result)[0] for result in await asyncio.gather(*pushes)]
        assert sorted(ended) == [("applied", ""), ("refused", "conflict")]


@pytest.mark.parametrize("is_alone", [True, False])
async def test_what_only_the_database_refuses(world: World, is_alone: bool) -> None:
    """A write that the database alone refuses, such as by an index that its operator made, is settled as refused too:
    nothing of it is applied, and the queue goes on."""
    async with world.storage.transaction() as transaction:
        await transaction.execute("CREATE UNIQUE INDEX mine ON notes (title)")  # type: ignore[attr-defined]
    bad = mutation(1, note("a", "ada", title="t"), note("b", "ada", title="t"))
    mutations = [bad] if is_alone else [bad, mutation(2, note("c", "ada", title="t"))]
    result = await world.push(ADA, *mutations)
    assert [end for end, _ in outcomes(result)] == ["refused", "applied"][: len(mutations)]
    assert result.results[0].problem is not None
    assert result.results[0].problem.code == "conflict"
    assert await world.push(ADA, *mutations) == result
    last = await world.push(ADA, mutation(len(mutations) + 1, note("d", "ada")))
    assert last.results[-1].status == "applied"
    with pytest.raises(Refusal) as caught:  # who waits for the answer gets the error
        await world.write(note("e", title="u"), note("f", title="u"))
    assert caught.value.code == "conflict"


async def test_a_race_that_is_lost_again_and_again(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push that loses every race is asked to retry, in words that name no other process; one that wins the last
    is settled whole."""
    races = [PreconditionFailed()] * 2
    submit = lite.writer.submit_all

    def racing(requests: Any) -> Any:
        if not races:
            return submit(requests)
        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(races.pop())
        return [answer]

    monkeypatch.setattr(lite.writer, "submit_all", racing)
    assert (await push(lite, mutation(1, note("a", "ada")))).settled == 1
    races = [PreconditionFailed()] * 3
    with pytest.raises(Refusal) as caught:
        await push(lite, mutation(2, note("b", "ada")))
    error = caught.value
    assert (error.code, error.retry_after, "process" in error.message) == ("unavailable", 1, False)


async def test_a_race_that_is_lost_in_between(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push that loses a race goes on with the mutation that lost it: those before it are reported once."""
    races = [False, True]
    submit = lite.writer.submit_all

    def racing(requests: Any) -> Any:
        if not races or not races.pop(0):
            return submit(requests)
        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(PreconditionFailed())
        return [answer]

    monkeypatch.setattr(lite.writer, "submit_all", racing)
    result = await push(lite, *[mutation(seq, note(f"n{seq}", "ada")) for seq in (1, 2)])
    assert [settled.seq for settled in result.results] == [1, 2]


async def test_a_groups_rows(lite: World) -> None:
    """The next request of a group sees system rows as those before it will put, change and delete them."""
    key = {"account": "ada", "device": "d1"}
    async with lite.storage.transaction() as transaction:
        state = State(transaction, {}, lite.writer._new_ids)
        assert await state.row("_devices", key) is None
        state.stage({}, [], [Put("_devices", {**key, "settled": 3})])
        assert await state.row("_devices", dict(reversed(key.items()))) == {**key, "settled": 3, "at": None}
        state.stage({}, [], [Amend("_devices", {"account": "ada"}, {"settled": 4})])
        assert (await state.row("_devices", key) or {})["settled"] == 4
        state.stage({}, [], [Drop("_devices", {"account": "ben"}), Drop("_devices", {"device": "d1"})])
        assert await state.row("_devices", key) is None
        state.stage({}, [], [Put("_results", {**key, "seq": seq, "result": b""}) for seq in (1, 2, 3)])
        state.stage({}, [], [Drop("_results", key, {"seq": 2})])
        kept = [await state.row("_results", {**key, "seq": seq}) is not None for seq in (1, 2, 3)]
        assert kept == [False, False, True]


async def test_a_repetition_with_an_acknowledgement(world: World) -> None:
    """A push that acknowledges some outcomes and repeats later mutations hears those again, and is no other store."""
    mutations = [mutation(seq, note(f"n{seq}", "ada")) for seq in (1, 2, 3)]
    once = await push(world, *mutations)
    again = await world.push(ADA, *mutations[2:], mutation(4, note("n4", "ada")), acknowledged=2)
    assert (outcomes(again), again.results[0]) == ([("applied", "")] * 2, once.results[2])


async def test_rows_read_after_their_change(lite: World) -> None:
    """What the database still holds, the next request of a group sees as it will be."""
    await lite.push(ADA, mutation(1, note("a", "ada")))
    await lite.push(BEN, mutation(1, note("b", "ben")))
    async with lite.storage.transaction() as transaction:
        state = State(transaction, {}, lite.writer._new_ids)
        state.stage({}, [], [Drop("_devices", {"account": "ada"})])
        assert await state.row("_devices", {"account": "ada", "device": "d1"}) is None
        assert await state.row("_devices", {"account": "ben", "device": "d1"}) is not None


_NUMBERS = count()
_WRITES = st.one_of(
    st.builds(lambda id, slug: note(id, "ada", slug=slug), st.sampled_from("ab"), st.sampled_from(["x", "y", None])),
    st.builds(lambda id, slug: patch("notes", id, slug=slug), st.sampled_from("ab"), st.sampled_from(["x", "y", None])),
    st.builds(lambda id: delete("notes", id), st.sampled_from("ab")),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_WRITES, min_size=1, max_size=4), min_size=1, max_size=6))
async def test_a_push_ends_as_its_mutations_one_by_one(lite: World, parts: list[list[Write]]) -> None:
    """Mutations that are pushed together end as they do one by one, whatever in them clashes: each is settled."""
    ends = []
    for device, size in (("together", len(parts)), ("apart", 1)):
        for id in "ab":
            if ("notes", "", id) in await lite.visible(ADMIN, "notes"):
                await lite.write(delete("notes", id))
        name = f"{device}{next(_NUMBERS)}"
        mutations = [Mutation(seq=n, id=f"{name}{n}", writes=writes) for n, writes in enumerate(parts, 1)]
        results = [await push(lite, *mutations[at : at + size], device=name) for at in range(0, len(parts), size)]
        seen = await lite.visible(ADMIN, "notes")
        ends.append(([end for r in results for end in outcomes(r)], {key[2]: r["slug"] for key, r in seen.items()}))
    assert ends[0] == ends[1]
