"""What a write does that devices made over an older revision: it merges, gives way, or is refused."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal
from hinterland.contract.records import users
from hinterland.contract.sync import Lost, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.data.once_by_step import OnceByStep
from hinterland.server.data.requests import WriteRequest, WriteResult
from hinterland.server.data.steps import DeviceStep
from hinterland.server.storage.protocol import PAGE_BYTES, Storage
from tests.server.data.acts import OPEN, make, read
from tests.server.data.world import ADA, ADMIN, BEN, World, delete, opened, patch


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, [users(), OPEN]) as made:
        yield made


class Device:
    """A device of a person that pushes its edits, each made over the revision that it had seen."""

    def __init__(self, world: World, name: str, caller: Principal = ADA) -> None:
        self.world, self.name, self.caller = world, name, caller
        self.seq = 0

    def edit(self, *writes: Write, base: int, timestamp: float = 0.0) -> WriteRequest:
        """The device's next step."""
        self.seq += 1
        digests = (f"f{self.seq}", f"{self.name}-{self.seq}", "c")
        step = DeviceStep(str(self.caller.id), self.name, self.seq, *digests)
        given, origin = self.world.clock.now() + timestamp, f"{step.account}/{step.device}"
        once, seen = OnceByStep(step, writes, given), [base] * len(writes)
        return WriteRequest(writes, self.caller, once=once, origin=origin, base=seen, timestamp=given)

    async def push(self, *writes: Write, base: int, timestamp: float = 0.0) -> Settled:
        """Push the next step; its outcome."""
        outcome = await self.world.writer.submit(self.edit(*writes, base=base, timestamp=timestamp))
        assert outcome.settled is not None
        return outcome.settled


@pytest.fixture
async def devices(world: World) -> tuple[Device, Device]:
    """Two devices, which have both seen revision 1 of open/x."""
    await world.write(make("open", "x", text="base", count=10, tags=["a", "b"], fixed="base", secret="base"))
    return Device(world, "d1"), Device(world, "d2", BEN)


async def test_members_of_an_object_never_conflict(world: World) -> None:
    """Two devices that changed different members of a Json field's object both have their way; of the same member the
    later edit stands, and what is lost of an edit is reported with the object that stands."""
    await world.write(make("open", "y", any={"a": 1, "b": {"c": 1, "d": 1}}))
    one, two = Device(world, "d1"), Device(world, "d2", BEN)
    await one.push(patch("open", "y", any={"b": {"c": 2}, "x": 1}), base=1)
    settled = await two.push(patch("open", "y", any={"a": None, "b": {"c": 9, "d": 2}}), base=1, timestamp=-1)
    stands = {"b": {"c": 2, "d": 2}, "x": 1}
    assert (await read(world, "open", "y"))["any"] == stands
    assert settled.lost == [Lost("any", {"a": None, "b": {"c": 9, "d": 2}}, stands)]
    settled = await two.push(patch("open", "y", any={"b": {"c": 9}, "x": None}), base=1, timestamp=1)
    assert (await read(world, "open", "y"))["any"] == {"b": {"c": 9, "d": 2}}
    assert settled.lost == []
    await one.push(patch("open", "y", any="text"), base=4)
    settled = await two.push(patch("open", "y", any={"b": None}), base=4, timestamp=-1)
    assert settled.lost == [Lost("any", {"b": None}, "text")]


async def test_different_fields_never_conflict(world: World, devices: tuple[Device, Device]) -> None:
    """Two devices that changed different fields both have their way."""
    one, two = devices
    await one.push(patch("open", "x", text="one"), base=1)
    settled = await two.push(patch("open", "x", fixed="two"), base=1)
    record = await read(world, "open", "x")
    assert (record["text"], record["fixed"], settled.lost) == ("one", "two", [])


