"""Lists, aggregates, searches and references of real data, compared with what DuckDB makes of the same files."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.figures.real_data import COLLECTIONS, duck, load
from tests.figures.scale import SEED, SEEDS, figure, sized
from tests.server.api import Api, serving

COUNTS = sized(
    {"airports": 3_376, "flights": 2_000, "delays": 1_000}, {"airports": 3_376, "flights": 20_000, "delays": 200_000}
)
Condition = tuple[str, str]
"""A condition as CEL, and as DuckDB's SQL."""

CONDITIONS: dict[str, list[Condition]] = {
    "airports": [
        ("record.state == 'TX'", "state = 'TX'"),
        ("record.state in ['TX', 'CA', 'AK']", "state IN ('TX', 'CA', 'AK')"),
        ("record.latitude > 40.5 && record.longitude <= -100.0", "latitude > 40.5 AND longitude <= -100.0"),
        ("record.name.startsWith('San')", "starts_with(name, 'San')"),
        ("record.city.endsWith('ville')", "ends_with(city, 'ville')"),
        ("record.name.contains(\"'\")", "contains(name, '''')"),
        ("record.name.lowerAscii().contains('field')", "contains(lower(name), 'field')"),
        ("size(record.city) > 15", "length(city) > 15"),
        ("record.visits == null", "visits IS NULL"),
        ("has(record.visits) && record.visits % 2 == 1", "visits IS NOT NULL AND visits % 2 = 1"),
        ("!(record.visits > 8)", "NOT (visits > 8)"),
        ("record.visits * 3 - 1 >= 20 || record.country != 'USA'", "visits * 3 - 1 >= 20 OR country <> 'USA'"),
        ("record.latitude * 2.0 > record.longitude + 160.0", "latitude * 2 > longitude + 160"),
        ("record.id < 'B' && record.id >= '1'", "id < 'B' AND id >= '1'"),
        ("record.visits > 3 ? record.state < 'M' : record.city > 'S'",
         "CASE WHEN visits > 3 THEN state < 'M' WHEN NOT visits > 3 THEN city > 'S' END"),
    ],
    "flights": [
        ("record.delay > 30", "delay > 30"),
        ("record.distance >= 500 && record.distance < 900", "distance >= 500 AND distance < 900"),
        ("record.origin == 'ATL' || record.destination == 'ATL'", "origin = 'ATL' OR destination = 'ATL'"),
        ("record.origin > record.destination", "origin > destination"),
        ("record.date < timestamp('2001-01-02T00:00:00Z')", "date < '2001-01-02'"),
        ("record.late == null", "late IS NULL"),
        ("record.late >= 0.5", "late >= 0.5"),
        ("record.delay * 60 > record.distance", "delay * 60 > distance"),
        ("record.carrier == 'c3'", "carrier = 'c3'"),
        ("record.carrier != null && record.carrier > 'c2'", "carrier > 'c2'"),
        ("record.id % 10 == 7", "id % 10 = 7"),
    ],
    "delays": [
        ("record.delay < 0", "delay < 0"),
        ("record.time > 12.5", "time > 12.5"),
        ("record.distance / 100 == 4", "distance // 100 = 4"),
        ("double(record.delay) > record.time", "delay > time"),
    ],
}  # fmt: skip
EQUALITIES: dict[str, list[tuple[str, str, str]]] = {
    "airports": [("state", "TX", "state = 'TX'"), ("visits", "5", "visits = 5"), ("country", "USA", "country = 'USA'"),
                 ("latitude", "31.95376472", "latitude = 31.95376472::DOUBLE")],
    "flights": [("delay", "0", "delay = 0"), ("origin", "PHX", "origin = 'PHX'"), ("carrier", "c1", "carrier = 'c1'"),
                ("date", "2001-01-01T10:00:00Z", "date = '2001-01-01T10:00:00.000000Z'")],
    "delays": [("distance", "404", "distance = 404"), ("time", "13.5", "time = 13.5")],
}  # fmt: skip
GROUPS: dict[str, list[tuple[str, str]]] = {
    "airports": [("state", "state"), ("country", "country"), ("visits", "visits")],
    "flights": [("origin", "origin"), ("destination", "destination"), ("date:day", "substr(date, 1, 10)"),
                ("date:hour", "substr(date, 1, 13)"), ("delay", "delay")],
    "delays": [("distance", "distance"), ("delay", "delay")],
}  # fmt: skip
NUMBERS = {"airports": ["visits", "latitude"], "flights": ["delay", "late", "distance"], "delays": ["delay", "time"]}
OTHERS = {"airports": ["name", "id"], "flights": ["date", "origin"], "delays": ["distance", "id"]}


