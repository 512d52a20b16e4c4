"""Pages of records that come with large ones: they end early, on both databases, and a cursor continues them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import PAGE_BYTES, ROW_BYTES, Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

FOLIOS = Collection(name="folios", fields={"text": Text(max_length=900_000)}, rules=EVERYBODY)
SHEETS = Collection(
    name="sheets",
    fields={"folio": Reference(to="folios"), "other": Reference(to="folios")},
    rules=EVERYBODY,
    ids="integer",
)
COUNT = 1_000
TEXT = "".join(chr(97 + number * number % 26) for number in range(900_000))
SHEETS_PATH = "/v1/records/sheets"


@pytest.fixture(params=["sqlite", "postgres"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """A server on each database: a thousand sheets, all of one large folio."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if request.param == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    async with serving(storage, collections=(users(), FOLIOS, SHEETS)) as made:
        await made.write(Write(act="create", collection="folios", id="f", body={"text": TEXT}))
        await made.write(*[Write(act="create", collection="sheets", body={"folio": "f"})] * COUNT)
        yield made


async def test_a_page_ends_early(api: Api) -> None:
    """A list of a thousand records with 900 KB each is a page of those that fit, with a cursor for the rest; costs grow
    with what is on it."""
    asked = {"expand": "folio", "limit": "1000"}
    answer = await api("GET", SHEETS_PATH, params=asked)
    fitting = PAGE_BYTES // len(TEXT)
    body = answer.json()
    assert [item["id"] for item in body["items"]] == [*range(1, fitting + 1)]
    assert all(item["_expand"]["folio"]["text"] == TEXT for item in body["items"])
    body = (await api("GET", SHEETS_PATH, params=asked | {"cursor": body["next"]})).json()
    assert [item["id"] for item in body["items"]] == [*range(fitting + 1, 2 * fitting + 1)]
    asked = {"expand": "folio", "limit": "1000", "sort": "-id", "filter": f"record.id < {fitting + 3}"}
    found, cursor = [], ""
    while True:
        body = (await api("GET", SHEETS_PATH, params=asked | ({"cursor": cursor} if cursor else {}))).json()
        found += [item["id"] for item in body["items"]]
        if not (cursor := body["next"]):
            break
    assert found == [*range(fitting + 2, 0, -1)]


async def test_a_record_that_fits_no_answer(api: Api) -> None:
    """A record with more than one answer holds ends the page before it, and is refused on a page of its own."""
    limit = ROW_BYTES // len(TEXT) + 1
    await api.write(Write(act="patch", collection="sheets", id=2, body={"other": "f"}))
    await api.write(*[Write(act="patch", collection="sheets", id=id, body={"folio": None}) for id in (1, 2)])
    expand = {"expand": f"other.sheets_via_folio(limit={limit},expand=folio)", "limit": "1000"}
    body = (await api("GET", SHEETS_PATH, params=expand)).json()
    assert [item["id"] for item in body["items"]] == [1], body
    problem(await api("GET", SHEETS_PATH, params=expand | {"cursor": body["next"]}), 400, "invalid_query")


async def test_a_list_of_graphql(api: Api) -> None:
    """A list that is read as one text is bounded as its pages are: what fits is answered, a single record of any size
    too, and for the rest the response says how many fit."""

    async def asked(limit: int, inner: str) -> Any:
        query = f"{{ sheets(limit: {limit}, sort: [id_ASC]) {{ id folio {{ {inner} }} }} }}"
        return (await api("POST", "/graphql", json={"query": query})).json()

    fitting = PAGE_BYTES // len(TEXT)
    sheets = (await asked(fitting, "text"))["data"]["sheets"]
    assert [(each["id"], each["folio"]["text"] == TEXT) for each in sheets] == [
        (str(id), True) for id in range(1, fitting + 1)
    ]
    answer = await asked(fitting + 1, "text")
    assert f"use limit={fitting}" in answer["errors"][0]["message"]
    several = " ".join(f"{key}: text" for key in "abcde")
    [alone] = (await asked(1, several))["data"]["sheets"]
    assert [*alone["folio"].values()] == [TEXT] * 5, "which are longer than a page"
    answer = await asked(2, several)
    assert "use limit=1" in answer["errors"][0]["message"]
