"""Cars with their makers and the makers' origins, and the temperatures of each hour of a year by day and city, as a
server's collections and as tables of DuckDB that read the same files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from hinterland.contract.fields import Date, Field, Instant, Integer, Number, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection
from tests.server.api import Api
from tests.support.data import data_file

_CHUNK = 1_000  # rows of an import
_CITIES = {"sf": ("San Francisco", "sf-temps.csv"), "seattle": ("Seattle", "seattle-temps.csv")}
_CAR: dict[str, Field] = {
    "name": Text(search=True), "maker": Reference(to="makers"), "year": Date(index=True), "mpg": Number(),
    "cylinders": Integer(), "horsepower": Integer(), "weight": Integer(index=True), "acceleration": Number(),
}  # fmt: skip
COLLECTIONS = (
    Collection(name="origins", fields={"name": Text()}, rules=EVERYBODY),
    Collection(name="makers", fields={"origin": Reference(to="origins")}, rules=EVERYBODY),
    Collection(name="cars", fields=_CAR, rules=EVERYBODY, ids="integer"),
    Collection(name="cities", fields={"name": Text()}, rules=EVERYBODY),
    Collection(name="days", fields={"city": Reference(to="cities"), "date": Date()}, rules=EVERYBODY),
    Collection(
        name="readings",
        fields={"day": Reference(to="days"), "taken": Instant(index=True), "temperature": Number()},
        rules=EVERYBODY,
        ids="integer",
    ),
)


def _cars() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(data_file("cars.json").read_text())
    return found


def _readings(hours: int) -> Iterator[tuple[str, str, str, float]]:
    """City, day, time and temperature of the first hours of each city."""
    for city, (_, file) in _CITIES.items():
        with data_file(file).open(newline="") as text:
            for _, row in zip(range(hours), csv.DictReader(text), strict=False):
                day, _, time = row["date"].partition(" ")
                yield city, day.replace("/", "-"), time[:5], float(row["temp"])


def bodies(hours: int) -> dict[str, list[dict[str, Any]]]:
    """The records by collection; those that others name come first."""
    cars, readings = _cars(), [*_readings(hours)]
    origin = {car["Name"].split()[0]: car["Origin"] for car in cars}
    days = dict.fromkeys([(city, day) for city, day, _, _ in readings])
    return {
        "origins": [{"id": id.lower(), "name": id} for id in sorted({*origin.values()})],
        "makers": [{"id": id, "origin": of.lower()} for id, of in origin.items()],
        "cars": [
            {
                "name": car["Name"], "maker": car["Name"].split()[0], "year": car["Year"],
                "weight": car["Weight_in_lbs"], "mpg": car["Miles_per_Gallon"], "cylinders": car["Cylinders"],
                "horsepower": car["Horsepower"],
                "acceleration": car["Acceleration"],
            }
            for car in cars
        ],
        "cities": [{"id": id, "name": name} for id, (name, _) in _CITIES.items()],
        "days": [{"id": f"{city}-{day}", "city": city, "date": day} for city, day in days],
        "readings": [
            {"day": f"{city}-{day}", "taken": f"{day}T{time}:00Z", "temperature": temperature}
            for city, day, time, temperature in readings
        ],
    }  # fmt: skip


_TABLES = """
    CREATE TABLE cars AS SELECT row_number() OVER () AS id, Name AS name, split_part(Name, ' ', 1) AS maker,
      Year AS year, Miles_per_Gallon AS mpg, Cylinders AS cylinders, Horsepower AS horsepower, Weight_in_lbs AS weight,
      Acceleration AS acceleration, Origin AS origin
      FROM read_json('{cars}', columns = {{Name: 'VARCHAR', Year: 'VARCHAR', Miles_per_Gallon: 'DOUBLE',
      Cylinders: 'BIGINT', Horsepower: 'BIGINT', Weight_in_lbs: 'BIGINT', Acceleration: 'DOUBLE', Origin: 'VARCHAR'}});
    CREATE TABLE makers AS SELECT DISTINCT maker AS id, lower(origin) AS origin FROM cars;
    CREATE TABLE origins AS SELECT DISTINCT lower(origin) AS id, origin AS name FROM cars;
    CREATE TABLE cities AS SELECT * FROM (VALUES ('sf', 'San Francisco'), ('seattle', 'Seattle')) AS t(id, name);
    CREATE TABLE readings AS SELECT row_number() OVER (ORDER BY city <> 'sf', place) AS id, city,
      city || '-' || strftime(t, '%Y-%m-%d') AS day, strftime(t, '%Y-%m-%dT%H:%M:%S.000000Z') AS taken, t, temperature
      FROM (SELECT 'sf' AS city, row_number() OVER () AS place, strptime(date[1:16], '%Y/%m/%d %H:%M') AS t,
      temp AS temperature FROM read_csv('{sf}', types = {{date: 'VARCHAR', temp: 'DOUBLE'}}) UNION ALL
      SELECT 'seattle', row_number() OVER (), strptime(date[1:16], '%Y/%m/%d %H:%M'), temp
      FROM read_csv('{seattle}', types = {{date: 'VARCHAR', temp: 'DOUBLE'}})) WHERE place <= {hours};
    CREATE TABLE days AS SELECT DISTINCT day AS id, city, strftime(t, '%Y-%m-%d') AS date FROM readings;
"""


@contextmanager
def duck(hours: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the cars, and the first hours of each city."""
    connection = duckdb.connect()
    try:
        files = {city: data_file(file) for city, (_, file) in _CITIES.items()}
        connection.execute(_TABLES.format(cars=data_file("cars.json"), hours=hours, **files))
        yield connection
    finally:
        connection.close()


async def load(api: Api, hours: int) -> int:
    """Import all; how many records."""
    count = 0
    for name, rows in bodies(hours).items():
        for start in range(0, len(rows), _CHUNK):
            chunk = {"rows": rows[start : start + _CHUNK]}
            answer = await api("POST", f"/v1/admin/import/{name}", json=chunk, headers=api.admin)
            assert answer.status_code == 200, answer.text
            assert answer.json()["created"] == len(chunk["rows"]), answer.text
            count += len(chunk["rows"])
    return count
