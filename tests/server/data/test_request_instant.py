"""`now()`: one instant for the whole of a request, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from hinterland.contract import values
from hinterland.contract.aggregation import Aggregation
from hinterland.contract.changes import Write
from hinterland.contract.fields import Instant, Text
from hinterland.contract.query import Query
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import Seal
from hinterland.server.data.projection import Included, Projection
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, KEY, World, opened
from tests.server.refused import refused

START = 1_900_000_000.25
NOW = "record.at == now()"
OPENED = "gates.exists(g, g.at == now() && record.at == now())"
GATES = Collection(name="gates", fields={"at": Instant(index=True)}, rules=EVERYBODY)
TURNS = Collection(
    name="turns",
    fields={"at": Instant(), "text": Text()},
    rules=Rules(
        list="true",
        view=NOW,
        create=f"record.created_at == now() && {NOW}",
        update="record.updated_at == now() && old.at < now()",
        delete=NOW,
    ),
)
PARTS = Collection(name="parts", fields={"at": Instant()}, rules=EVERYBODY, parent="turns")
GATED = Collection(name="gated", fields={"at": Instant()}, rules=Rules(view=OPENED, create=OPENED))


class TickingClock(ManualClock):
    """A clock that goes on by a second whenever it is read."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        found = super().now()
        self.jump(1)
        return found

    def turn_to(self, seconds: float) -> None:
        """Show this instant when it is read next."""
        self.jump(seconds - super().now())


@pytest.fixture
def ticking() -> TickingClock:
    """The clock."""
    return TickingClock(START)


@pytest.fixture
async def world(storage: Storage, ticking: TickingClock) -> AsyncIterator[World]:
    """A record of now, with a part of now and one of before, and a record of before."""
    async with opened(storage, ticking, (users(), GATES, TURNS, PARTS, GATED)) as made:
        now, before = values.instant(START), values.instant(START - 1)
        await made.write(
            Write(act="create", collection="turns", id="now", body={"at": now}),
            Write(act="create", collection="turns", id="before", body={"at": before}),
            Write(act="create", collection="parts", parent="turns/now", id="now", body={"at": now}),
            Write(act="create", collection="parts", parent="turns/now", id="before", body={"at": before}),
            Write(act="create", collection="gates", id="g", body={"at": now}),
            Write(act="create", collection="gated", id="now", body={"at": now}),
        )
        yield made


async def test_reads_have_one_instant(world: World, ticking: TickingClock) -> None:
    """A list's filter, the count of a page beyond its end, an expansion, groups and what of them is kept, and a view
    rule (with a question to another collection too) are decided at the instant at which the request began."""
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), ticking)
    turns = world.catalogue["turns"]
    ticking.turn_to(START)
    page = await reader.page(ADA, turns, "", Query(filter=NOW, total=True))
    assert ([record.id for record in page.records], page.total) == (["now"], 1)

    ticking.turn_to(START)
    beyond = await reader.page(ADA, turns, "", Query(filter=NOW, total=True, page=2, limit=1))
    assert (beyond.records, beyond.total) == ([], 1)

    ticking.turn_to(START)
    both = Projection(("at",), (Included("parts", Projection(()), filter=NOW),))
    page = await reader.page(ADA, turns, "", Query(filter=NOW), projection=both)
    assert page.texts is not None
    [shown] = [msgspec.json.decode(text) for text in page.texts]
    assert (shown["id"], shown["_expand"]["parts"]["items"]) == ("now", [{"id": "now"}])

    ticking.turn_to(START)
    asked = Aggregation(group=("at",), count=("*",), filter=NOW, having="at == now()")
    assert [item["count"] for item in (await reader.aggregate(ADA, turns, "", asked)).items] == [1]

    for name in ("turns", "gated"):
        ticking.turn_to(START)
        assert (await reader.view(ADA, world.catalogue[name], "", "now")).id == "now"
        with refused("not_found"):  # a later request, a second later
            await reader.view(ADA, world.catalogue[name], "", "now")

    ticking.turn_to(START)
    assert (await reader.view_text(ADA, turns, "", "now", both, "")).id == "now"


async def test_writes_have_one_instant(world: World, ticking: TickingClock) -> None:
    """The rules of all writes of a request are decided at the instant that is their `created_at` and `updated_at`."""
    at = values.instant(START)
    ticking.turn_to(START)
    await world.write(
        *[Write(act="create", collection="turns", id=id, body={"at": at}) for id in "ab"],
        Write(act="create", collection="gated", id="a", body={"at": at}),
        caller=ADA,
    )
    rename = Write(act="patch", collection="turns", id="a", body={"text": "new"})
    with refused("not_found"):  # a second later the view rule hides it
        await world.write(rename, caller=ADA)
    ticking.turn_to(START)
    with refused("forbidden", "update"):  # it may be seen then, and is of now, not of before
        await world.write(rename, caller=ADA)
    ticking.turn_to(START)
    await world.write(Write(act="delete", collection="turns", id="a"), caller=ADA)