@pytest.mark.parametrize(
    ("timestamp", "value", "lost"), [(5.0, "two", []), (0.0, "two", []), (-5.0, "one", [Lost("text", "two", "one")])]
)
async def test_the_newest_edit_wins(
    world: World, devices: tuple[Device, Device], timestamp: float, value: str, lost: list[Lost]
) -> None:
    """Of two edits of a field the one with the later timestamp stands, of equally old ones the one that comes last;
    what is lost is reported."""
    one, two = devices
    await one.push(patch("open", "x", text="one"), base=1)
    settled = await two.push(patch("open", "x", text="two"), base=1, timestamp=timestamp)
    assert ((await read(world, "open", "x"))["text"], settled.lost) == (value, lost)


async def test_the_newest_of_others_counts(world: World, devices: tuple[Device, Device]) -> None:
    """An edit is weighed against the newest of the others that it had not seen, also where one with an earlier clock
    came after that."""
    one, two = devices
    seen = await one.push(patch("open", "x", text="one"), base=1, timestamp=10)
    await Device(world, "d3").push(patch("open", "x", text="three"), base=seen.revision, timestamp=2)
    settled = await two.push(patch("open", "x", text="two"), base=1, timestamp=5)
    assert settled.lost == [Lost("text", "two", "three")]


async def test_a_field_that_is_as_it_was(world: World, devices: tuple[Device, Device]) -> None:
    """Where others set a field back to what the device had seen there is no conflict, however old the edit is."""
    one, two = devices
    seen = await one.push(patch("open", "x", text="one"), base=1, timestamp=10)
    await one.push(patch("open", "x", text="base"), base=seen.revision, timestamp=11)
    settled = await two.push(patch("open", "x", text="two"), base=1, timestamp=5)
    assert (settled.lost, (await read(world, "open", "x"))["text"]) == ([], "two")
    for number, text in enumerate(("one", "two"), 12):
        seen = await one.push(patch("open", "x", text=text), base=seen.revision + 2, timestamp=number)
    settled = await two.push(patch("open", "x", text="two again"), base=1, timestamp=6)
    assert (settled.lost, (await read(world, "open", "x"))["text"]) == ([], "two again")


async def test_a_field_that_was_changed_back(world: World, devices: tuple[Device, Device]) -> None:
    """A field that others set back to what it was at the base is compared with what the device itself made of it since:
    its next edit counts from there."""
    one, two = devices
    settled = await one.push(patch("open", "x", count=15, text="one"), base=1)
    await two.push(patch("open", "x", count=10, text="base"), base=settled.revision, timestamp=5)
    assert (await read(world, "open", "x"))["count"] == 10
    settled = await one.push(patch("open", "x", count=16, text="again"), base=1)
    record = await read(world, "open", "x")
    assert (record["count"], record["text"], settled.lost) == (11, "base", [Lost("text", "again", "base")])


async def test_a_field_that_was_changed_back_at_once(world: World, devices: tuple[Device, Device]) -> None:
    """So it is where all of this comes at once."""
    one, _ = devices
    first, second = (one.edit(patch("open", "x", count=count), base=1) for count in (15, 16))
    back = WriteRequest([patch("open", "x", count=10)], ADMIN)
    await asyncio.gather(*world.writer.submit_all([first, back, second]))
    assert (await read(world, "open", "x"))["count"] == 11


async def test_policies(world: World, devices: tuple[Device, Device]) -> None:
    """`server` keeps the server's value, a `counter` adds both, a `set` unites both; equal values are no conflict."""
    one, two = devices
    await one.push(patch("open", "x", fixed="one", count=12, tags=["b", "c"], text="same"), base=1)
    edits = patch("open", "x", fixed="two", count=12, tags=["a", "b", "d"], text="same")
    settled = await two.push(edits, base=1, timestamp=5)
    record = await read(world, "open", "x")
    assert (record["fixed"], record["count"], record["tags"]) == ("one", 14, ["b", "c", "d"])
    assert settled.lost == [Lost("fixed", "two", "one")]


