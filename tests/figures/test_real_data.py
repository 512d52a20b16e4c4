"""Lists, aggregates, searches and references of real data, compared with what DuckDB makes of the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.figures.comparing import Comparison, Condition, Drawn, Pool
from tests.figures.real_data import COLLECTIONS, duck, load
from tests.figures.scale import SEED, SEEDS, figure, sized
from tests.server.api import serving

COUNTS = sized(
    {"airports": 3_376, "flights": 2_000, "delays": 1_000}, {"airports": 3_376, "flights": 20_000, "delays": 200_000}
)
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
OTHERS = {"airports": ["name", "id", "state"], "flights": ["date", "origin"], "delays": ["distance", "id"]}


POOLS = {
    name: Pool(CONDITIONS[name], EQUALITIES[name], GROUPS[name], NUMBERS[name], OTHERS[name]) for name in CONDITIONS
}


async def compare_expand(both: Comparison, drawn: Drawn) -> None:
    """Flights with both airports, and airports with the flights that leave them."""
    chosen = f"SELECT f.id, a.id, a.city, b.id, b.latitude FROM (SELECT * FROM flights WHERE {drawn.where}) f"
    rows = both.rows(
        f"{chosen} LEFT JOIN airports a ON a.id = f.origin LEFT JOIN airports b ON b.id = f.destination"
        " ORDER BY f.delay DESC NULLS LAST, f.id DESC LIMIT 50"
    )
    parameters = [*drawn.parameters, ("sort", "-delay"), ("limit", "50"),
                  ("fields", "origin.city,destination.latitude")]  # fmt: skip
    page = await both.ask("/v1/records/flights", parameters, is_admin=False)
    related = [(item["id"], item["_expand"]["origin"], item["_expand"]["destination"]) for item in page["items"]]
    found = [(id, a["id"], a["city"], b["id"], b["latitude"]) for id, a, b in related]
    assert found == rows, parameters
    await _compare_leaving(both, drawn)


async def _compare_leaving(both: Comparison, drawn: Drawn) -> None:
    first, limit = drawn.random.randrange(3_300), drawn.random.choice([1, 5, 40])
    options = f"sort=-distance,delay,limit={limit},filter=record.delay > 0,fields=distance"
    parameters = [("page", str(first // 50 + 1)), ("limit", "50"), ("fields", "city"),
                  ("expand", f"flights_via_origin({options})")]  # fmt: skip
    page = await both.ask("/v1/records/airports", parameters, is_admin=False)
    assert page["items"]
    for item in page["items"]:
        rows = both.rows(
            f"SELECT id, distance FROM flights WHERE origin = '{item['id']}' AND delay > 0"
            f" ORDER BY distance DESC NULLS LAST, delay ASC NULLS FIRST, id LIMIT {limit + 1}"
        )
        found = item["_expand"]["flights_via_origin"]
        assert [(one["id"], one["distance"]) for one in found["items"]] == rows[:limit], (parameters, item["id"])
        assert found["more"] == (len(rows) > limit)


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
                    await both.compare_list(Drawn(name, seed, POOLS[name]), is_admin=is_admin)
                    await both.compare_aggregate(Drawn(name, seed, POOLS[name]), is_admin=is_admin)
                await both.compare_search(Drawn("airports", seed, POOLS["airports"]))
                await compare_expand(both, Drawn("flights", seed, POOLS["flights"]))
    assert both.found, "no search found anything"
    figure(f"{database}: {both.compared:,} answers over {sum(COUNTS.values()):,} records are DuckDB's (SEED={SEED})")
