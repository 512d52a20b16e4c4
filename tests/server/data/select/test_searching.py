"""Searches on each database, beside a model of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, List, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.reader import RecordPage
from hinterland.server.storage.protocol import Storage
from tests.server.data.select.searches import FORMS, SEARCHES, TEXTS, Wanted, ids, model_of, page, written
from tests.server.data.world import ADA, ADMIN, BEN, World, opened
from tests.server.refused import refused

SEEN = "record.owner == auth.id"
DOCS = Collection(
    name="docs",
    fields={
        "title": Text(search=True),
        "tags": List(of=Text(search=True)),
        "text": Text(search=True),
        "owner": Text(),
        "size": Integer(index=True),
    },
    rules=Rules(list=SEEN, view=SEEN),
)
PLAIN = Collection(name="plain", fields={"title": Text()}, rules=EVERYBODY)
PARTS = Collection(name="parts", fields={"name": Text(search=True)}, rules=EVERYBODY, parent="plain")
COLLECTIONS = (users(), DOCS, PLAIN, PARTS)

DRAWN = st.fixed_dictionaries(
    {"title": TEXTS, "tags": st.lists(TEXTS, max_size=2), "text": TEXTS, "owner": st.sampled_from(["ada", "ben"])}
)


def model(records: dict[str, dict[str, Any]], search: Sequence[Wanted]) -> list[str]:
    """The ids of what is found, the earliest words first."""
    texts = {
        id: [[word for form in text for word in FORMS[form]]
             for text in (record["title"], *record["tags"], record["text"])]
        for id, record in records.items()
    }  # fmt: skip
    return model_of(texts, search)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, COLLECTIONS) as made:
        yield made


async def add(world: World, *titles: str, **others: Any) -> list[str]:
    """Make documents with these titles; their ids."""
    writes = [Write(act="create", collection="docs", body={"title": title, **others}) for title in titles]
    return [str(record.id) for record in (await world.write(*writes)).records]


def body(drawn: dict[str, Any]) -> dict[str, Any]:
    """The body of a drawn record."""
    texts = {"title": written(drawn["title"]), "text": written(drawn["text"])}
    return {**drawn, **texts, "tags": [written(tag) for tag in drawn["tags"]]}


@given(rows=st.lists(DRAWN, max_size=8), changed=st.lists(DRAWN, max_size=3), searches=st.lists(SEARCHES, max_size=4))
@settings(max_examples=60)
async def test_each_database_finds_what_the_model_finds(
    world: World, rows: list[dict[str, Any]], changed: list[dict[str, Any]], searches: list[list[Wanted]]
) -> None:
    """After records are made, changed and deleted: the same records in the same order, as their caller may see them."""
    made = await world.write(*[Write(act="create", collection="docs", body=body(row)) for row in rows])
    records = {str(record.id): row for record, row in zip(made.records, rows, strict=True)}
    for id, row in zip([*records], changed, strict=False):
        records[id] = row
        await world.write(Write(act="patch", collection="docs", id=id, body=body(row)))
    if len(records) > 2:
        gone = [*records][-1]
        await world.write(Write(act="delete", collection="docs", id=gone))
        del records[gone]
    try:
        for search in searches:
            text = " ".join(wanted.text for wanted in search)
            for caller in (ADMIN, ADA):
                seen = {id: row for id, row in records.items() if caller is ADMIN or row["owner"] == "ada"}
                found = await page(world, text, caller=caller, total=True)
                assert (ids(found), found.total) == (model(seen, search), len(found.records)), text
    finally:
        await world.write(*[Write(act="delete", collection="docs", id=id) for id in records])


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("red shoes", "a b"), ('"red shoes"', "a"), ("sho*", "a b c"), ("red -shoes", "d"),
        ('shoes -"red shoes"', "b c"),
        ("RED", "a b d"), ("réd", "a b d"), ("red-shoes", "a"), ('"red sho*', "a"), ('"blue shoes"', ""),
        ("red AND shoes", "b"), ("title:red", ""), ("shoes red", "a b"),
    ],
)  # fmt: skip
async def test_what_a_search_can_say(world: World, search: str, found: str) -> None:
    """Words in any order, phrases, prefixes, and what must not be there; nothing else has a meaning."""
    titles = {"a": "Red shoes", "b": "Shoes, blue and red", "c": "shoes", "d": "a red hat"}
    writes = [Write(act="create", collection="docs", id=id, body={"title": title}) for id, title in titles.items()]
    await world.write(*writes, Write(act="create", collection="docs", id="e", body={}))
    assert sorted(ids(await page(world, search))) == found.split()


async def test_a_phrase_has_any_place_in_a_search(world: World) -> None:
    """Searches that differ in where the phrase is are answered each by its own phrase."""
    await add(world, "fin in parts")
    for search, count in (('"fin in" parts', 1), ('fin "in parts"', 1), ('"fin parts" in', 0), ('in "fin parts"', 0)):
        assert len(ids(await page(world, search))) == count, search


async def test_a_phrase_is_in_one_text(world: World) -> None:
    """The last word of a field, or of an item of a list, and the first of the next are no phrase."""
    await world.write(Write(act="create", collection="docs", body={"title": "a b", "tags": ["c", "d e"], "text": "f"}))
    for phrase, count in (("a b", 1), ("d e", 1), ("b c", 0), ("c d", 0), ("e f", 0)):
        assert len(ids(await page(world, f'"{phrase}"'))) == count


async def test_pages_of_ranked_records(world: World) -> None:
    """Those with the words early come first, and equal ones by id. Cursors and pages neither skip nor repeat; a record
    that is made meanwhile is at its place."""
    titles = [f"{'filler ' * (n % 4)}word" for n in range(20)]
    made = await add(world, *titles)
    expected = [id for _, id in sorted((titles[n].index("word"), id) for n, id in enumerate(made))]
    assert ids(await page(world, "word", limit=100)) == expected
    seen: list[str] = []
    cursor = ""
    for number in range(1, 5):
        found = await page(world, "word", limit=5, cursor=cursor)
        assert ids(found) == ids(await page(world, "word", limit=5, page=number))
        seen, cursor = seen + ids(found), found.next
    assert (seen, cursor) == (expected, "")
    one = await page(world, "word", limit=5)
    [first] = await add(world, "word")
    [last] = await add(world, "filler filler filler filler word")
    rest = await page(world, "word", limit=100, cursor=one.next)
    assert first in ids(rest)  # of five equal ones four were made before, and a fifth page begins behind them
    assert ids(rest)[-1] == last
    with refused("invalid_cursor"):
        await page(world, "filler", limit=5, cursor=one.next)
    with refused("invalid_cursor"):
        await page(world, "", limit=5, cursor=one.next)


async def test_search_beside_everything_else(world: World) -> None:
    """A filter, equalities, an order and a total are of what the search finds."""
    for size in range(6):
        await add(world, f"word {size}", size=size, owner="ada")
    await add(world, "other", size=9, owner="ada")
    found = await page(world, "word", caller=ADA, filter="record.size > 1", sort=("-size",), limit=2, total=True)
    docs = [world.catalogue["docs"].seen(ADMIN, record)["size"] for record in found.records]
    assert (docs, found.total) == ([5, 4], 4)
    rest = await page(world, "word", caller=ADA, filter="record.size > 1", sort=("-size",), limit=9, cursor=found.next)
    assert [world.catalogue["docs"].seen(ADMIN, record)["size"] for record in rest.records] == [3, 2]
    assert len(ids(await page(world, "word", equals={"size": "3"}))) == 1
    assert (await page(world, "word", caller=BEN, total=True)).total == 0
    assert len(ids(await page(world, " "))) == 7


async def test_below_a_parent(world: World) -> None:
    """A nested list is searched in its parent's own records, and a deleted parent takes its records' words along."""
    for parent in ("a", "b"):
        await world.write(
            Write(act="create", collection="plain", id=parent),
            Write(act="create", collection="parts", parent=f"plain/{parent}", id="x", body={"name": f"bolt {parent}"}),
        )
    assert ids(await page(world, "bolt", "parts", parent="plain/a")) == ["x"]
    assert ids(await page(world, "b", "parts", parent="plain/a")) == []
    await world.write(Write(act="delete", collection="plain", id="a"))
    assert ids(await page(world, "bolt", "parts", parent="plain/a")) == []
    assert ids(await page(world, "bolt", "parts", parent="plain/b")) == ["x"]


async def test_nothing_to_search(world: World) -> None:
    """A collection without such a field says so."""
    with refused("invalid_query", "plain has no field to search; declare one with search=True"):
        await page(world, "x", "plain")


async def found_or_refused(world: World, search: str) -> RecordPage | None:
    """What is found; None where the search is refused with what it lacks, and nothing else is raised."""
    try:
        return await page(world, search, total=True)
    except Refusal as refusal:
        found = refusal
    assert (found.code, found.message[:15]) == ("invalid_query", "the search has ")
    return None


HOSTILE = [
    "*", '"', "-", "NEAR(", "()", "AND", "OR OR", "title:x", "^x", "a + b", "{a}", "a OR", "NOT", "'; DROP TABLE docs",
    "\\", "a\\", "'", "a'b", ":*", "a:*", "&", "|", "!a", "<->", "a <-> b", '"a" "', '""', "a*b*c", "**a**", "-a -b",
    "\ud7ff\ufffe", "🦊", "a\u200bb", "x" * 1_000, "%", "_", "a%", "\u0301", "NEAR(a b, 3)", "docs:", "-*", '"*"',
]  # fmt: skip


@pytest.mark.parametrize("search", HOSTILE)
async def test_no_text_is_an_error_of_the_database(world: World, search: str) -> None:
    """Operators, quotes and signs of the databases' own languages are words, or nothing at all."""
    await add(world, "a x NEAR and title")
    found = await found_or_refused(world, search)
    assert found is None or len(found.records) <= 1