async def test_a_merge_that_does_not_fit(world: World, devices: tuple[Device, Device]) -> None:
    """A merged value passes the field's check like any other: the mutation is refused, and the device goes on."""
    one, two = devices
    await one.push(patch("open", "x", count=60), base=1)
    settled = await two.push(patch("open", "x", count=90), base=1)
    assert settled.problem is not None
    assert (settled.status, settled.problem.code) == ("refused", "validation")
    assert (await two.push(patch("open", "x", text="next"), base=1)).status == "applied"


async def test_own_earlier_edits_are_no_conflict(world: World, devices: tuple[Device, Device]) -> None:
    """A device's second edit over the same base builds on its first, even with another's edit between."""
    one, two = devices
    await one.push(patch("open", "x", text="first", fixed="first"), base=1)
    assert (await one.push(patch("open", "x", text="second", fixed="second"), base=1)).lost == []
    await two.push(patch("open", "x", count=1), base=1)
    assert (await one.push(patch("open", "x", text="third"), base=1, timestamp=-9)).lost == []
    assert (await read(world, "open", "x"))["text"] == "third"


async def test_edits_of_one_group_merge_like_others(world: World, devices: tuple[Device, Device]) -> None:
    """Edits that arrive at once meet as if they had come one after the other."""
    one, two = devices
    requests = [device.edit(patch("open", "x", count=10 + n), base=1) for device, n in ((one, 1), (two, 2), (one, 3))]
    outcomes: list[WriteResult] = [await answer for answer in world.writer.submit_all(requests)]
    assert [outcome.settled and outcome.settled.status for outcome in outcomes] == ["applied"] * 3
    # The first device's 13 is 2 more than its own 11.
    assert (await read(world, "open", "x"))["count"] == 15


async def test_a_lost_edit_does_not_tell_what_is_hidden(world: World, devices: tuple[Device, Device]) -> None:
    """An edit is reported as lost, with the value that stays, to whom may see the field; of a field that is hidden it
    is taken as one without a base, whether the value was guessed or not."""
    one, two = devices
    await one.push(patch("open", "x", secret="between us"), base=1)
    other = Device(world, "d3", ADA)
    lost = (await other.push(patch("open", "x", secret="?"), base=1, timestamp=-5)).lost
    assert lost == [Lost("secret", "?", "between us")]
    for guess in ("between us", "what is it?"):
        assert (await two.push(patch("open", "x", secret=guess), base=1, timestamp=-5)).lost == []
        assert (await read(world, "open", "x"))["secret"] == guess


async def test_one_is_not_true(world: World, devices: tuple[Device, Device]) -> None:
    """In a field of any JSON, 1 and true are two values: an edit from one to the other counts as one."""
    one, two = devices
    await one.push(patch("open", "x", any=1), base=1)
    revision = (await world.storage.head()).revision
    await one.push(patch("open", "x", any=True), base=revision)
    assert (await two.push(patch("open", "x", any=1), base=revision, timestamp=-5)).lost == [Lost("any", 1, True)]


@pytest.mark.parametrize(("timestamp", "is_there"), [(5.0, False), (0.0, False), (-5.0, True)])
async def test_a_delete_against_an_edit(
    world: World, devices: tuple[Device, Device], timestamp: float, is_there: bool
) -> None:
    """Of a delete and an edit that it had not seen the newer stands, the delete where both are equally old; a delete
    that lost is reported."""
    one, two = devices
    await one.push(patch("open", "x", text="edited"), base=1)
    settled = await two.push(delete("open", "x"), base=1, timestamp=timestamp)
    assert (await read(world, "open", "x") is not None) is is_there
    assert settled.lost == ([Lost("", None, 2)] if is_there else [])


