"""Searches by callers who may not read all of the searched fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.contract.searching import read_search
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select.question import Select
from hinterland.server.storage.protocol import Storage
from tests.server.data.select.searches import FORMS, SEARCHES, TEXTS, Wanted, ids, model_of, page, written
from tests.server.data.world import ADA, ADMIN, BEN, World, opened
from tests.server.refused import refused

STAFF = Collection(
    name="staff",
    fields={"name": Text(search=True), "note": Text(search=True, read="auth.id == 'ada'")},
    rules=EVERYBODY,
    ids="integer",
)
SHARED = Collection(
    name="shared",
    fields={
        "draft": Text(search=True, read="auth.id == record.owner"),
        "title": Text(search=True),
        "key": Text(search=True, read="auth.id == 'ada'"),
        "none": Text(search=True, read="false"),
        "owner": Text(),
    },
    rules=EVERYBODY,
)
LOCKED = Collection(name="locked", fields={"key": Text(search=True, read="'staff' in auth.roles")}, rules=EVERYBODY)
DRAWN = st.fixed_dictionaries(
    {**dict.fromkeys(("title", "draft", "key", "none"), TEXTS), "owner": st.sampled_from(["ada", "ben"])}
)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), STAFF, SHARED, LOCKED)) as made:
        yield made


async def test_hidden_fields_are_not_searched(world: World) -> None:
    """Who may not read one of the searched fields searches the others; where there is none, the search is refused."""
    await world.write(Write(act="create", collection="staff", body={"name": "Ada", "note": "late"}))
    assert ids(await page(world, "late", "staff", caller=ADA)) == [1]
    assert ids(await page(world, "late", "staff", caller=BEN)) == []
    assert ids(await page(world, "ada -late", "staff", caller=BEN)) == [1]
    with refused("forbidden", "key of locked can't be used to filter, sort or search"):
        await page(world, "x", "locked", caller=BEN)
    assert ids(await page(world, "x", "locked", caller=ADMIN)) == []


def seen_of(row: dict[str, Any], caller: Principal) -> list[Sequence[str]]:
    """The texts of a record that a caller sees, in the order in which they are ranked."""
    is_admin, id = caller is ADMIN, caller.id
    hidden = {"draft": id != row["owner"], "key": id != "ada", "none": True}
    names = ["title", *[name for name, is_hidden in hidden.items() if is_admin or not is_hidden]]
    return [[word for form in row[name] for word in FORMS[form]] for name in names]


@given(rows=st.lists(DRAWN, max_size=6), searches=st.lists(SEARCHES, max_size=4))
@settings(max_examples=40)
async def test_what_is_seen_is_searched(world: World, rows: list[dict[str, Any]], searches: list[list[Wanted]]) -> None:
    """A caller's search finds, and ranks, what it would if the fields hidden from them were not there: those hidden in
    all records and those that a record's own values hide."""
    writes = [
        Write(act="create", collection="shared", body={n: v if n == "owner" else written(v) for n, v in row.items()})
        for row in rows
    ]
    records = dict(zip([str(record.id) for record in (await world.write(*writes)).records], rows, strict=True))
    try:
        for search in searches:
            text = " ".join(wanted.text for wanted in search)
            for caller in (ADMIN, ADA, BEN):
                found = await page(world, text, "shared", caller=caller, total=True)
                expected = model_of({id: seen_of(row, caller) for id, row in records.items()}, search)
                assert (ids(found), found.total) == (expected, found.size), (text, caller.id)
    finally:
        await world.write(*[Write(act="delete", collection="shared", id=id) for id in records])


async def test_words_of_hidden_fields_are_not_looked_up(world: World) -> None:
    """What the index is asked for has no place for words of fields that the caller sees in no record."""
    asked = Select("shared", search=read_search("red late*"))
    for caller, is_asked in ((ADMIN, True), (ADA, False)):
        statement = world.catalogue.compile(asked, caller)
        assert statement is not None
        if world.storage.dialect == "sqlite":
            columns = "{_search _search_1 _search_2} : " * (not is_asked)
            words = '"red" AND "late"*'
            assert (f"{columns}({words})" if columns else words) in statement.parameters
        else:
            terms = ["'red'", "'late':*"]
            looked_up = [each for each in statement.parameters if each in ("", *terms)]
            assert looked_up == [word for term in terms for word in (term, term, term, term if is_asked else "")]