@given(search=st.text(max_size=60))
@settings(max_examples=100)
async def test_any_text(world: World, search: str) -> None:
    """Whatever is sent finds something, or nothing, or is refused in words."""
    await found_or_refused(world, search)


async def test_bounds(world: World) -> None:
    """What would take much work is refused before any."""
    with refused("invalid_query", "the search is longer than 1,000 characters"):
        await page(world, "x " * 500_000)
    with refused("invalid_query", "the search has over 50 words; send fewer"):
        await page(world, " ".join(f"w{number}" for number in range(51)))
    assert ids(await page(world, " ".join(f"w{number}" for number in range(50)))) == []


async def test_many_searches_of_one_caller_wait(world: World) -> None:
    """Short searches for several words are read aside on SQLite, and as many as somebody types wait for their turn."""
    [made] = await add(world, "red shoes", owner="ada")
    found = await asyncio.gather(*[page(world, "red sho*", caller=ADA) for _ in range(40)])
    assert [ids(each) for each in found] == [[made]] * 40


async def test_long_words_and_long_texts(world: World) -> None:
    """The first 100 characters of a word are compared, and 250,000 of a record's words."""
    [long] = await add(world, "y" * 300)
    for count, found in ((300, [long]), (100, [long]), (99, [])):
        assert ids(await page(world, "y" * count)) == found
    assert ids(await page(world, "yy*")) == [long]
    words = " ".join(f"{number:05}" for number in range(1_600))
    await add(world, "many", tags=[f"part{part} {words}" for part in range(40)])
    assert len(ids(await page(world, "many part20 01599"))) == 1
    assert ids(await page(world, "many part39")) == []