async def test_a_delete_against_an_edit_at_once(world: World, devices: tuple[Device, Device]) -> None:
    """A delete that loses to an edit of the same moment is reported with the revision that the edit got."""
    one, two = devices
    edit = one.edit(patch("open", "x", text="edited"), base=1)
    answers = world.writer.submit_all([edit, two.edit(delete("open", "x"), base=1, timestamp=-5)])
    _, outcome = await asyncio.gather(*answers)
    assert outcome.settled is not None
    assert outcome.settled.lost == [Lost("", None, 2)]


async def test_a_delete_behind_an_edit_of_its_own_mutation(world: World, devices: tuple[Device, Device]) -> None:
    """A mutation that edits a record and deletes it deletes it, whatever others did meanwhile."""
    one, two = devices
    await one.push(patch("open", "x", text="edited"), base=1, timestamp=5)
    settled = await two.push(patch("open", "x", fixed="two"), delete("open", "x"), base=1)
    assert (settled.status, settled.lost, await read(world, "open", "x")) == ("applied", [], None)


async def test_a_delete_behind_an_own_edit(world: World, devices: tuple[Device, Device]) -> None:
    """A device's own edit never outlives its delete, also where its clock was set back between the two and both come at
    once."""
    one, _ = devices
    edit = one.edit(patch("open", "x", text="edited"), base=1)
    answers = world.writer.submit_all([edit, one.edit(delete("open", "x"), base=1, timestamp=-50)])
    _, outcome = await asyncio.gather(*answers)
    assert outcome.settled is not None
    assert (outcome.settled.lost, await read(world, "open", "x")) == ([], None)


async def test_an_edit_against_a_delete(world: World, devices: tuple[Device, Device]) -> None:
    """An edit of what another deleted is refused."""
    one, two = devices
    await one.push(delete("open", "x"), base=1)
    settled = await two.push(patch("open", "x", text="late"), base=1)
    assert settled.problem is not None
    assert settled.problem.code == "not_found"


async def test_a_timestamp_from_the_future(world: World, devices: tuple[Device, Device]) -> None:
    """A clock that is far ahead counts for no more than a minute: a later edit beats it."""
    one, two = devices
    await one.push(patch("open", "x", text="future"), base=1, timestamp=86_400)
    assert isinstance(world.clock, ManualClock)
    await world.clock.advance(61)
    assert (await two.push(patch("open", "x", text="now"), base=1)).lost == []
    assert (await read(world, "open", "x"))["text"] == "now"


async def test_a_base_that_the_log_has_forgotten(world: World, devices: tuple[Device, Device]) -> None:
    """Over a base before the log's beginning nothing can be compared: the edit is written as it is."""
    assert isinstance(world.clock, ManualClock)
    await world.write(delete("open", "x"))
    await world.write(make("open", "x", text="again"))
    assert (await devices[1].push(patch("open", "x", text="mine"), base=2)).lost == []
    assert (await read(world, "open", "x"))["text"] == "mine"


