"""A shop of music with the shape of the Chinook data set: what one request answers from ten collections that refer to
each other, compared with a computation in plain Python over the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Field, Instant, Integer, Number, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving

Row = dict[str, Any]
Chosen = Callable[[Row], bool]
FIELDS: dict[str, dict[str, Field]] = {
    "artists": {"name": Text()},
    "albums": {"title": Text(search=True), "artist": Reference(to="artists", required=True)},
    "genres": {"name": Text()},
    "tracks": {"name": Text(search=True), "album": Reference(to="albums"), "genre": Reference(to="genres"),
               "composer": Text(), "seconds": Integer(), "price": Integer()},
    "playlists": {"name": Text()},
    "entries": {"playlist": Reference(to="playlists"), "track": Reference(to="tracks"), "place": Integer()},
    "employees": {"name": Text(), "manager": Reference(to="employees")},
    "customers": {"name": Text(), "country": Text(), "support": Reference(to="employees")},
    "invoices": {"customer": Reference(to="customers"), "date": Instant(), "total": Integer()},
    "lines": {"invoice": Reference(to="invoices"), "track": Reference(to="tracks"), "price": Integer(),
              "quantity": Integer(), "discount": Number()},
}  # fmt: skip
COLLECTIONS = [Collection(name=name, fields=fields, rules=EVERYBODY, ids="integer") for name, fields in FIELDS.items()]
WORDS = ("amber", "blue", "cold", "dawn", "echo", "fire", "gold", "haze", "iron", "jade")


def rows() -> dict[str, list[Row]]:
    """All rows, drawn by a seed, each with its id; some fields are null, some parents have no children."""
    drawn = random.Random("record shop")
    made: dict[str, list[Row]] = {name: [] for name in FIELDS}

    def add(collection: str, **body: Any) -> None:
        made[collection].append({"id": len(made[collection]) + 1, **body})

    def words(most: int) -> str:
        return " ".join(drawn.choices(WORDS, k=drawn.randint(1, most)))

    def any_id(collection: str) -> int:
        return drawn.randint(1, len(made[collection]))

    for _ in range(25):
        add("artists", name=words(2))
    for name in ("rock", "jazz", "folk", "opera"):
        add("genres", name=name)
    for _ in range(60):
        add("albums", title=words(3), artist=drawn.randint(1, 22))
    for _ in range(400):
        genre, composer = drawn.choice([1, 2, 3, None]), drawn.choice(["ada", "ben", "eve", None])
        add("tracks", name=words(4), album=drawn.randint(1, 55), genre=genre, composer=composer,
            seconds=drawn.randint(60, 400), price=drawn.choice([99, 149, 199]))  # fmt: skip
    for _ in range(8):
        add("playlists", name=words(2))
    for _ in range(150):
        add("entries", playlist=drawn.randint(1, 7), track=any_id("tracks"), place=drawn.randint(1, 9))
    for number in range(9):
        add("employees", name=words(2), manager=number // 2 + 1 - (number % 2) or None if number else None)
    for _ in range(40):
        country = drawn.choice(["Brazil", "Canada", "Norway", None])
        add("customers", name=words(2), country=country, support=drawn.choice([3, 4, 5, None]))
    for number in range(120):
        date = f"20{20 + number % 4}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T12:00:00.000000Z"
        add("invoices", customer=drawn.randint(1, 38), date=date, total=drawn.randint(1, 40) * 50)
    for _ in range(400):
        track = drawn.choice(made["tracks"])
        add("lines", invoice=any_id("invoices"), track=track["id"], price=track["price"],
            quantity=drawn.randint(1, 3), discount=drawn.choice([0.25, 0.5, None]))  # fmt: skip
    return made


DATA = rows()
BY_ID = {name: {row["id"]: row for row in of_one} for name, of_one in DATA.items()}


def ordered(found: Iterable[Row], sort: str) -> list[Row]:
    """Rows in the order of `sort`: null is less than any value, equal ones follow by id as the last field is sorted."""
    result = list(found)
    keys = [*sort.split(","), "-id" if sort.split(",")[-1].startswith("-") else "id"]
    for key in reversed(keys):
        name = key.removeprefix("-")
        present = [row for row in result if row[name] is not None]
        present.sort(key=itemgetter(name), reverse=key.startswith("-"))
        absent = [row for row in result if row[name] is None]
        result = present + absent if key.startswith("-") else absent + present
    return result


def one(collection: str, id: int | None, fields: str, **expanded: Callable[[Row], Any]) -> Row | None:
    """A record that comes along, or null."""
    return None if id is None else shown(BY_ID[collection][id], fields, **expanded)


def shown(row: Row, fields: str, **expanded: Callable[[Row], Any]) -> Row:
    """Some fields of a row, and what comes with it."""
    made = {name: row[name] for name in ("id", *fields.split(","))}
    return made | ({"_expand": {name: give(row) for name, give in expanded.items()}} if expanded else {})


def many(
    collection: str, by: str, fields: str, sort: str = "id", limit: int = 20, chosen: Chosen = lambda row: True,
    **expanded: Callable[[Row], Any],
) -> Callable[[Row], Row]:  # fmt: skip
    """The rows of a collection that refer to a row."""

    def give(parent: Row) -> Row:
        found = ordered([row for row in DATA[collection] if row[by] == parent["id"] and chosen(row)], sort)
        return {"items": [shown(row, fields, **expanded) for row in found[:limit]], "more": len(found) > limit}

    return give


def _artists() -> tuple[Row, list[Row]]:
    asked = {
        "fields": "name", "sort": "name,-id", "limit": "25",
        "expand": "albums(sort=-title,limit=2,fields=title,expand=tracks(sort=-seconds,limit=3,fields=name,"
                  "filter=record.price > 100 && record.genre != null,expand=genre(fields=name)))",
    }  # fmt: skip
    tracks = many("tracks", "album", "name", "-seconds", 3, lambda row: row["price"] > 100 and row["genre"] is not None,
                  genre=lambda row: one("genres", row["genre"], "name"))  # fmt: skip
    albums = many("albums", "artist", "title", "-title", 2, tracks=tracks)
    return asked, [shown(row, "name", albums=albums) for row in ordered(DATA["artists"], "name,-id")]


def _invoices() -> tuple[Row, list[Row]]:
    asked = {
        "fields": "total,date", "sort": "-total", "limit": "30",
        "filter": "record.date >= timestamp('2021-01-01T00:00:00Z') && record.total < 1500",
        "expand": "customer(fields=name,expand=support(fields=name,expand=manager(fields=name))),"
                  "lines(sort=quantity,discount,limit=2,fields=quantity,discount,"
                  "expand=track(fields=name,expand=album(fields=title,expand=artist(fields=name))))",
    }  # fmt: skip

    def support(row: Row) -> Row | None:
        return one("employees", row["support"], "name", manager=lambda row: one("employees", row["manager"], "name"))

    def album(row: Row) -> Row | None:
        return one("albums", row["album"], "title", artist=lambda row: one("artists", row["artist"], "name"))

    lines = many("lines", "invoice", "quantity,discount", "quantity,discount", 2,
                 track=lambda row: one("tracks", row["track"], "name", album=album))  # fmt: skip
    found = [row for row in DATA["invoices"] if row["date"] >= "2021" and row["total"] < 1500]
    return asked, [
        shown(row, "total,date", customer=lambda row: one("customers", row["customer"], "name", support=support),
              lines=lines)
        for row in ordered(found, "-total")[:30]
    ]  # fmt: skip


def _employees() -> tuple[Row, list[Row]]:
    asked = {
        "fields": "name,manager", "sort": "manager",
        "expand": "employees(sort=-name,fields=name,expand=customers(sort=country,-name,limit=4,fields=name,country,"
                  "expand=invoices(sort=date,limit=1,fields=total))),manager(fields=name)",
    }  # fmt: skip
    customers = many("customers", "support", "name,country", "country,-name", 4,
                     invoices=many("invoices", "customer", "total", "date", 1))  # fmt: skip
    below = many("employees", "manager", "name", "-name", customers=customers)
    return asked, [
        shown(row, "name,manager", employees=below, manager=lambda row: one("employees", row["manager"], "name"))
        for row in ordered(DATA["employees"], "manager")
    ]


def _playlists() -> tuple[Row, list[Row]]:
    asked = {"fields": "name,entries.place,entries.track.name,entries.track.album.title", "sort": "-name"}
    asked["expand"] = "entries(sort=place,-id,limit=7)"

    def track(row: Row) -> Row | None:
        return one("tracks", row["track"], "name", album=lambda row: one("albums", row["album"], "title"))

    entries = many("entries", "playlist", "place", "place,-id", 7, track=track)
    return asked, [shown(row, "name", entries=entries) for row in ordered(DATA["playlists"], "-name")]


LISTS = {"artists": _artists, "invoices": _invoices, "employees": _employees, "playlists": _playlists}


def grouped(found: Iterable[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of columns."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in found:
        groups.setdefault(tuple([row[column] for column in columns]), []).append(row)
    return groups


def total(of: Sequence[Row], field: str) -> Any:
    """A sum of what is not null; null of nothing."""
    values = [row[field] for row in of if row[field] is not None]
    return sum(values) if values else None


def _genres_and_composers() -> tuple[str, Row, list[Row]]:
    asked = {"group": "genre,composer", "count": "*,distinct:album", "sum": "price", "min": "name", "max": "seconds",
             "having": "count >= 20", "sort": "-sum_price", "filter": "record.seconds > 90"}  # fmt: skip
    groups = grouped([row for row in DATA["tracks"] if row["seconds"] > 90], ["genre", "composer"])
    made = [
        {"genre": genre, "composer": composer, "count": len(of), "count_distinct_album": len({r["album"] for r in of}),
         "sum_price": total(of, "price"), "min_name": min(r["name"] for r in of),
         "max_seconds": max(r["seconds"] for r in of)}
        for (genre, composer), of in groups.items() if len(of) >= 20
    ]  # fmt: skip
    made.sort(key=lambda row: (-row["sum_price"], row["genre"] or 0, row["composer"] or ""))
    return "tracks", asked, made


def _years() -> tuple[str, Row, list[Row]]:
    asked = {"group": "date:year", "count": "distinct:customer", "sum": "total", "avg": "total"}
    groups = grouped([row | {"year": row["date"][:4]} for row in DATA["invoices"]], ["year"])
    return "invoices", asked, [
        {"date_year": year, "count_distinct_customer": len({r["customer"] for r in of}),
         "sum_total": total(of, "total"), "avg_total": total(of, "total") / len(of)}
        for (year,), of in sorted(groups.items())
    ]  # fmt: skip


def _discounts() -> tuple[str, Row, list[Row]]:
    asked = {"group": "quantity", "count": "*,discount", "sum": "discount", "sort": "-quantity"}
    groups = grouped(DATA["lines"], ["quantity"])
    return "lines", asked, [
        {"quantity": quantity, "count": len(of), "count_discount": sum(r["discount"] is not None for r in of),
         "sum_discount": total(of, "discount")}
        for (quantity,), of in sorted(groups.items(), reverse=True)
    ]  # fmt: skip


def _found_by_genre() -> tuple[str, Row, list[Row]]:
    asked = {"search": "fire -gold", "group": "genre", "count": "*", "max": "price"}
    found = [row for row in DATA["tracks"] if "fire" in row["name"].split() and "gold" not in row["name"].split()]
    return "tracks", asked, [
        {"genre": genre, "count": len(of), "max_price": max(r["price"] for r in of)}
        for (genre,), of in sorted(grouped(found, ["genre"]).items(), key=lambda pair: pair[0][0] or 0)
    ]  # fmt: skip


AGGREGATES = [_genres_and_composers, _years, _discounts, _found_by_genre]


async def got(api: Api, path: str, **asked: str) -> Any:
    """The JSON of a response."""
    answer = await api("GET", f"/v1/records/{path}", params=asked)
    assert answer.status_code == 200, (asked, answer.text)
    return answer.json()


async def _check_searches(api: Api) -> None:
    for word in WORDS:
        named = [row for row in DATA["tracks"] if word in row["name"].split()]
        named.sort(key=lambda row: (row["name"].index(word), row["id"]))  # no word is a part of another
        page = await got(api, "tracks", search=word, limit="50", total="true", fields="name,album.title")
        album = [{"album": one("albums", row["album"], "title")} for row in named[:50]]
        assert page["items"] == [
            {**shown(row, "name"), "_expand": of_one} for row, of_one in zip(named[:50], album, strict=True)
        ]
        assert page["total"] == len(named)
    found = [row for row in DATA["tracks"] if "jade haze" in row["name"] and row["price"] == 199]
    page = await got(api, "tracks", search='"jade haze"', price="199", sort="-seconds", fields="name")
    assert page["items"] == [shown(row, "name") for row in ordered(found, "-seconds")]
    assert found


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_one_request_is_pythons(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """Relations at three levels with sorts, limits, filters and fields, values of groups, and searches give what Python
    computes from the same rows, by references to others and to the same collection."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    async with serving(storage, collections=COLLECTIONS) as api:
        for name, of_one in DATA.items():
            answer = await api("POST", f"/v1/admin/import/{name}", json={"rows": of_one}, headers=api.admin)
            assert answer.json()["created"] == len(of_one), answer.text
        for name, case in LISTS.items():
            asked, expected = case()
            assert (await got(api, name, **asked))["items"] == expected, asked
        for make in AGGREGATES:
            name, asked, groups = make()
            assert (await got(api, f"{name}/aggregate", **asked))["items"] == groups, asked
            assert groups
        await _check_searches(api)
