"""Lists, aggregates, searches, times and references on three levels, compared with what DuckDB makes of the files of a
package."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.figures.comparing import Comparison, Drawn, Pool
from tests.figures.package_data import COLLECTIONS, duck, load
from tests.figures.scale import SEED, SEEDS, figure, sized
from tests.server.api import serving

HOURS = sized(500, 8_759)
POOLS = {
    "cars": Pool(
        [
            ("record.mpg > 20.0 && record.horsepower <= 100", "mpg > 20 AND horsepower <= 100"),
            ("record.horsepower == null || record.mpg == null", "horsepower IS NULL OR mpg IS NULL"),
            ("!(record.horsepower > 90)", "NOT (horsepower > 90)"),
            ("record.year >= '1975-01-01' && record.year != '1980-01-01'",
             "year >= '1975-01-01' AND year <> '1980-01-01'"),
            ("record.name.startsWith('ford')", "starts_with(name, 'ford')"),
            ("record.name.endsWith('(sw)')", "ends_with(name, '(sw)')"),
            ("record.name.upperAscii().contains('TOYOTA')", "contains(upper(name), 'TOYOTA')"),
            ("record.name.substring(0, 4) == 'buic'", "substr(name, 1, 4) = 'buic'"),
            ("record.name.indexOf('c') == 0", "instr(name, 'c') = 1"),
            ("record.name.replace(' ', '').size() > 18", "length(replace(name, ' ', '')) > 18"),
            ("record.maker in ['ford', 'fiat', 'honda']", "maker IN ('ford', 'fiat', 'honda')"),
            ("record.weight / 1000 == 2 || record.cylinders % 3 == 0", "weight // 1000 = 2 OR cylinders % 3 = 0"),
            ("double(record.weight) / record.acceleration > 200.0", "weight / acceleration > 200"),
            ("math.round(record.mpg) == 18.0", "round(mpg) = 18"),
        ],
        [("maker", "ford", "maker = 'ford'"), ("cylinders", "4", "cylinders = 4"), ("mpg", "18", "mpg = 18"),
         ("year", "1976-01-01", "year = '1976-01-01'")],
        [("maker", "maker"), ("cylinders", "cylinders"), ("year", "year"), ("year:year", "substr(year, 1, 4)")],
        ["weight", "horsepower", "cylinders"],
        ["name", "mpg", "maker", "id", "year"],
    ),
    "readings": Pool(
        [
            ("record.taken.getHours() == 13", "hour(t) = 13"),
            ("record.taken.getHours('-08:00') < 6", "hour(t - INTERVAL 8 HOUR) < 6"),
            ("record.taken.getDayOfWeek() == 0", "dayofweek(t) = 0"),
            ("record.taken.getDate() in [1, 17]", "day(t) IN (1, 17)"),
            ("record.taken.getMonth() == 0 || record.taken.getMonth() == 6", "month(t) IN (1, 7)"),
            ("record.taken.getDayOfYear() < 12", "dayofyear(t) <= 12"),
            ("record.taken + duration('36h') > timestamp('2010-01-12T07:30:00Z')",
             "t + INTERVAL 36 HOUR > '2010-01-12 07:30:00'"),
            ("record.taken - timestamp('2010-01-01T00:00:00Z') < duration('100h30m')",
             "t - TIMESTAMP '2010-01-01' < INTERVAL 100 HOUR + INTERVAL 30 MINUTE"),
            ("record.temperature > 45.5 && record.temperature < 50.0", "temperature > 45.5 AND temperature < 50"),
            ("record.day.startsWith('sf-')", "starts_with(day, 'sf-')"),
        ],
        [("day", "sf-2010-01-03", "day = 'sf-2010-01-03'"), ("temperature", "47.8", "temperature = 47.8"),
         ("taken", "2010-01-04T05:00:00Z", "t = '2010-01-04 05:00:00'")],
        [("day", "day"), ("taken:day", "substr(taken, 1, 10)"), ("taken:hour", "substr(taken, 1, 13)")],
        ["temperature"],
        ["taken", "day", "id"],
    ),
}  # fmt: skip


async def _compare_nested(both: Comparison, drawn: Drawn) -> None:
    """Readings with their day and its city."""
    rows = both.rows(
        f"SELECT r.id, r.temperature, d.date, c.name FROM (SELECT * FROM readings WHERE {drawn.where}) r"
        " JOIN days d ON d.id = r.day JOIN cities c ON c.id = d.city"
        " ORDER BY r.temperature DESC, r.taken ASC, r.id LIMIT 40"
    )
    asked = [*drawn.parameters, ("sort", "-temperature,taken"), ("limit", "40"),
             ("fields", "temperature,day.date,day.city.name")]  # fmt: skip
    page = await both.ask("/v1/records/readings", asked, is_admin=False)
    found = []
    for item in page["items"]:
        assert {*item} == {"id", "temperature", "_expand"}
        day = item["_expand"]["day"]
        found.append((item["id"], item["temperature"], day["date"], day["_expand"]["city"]["name"]))
    assert found == rows, asked


async def _compare_back(both: Comparison, drawn: Drawn) -> None:
    """Origins with their makers, and these with some of their cars: back references on three levels."""
    power, limit = drawn.random.randint(60, 150), drawn.random.choice([1, 3, 20])
    cars = f"cars_via_maker(filter=record.horsepower > {power},sort=-weight,name,limit={limit},fields=name,weight)"
    asked = [("fields", "name"), ("expand", f"makers_via_origin(sort=-id,limit=12,fields=id,expand={cars})")]
    page = await both.ask("/v1/records/origins", asked, is_admin=False)
    assert [(one["id"], one["name"]) for one in page["items"]] == both.rows("SELECT id, name FROM origins ORDER BY id")
    for origin in page["items"]:
        makers = both.rows(f"SELECT id FROM makers WHERE origin = '{origin['id']}' ORDER BY id DESC LIMIT 13")
        found = origin["_expand"]["makers_via_origin"]
        assert ([(maker["id"],) for maker in found["items"]], found["more"]) == (makers[:12], len(makers) > 12), asked
        for maker in found["items"]:
            rows = both.rows(
                f"SELECT id, name, weight FROM cars WHERE maker = '{maker['id']}' AND horsepower > {power}"
                f" ORDER BY weight DESC, name, id LIMIT {limit + 1}"
            )
            inner = maker["_expand"]["cars_via_maker"]
            assert [(one["id"], one["name"], one["weight"]) for one in inner["items"]] == rows[:limit], (asked, maker)
            assert inner["more"] == (len(rows) > limit)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_lists_times_and_references_are_duckdbs(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Filters with texts, days and times, sorts by several fields, pages, cursors, totals, groups, different values,
    searches, chosen fields and references on three levels, both ways, give what DuckDB gives on the same files."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    with duck(HOURS) as data:
        async with serving(storage, collections=COLLECTIONS) as api:
            count = await load(api, HOURS)
            both = Comparison(api, data)
            for seed in range(SEED, SEED + sized(6, SEEDS * 5)):
                for name, pool in POOLS.items():
                    await both.compare_list(Drawn(name, seed, pool), is_admin=False)
                    await both.compare_aggregate(Drawn(name, seed, pool), is_admin=False)
                    await both.compare_distinct(Drawn(name, seed, pool))
                for pool in (POOLS["cars"], POOLS["cars"]._replace(conditions=[], equalities=[])):
                    await both.compare_search(Drawn("cars", seed, pool))
                await _compare_nested(both, Drawn("readings", seed, POOLS["readings"]))
                await _compare_back(both, Drawn("cars", seed, POOLS["cars"]))
    assert both.found, "no search found anything"
    figure(f"{database}: {both.compared:,} answers over {count:,} records are DuckDB's (SEED={SEED})")