async def test_a_long_history_of_a_large_record(world: World, devices: tuple[Device, Device]) -> None:
    """An edit over an old base meets everything since, and no more than a page of the versions in between is in memory,
    however many and large they are."""
    one, two = devices
    await one.push(patch("open", "x", any="x" * (PAGE_BYTES // 4), text="one", fixed="one"), base=1)
    await two.push(patch("open", "x", count=12), base=1)
    for number in range(40):
        await world.write(patch("open", "x", tags=[f"t{number}"]))
    await one.push(patch("open", "x", text="one again", count=20), base=1)
    edits = patch("open", "x", text="two", fixed="two", count=15, tags=["a", "mine"])
    tracemalloc.start()
    try:
        settled = await two.push(edits, base=1, timestamp=-5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    record = await read(world, "open", "x")
    assert (record["text"], record["fixed"]) == ("one again", "one")
    assert (record["count"], record["tags"]) == (12 + 10 + 3, ["t39", "mine"])
    assert settled.lost == [Lost("text", "two", "one again"), Lost("fixed", "two", "one")]
    assert peak < 5 * PAGE_BYTES


async def test_what_a_device_saw_between(world: World, devices: tuple[Device, Device]) -> None:
    """A field of a record that was deleted and made again by the device itself has nothing to be compared with; one
    that others made again is compared with what the device saw."""
    one, two = devices
    await one.push(delete("open", "x"), base=1)
    await one.push(make("open", "x", text="again"), base=1)
    await two.push(patch("open", "x", text="two"), base=3)
    assert (await one.push(patch("open", "x", text="one"), base=1, timestamp=-5)).lost == [Lost("text", "one", "two")]
    await one.push(delete("open", "x"), base=4)
    await two.push(make("open", "x", text="theirs"), base=5)
    assert (await one.push(patch("open", "x", text="mine"), base=1, timestamp=-5)).lost == []


async def test_two_edits_that_were_made_offline(world: World, devices: tuple[Device, Device]) -> None:
    """Two edits of a device over one base count with their own differences, whatever others did before the first."""
    one, two = devices
    await one.push(patch("open", "x", count=15, tags=["a", "b", "o"]), base=1)
    await two.push(patch("open", "x", count=11, tags=["a", "b", "c"]), base=1)
    await two.push(patch("open", "x", count=12, tags=["b", "c", "d"]), base=1)
    record = await read(world, "open", "x")
    assert (record["count"], record["tags"]) == (17, ["b", "o", "c", "d"])


async def test_two_edits_in_one_mutation(world: World, devices: tuple[Device, Device]) -> None:
    """So do two edits of one record in one mutation; an edit that is older than another device's is lost again."""
    one, two = devices
    await one.push(patch("open", "x", count=15, text="newer"), base=1, timestamp=10)
    edits = [patch("open", "x", count=count, text=text) for count, text in ((11, "first"), (13, "second"))]
    settled = await two.push(*edits, base=1)
    record = await read(world, "open", "x")
    assert (record["count"], record["text"]) == (18, "newer")
    assert [lost.mine for lost in settled.lost] == ["first", "second"]


async def test_members_that_were_edited_offline(world: World, devices: tuple[Device, Device]) -> None:
    """A member of an object that another device changed before an own edit of another member was not seen by it."""
    one, two = devices
    await world.write(patch("open", "x", any={"a": 1, "b": 1}))
    base = (await read(world, "open", "x"))["revision"]
    await one.push(patch("open", "x", any={"a": 2}), base=base, timestamp=10)
    await two.push(patch("open", "x", any={"b": 2}), base=base)
    settled = await two.push(patch("open", "x", any={"a": 3, "c": 3}), base=base)
    assert (await read(world, "open", "x"))["any"] == {"a": 2, "b": 2, "c": 3}
    assert [lost.mine for lost in settled.lost] == [{"a": 3, "c": 3}]


async def test_a_record_that_the_device_made_anew(world: World, devices: tuple[Device, Device]) -> None:
    """A device that makes a deleted record anew has seen it all: its edits after that meet nothing of what was before,
    in one mutation and in several."""
    one, two = devices
    for is_together in (True, False):
        await two.push(delete("open", "x"), base=100)
        writes = [make("open", "x", text="again"), patch("open", "x", tags=["a", "c"], count=3)]
        pushes = [writes] if is_together else [[write] for write in writes]
        assert [(await one.push(*each, base=1)).lost for each in pushes] == [[]] * len(pushes)
        record = await read(world, "open", "x")
        assert (record["text"], record["tags"], record["count"]) == ("again", ["a", "c"], 3)


async def test_a_counter_that_begins_with_nothing(world: World, devices: tuple[Device, Device]) -> None:
    """Nothing counts as 0: each edit of a device over it adds its own difference once."""
    one, two = devices
    await world.write(patch("open", "x", count=None))
    base = (await read(world, "open", "x"))["revision"]
    await one.push(patch("open", "x", count=2), base=base)
    await two.push(patch("open", "x", count=3), base=base)
    await two.push(patch("open", "x", count=7), base=base)
    assert (await read(world, "open", "x"))["count"] == 9