class Drawn:
    """What is asked of one collection, drawn by a seed: the same of both sides."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(f"{name} {seed}")
        self.parameters: list[tuple[str, str]] = []
        terms = self._conditions()
        for field, value, sql in self.some(EQUALITIES[name], 1):
            self.parameters.append((field, value))
            terms.append(sql)
        self.where = " AND ".join([f"({term})" for term in terms]) or "TRUE"

    def some(self, pool: Sequence[Any], most: int) -> list[Any]:
        """Some of a pool, at most so many."""
        return self.random.sample(pool, self.random.randint(0, min(most, len(pool))))

    def _conditions(self) -> list[str]:
        found = self.some(CONDITIONS[self.name], 2)
        if found:
            sign, word = self.random.choice([("&&", "AND"), ("||", "OR")])
            self.parameters.append(("filter", f" {sign} ".join([f"({cel})" for cel, _ in found])))
            return [f" {word} ".join([f"({sql})" for _, sql in found])]
        return []

    def order(self, columns: Sequence[str], most: int) -> tuple[list[str], list[str]]:
        """Sorts, and what follows ORDER BY for them."""
        names = self.some(columns, most)
        sort = [name if self.random.random() < 0.5 else f"-{name}" for name in names]
        return sort, [_ordered(text) for text in sort]


def _ordered(text: str) -> str:
    name = text.removeprefix("-")
    return f'"{name}" DESC NULLS LAST' if text.startswith("-") else f'"{name}" ASC NULLS FIRST'


def is_close(found: Any, expected: Any) -> bool:
    """Whether two values are the same, doubles but for the order in which they were added."""
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(found == expected)


class Comparison:
    """A server and DuckDB, asked the same; administrators see all delays, others those that a rule shows."""

    def __init__(self, api: Api, data: duckdb.DuckDBPyConnection) -> None:
        self.api = api
        self.data = data
        self.compared = 0
        self.found = 0

    async def ask(self, path: str, parameters: Sequence[tuple[str, str]], *, is_admin: bool) -> dict[str, Any]:
        """The server's answer."""
        answer = await self.api("GET", path, params=parameters, headers=self.api.admin if is_admin else {})
        assert answer.status_code == 200, (parameters, answer.text)
        self.compared += 1
        found: dict[str, Any] = answer.json()
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """DuckDB's answer."""
        return self.data.execute(sql).fetchall()

    def where(self, drawn: Drawn, *, is_admin: bool) -> str:
        """What is asked, of the rows that the caller sees."""
        is_hiding = drawn.name == "delays" and not is_admin
        return f"{drawn.where} AND distance > 300 AND delay <> 0" if is_hiding else drawn.where

    async def compare_list(self, drawn: Drawn, *, is_admin: bool) -> None:
        """A list with its total: by cursor from page to page, and a page by its number."""
        name, where = drawn.name, self.where(drawn, is_admin=is_admin)
        sort, ordered = drawn.order([*NUMBERS[name], *OTHERS[name]], 3)
        if "id" not in [text.removeprefix("-") for text in sort]:
            ordered.append(_ordered("-id" if sort and sort[-1].startswith("-") else "id"))
        [(total,)] = self.rows(f"SELECT count(*) FROM {name} WHERE {where}")
        limit = drawn.random.choice([7, 100, 1_000])
        fields = [*NUMBERS[name], *OTHERS[name]]
        chosen = ", ".join([f'"{field}"' for field in fields])
        expected = self.rows(
            f"SELECT {chosen} FROM {name} WHERE {where} ORDER BY {', '.join(ordered)} LIMIT {limit * 3}"
        )
        asked = [*drawn.parameters, ("limit", str(limit)), *([("sort", ",".join(sort))] if sort else [])]
        seen: list[tuple[Any, ...]] = []
        cursor: list[tuple[str, str]] = []
        for _ in range(3):
            page = await self.ask(f"/v1/records/{name}", [*asked, ("total", "true"), *cursor], is_admin=is_admin)
            assert page["total"] == total, (asked, total)
            seen += [tuple([item[field] for field in fields]) for item in page["items"]]
            if not page["next"]:
                break
            cursor = [("cursor", page["next"])]
        assert len(seen) == min(total, limit * 3), asked
        for place, (one, other) in enumerate(zip(seen, expected, strict=True)):
            assert all(map(is_close, one, other)), (asked, place, one, other)
        second = await self.ask(f"/v1/records/{name}", [*asked, ("page", "2")], is_admin=is_admin)
        assert [tuple([item[field] for field in fields]) for item in second["items"]] == seen[limit : 2 * limit], asked

    async def compare_aggregate(self, drawn: Drawn, *, is_admin: bool) -> None:
        """Values of groups, all pages of them."""
        name, where = drawn.name, self.where(drawn, is_admin=is_admin)
        groups = drawn.some(GROUPS[name], 2)
        columns = {text.replace(":", "_"): sql for text, sql in groups}
        asked = [("group", ",".join([text for text, _ in groups])), *drawn.parameters]
        for word, values in self._values(drawn):
            columns |= {column: sql for _, column, sql in values}
            asked.append((word, ",".join([text for text, _, _ in values])))
        sort, ordered = drawn.order([*columns], 2)
        keys = [text.removeprefix("-") for text in sort]
        if any(name.startswith(("sum_l", "avg_", "sum_t")) for name in keys):
            sort, ordered, keys = [], [], []  # sums of doubles are equal but for their last digits
        ordered += [_ordered(text.replace(":", "_")) for text, _ in groups if text.replace(":", "_") not in keys]
        asked += [("sort", ",".join(sort))] if sort else []
        asked.append(("having", "count >= 2"))
        chosen = ", ".join([f'{sql} AS "{column}"' for column, sql in columns.items()])
        grouped = f"GROUP BY {', '.join([sql for _, sql in groups])}" if groups else ""
        expected = self.rows(
            f"SELECT {chosen} FROM {name} WHERE {where} {grouped} HAVING count(*) >= 2"
            + (f" ORDER BY {', '.join(ordered)}" if ordered else "")
        )
        seen = [row async for row in self._pages(f"/v1/records/{name}/aggregate", asked, is_admin=is_admin)]
        assert len(seen) == len(expected), (asked, len(seen), len(expected))
        for one, other in zip(seen, expected, strict=True):
            assert {*one} == {*columns}
            assert all(is_close(one[column], value) for column, value in zip(columns, other, strict=True)), (
                asked,
                one,
                other,
            )

    async def compare_search(self, drawn: Drawn) -> None:
        """Airports whose names have some words, one of them perhaps only begun or unwanted, with the state as the first
        sort: which words a name has is computed by a regular expression."""
        [(name,)] = self.rows(f"SELECT name FROM airports ORDER BY id LIMIT 1 OFFSET {drawn.random.randrange(3_000)}")
        words = re.findall(r"[a-z0-9]+", name.lower())
        asked: list[str] = []
        terms: list[str] = []
        for word in drawn.random.sample(words, min(2, len(words))):
            is_begun, is_unwanted = drawn.random.random() < 0.3, bool(asked) and drawn.random.random() < 0.4
            text = word[: drawn.random.randint(1, len(word))] if is_begun else word
            asked.append(("-" if is_unwanted else "") + text + ("*" if is_begun else ""))
            pattern = f"(^|[^a-z0-9]){text}" + ("" if is_begun else "($|[^a-z0-9])")
            terms.append(f"{'NOT ' if is_unwanted else ''}regexp_matches(lower(name), '{pattern}')")
        where = " AND ".join([*terms, f"({drawn.where})"])
        rows = self.rows(f"SELECT id FROM airports WHERE {where} ORDER BY state ASC NULLS FIRST, id")
        parameters = [*drawn.parameters, ("search", " ".join(asked)), ("sort", "state"), ("limit", "1000")]
        page = await self.ask("/v1/records/airports", [*parameters, ("total", "true")], is_admin=False)
        assert page["total"] == len(rows), parameters
        self.found += len(rows)
        assert [item["id"] for item in page["items"]] == [id for (id,) in rows[:1_000]], parameters

    async def compare_expand(self, drawn: Drawn) -> None:
        """Flights with both airports, and airports with the flights that leave them."""
        chosen = f"SELECT f.id, a.id, a.city, b.id, b.latitude FROM (SELECT * FROM flights WHERE {drawn.where}) f"
        rows = self.rows(
            f"{chosen} LEFT JOIN airports a ON a.id = f.origin LEFT JOIN airports b ON b.id = f.destination"
            " ORDER BY f.delay DESC NULLS LAST, f.id DESC LIMIT 50"
        )
        parameters = [*drawn.parameters, ("sort", "-delay"), ("limit", "50"),
                      ("fields", "origin.city,destination.latitude")]  # fmt: skip
        page = await self.ask("/v1/records/flights", parameters, is_admin=False)
        related = [(item["id"], item["_expand"]["origin"], item["_expand"]["destination"]) for item in page["items"]]
        found = [(id, a["id"], a["city"], b["id"], b["latitude"]) for id, a, b in related]
        assert found == rows, parameters
        await self._compare_leaving(drawn)

    async def _compare_leaving(self, drawn: Drawn) -> None:
        first, limit = drawn.random.randrange(3_300), drawn.random.choice([1, 5, 40])
        options = f"sort=-distance,delay,limit={limit},filter=record.delay > 0,fields=distance"
        parameters = [("page", str(first // 50 + 1)), ("limit", "50"), ("fields", "city"),
                      ("expand", f"flights_via_origin({options})")]  # fmt: skip
        page = await self.ask("/v1/records/airports", parameters, is_admin=False)
        assert page["items"]
        for item in page["items"]:
            rows = self.rows(
                f"SELECT id, distance FROM flights WHERE origin = '{item['id']}' AND delay > 0"
                f" ORDER BY distance DESC NULLS LAST, delay ASC NULLS FIRST, id LIMIT {limit + 1}"
            )
            found = item["_expand"]["flights_via_origin"]
            assert [(one["id"], one["distance"]) for one in found["items"]] == rows[:limit], (parameters, item["id"])
            assert found["more"] == (len(rows) > limit)

    def _values(self, drawn: Drawn) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        """The words of values, each with what is asked, the column, and DuckDB's SQL."""
        name = drawn.name
        numbers, others = NUMBERS[name], [*NUMBERS[name], *OTHERS[name]]
        distinct = drawn.random.choice(others)
        yield (
            "count",
            [
                ("*", "count", "count(*)"),
                (f"distinct:{distinct}", f"count_distinct_{distinct}", f"count(DISTINCT {distinct})"),
                (numbers[0], f"count_{numbers[0]}", f"count({numbers[0]})"),
            ],
        )
        for word in ("sum", "avg", "min", "max"):
            found = drawn.some(numbers if word in ("sum", "avg") else others, 2)
            if found:
                yield word, [(each, f"{word}_{each}", f"{word}({each})") for each in found]

    async def _pages(self, path: str, asked: list[tuple[str, str]], *, is_admin: bool) -> Any:
        cursor: list[tuple[str, str]] = []
        while True:
            page = await self.ask(path, [*asked, ("limit", "700"), *cursor], is_admin=is_admin)
            for item in page["items"]:
                yield item
            if not page["next"]:
                return
            cursor = [("cursor", page["next"])]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_lists_and_aggregates_are_duckdbs(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """Filters, sorts, equalities, pages, cursors, totals, undeclared fields, groups, values of groups, `having`,
    searches and references give what DuckDB gives on the same files, of all records and of those that a rule shows."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    with duck(COUNTS) as data:
        async with serving(storage, collections=COLLECTIONS) as api:
            await load(api, COUNTS)
            both = Comparison(api, data)
            for seed in range(SEED, SEED + sized(8, SEEDS * 5)):
                for name in CONDITIONS:
                    is_admin = name != "delays" or seed % 2 == 0
                    await both.compare_list(Drawn(name, seed), is_admin=is_admin)
                    await both.compare_aggregate(Drawn(name, seed), is_admin=is_admin)
                await both.compare_search(Drawn("airports", seed))
                await both.compare_expand(Drawn("flights", seed))
    assert both.found, "no search found anything"
    figure(f"{database}: {both.compared:,} answers over {sum(COUNTS.values()):,} records are DuckDB's (SEED={SEED})")
