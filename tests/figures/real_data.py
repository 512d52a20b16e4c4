"""Airports and flights between them, as a server's collections and as tables of DuckDB that read the same files.

Flights have integer ids in the order of the file. A flight's carrier is a field that is not declared: the files have
none, so it is made of the flight's number, alike on both sides.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from hinterland.contract.fields import Field, Instant, Integer, Number, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from tests.server.api import Api
from tests.support.data import data_file
from tests.support.npm import install
from tests.support.required import require_node

FOLDER = Path(__file__).with_name("datasets")
_CHUNK = 1_000  # rows of an import
_AIRPORT: dict[str, Field] = {
    "name": Text(search=True), "city": Text(), "state": Text(index=True), "country": Text(), "latitude": Number(),
    "longitude": Number(), "visits": Integer(),
}  # fmt: skip
_FLIGHT: dict[str, Field] = {
    "date": Instant(index=True), "delay": Integer(), "distance": Integer(index=True),
    "origin": Reference(to="airports"), "destination": Reference(to="airports"), "late": Number(),
}  # fmt: skip
COLLECTIONS = (
    Collection(name="airports", fields=_AIRPORT, rules=EVERYBODY),
    Collection(name="flights", fields=_FLIGHT, rules=EVERYBODY, ids="integer", is_open=True),
    Collection(
        name="delays",
        fields={"delay": Integer(), "distance": Integer(), "time": Number()},
        rules=Rules(list="record.distance > 300 && record.delay != 0"),  # what others than administrators see
        ids="integer",
    ),
)


def files() -> dict[str, Path]:
    """The files: 3,376 airports, 20,000 flights, 200,000 delays. Skips where Node or a package is missing."""
    require_node()
    install(FOLDER)
    of_npm = FOLDER / "node_modules" / "vega-datasets" / "data"
    return {
        "airports": data_file("airports.csv"),
        "flights": of_npm / "flights-20k.json",
        "delays": of_npm / "flights-200k.json",
    }


def _rows(name: str, file: Path, count: int) -> Iterator[dict[str, Any]]:
    """The first rows of a file as bodies of records."""
    if name == "airports":
        with file.open(encoding="utf-8", newline="") as text:
            for number, row in enumerate(csv.DictReader(text)):
                place = {"latitude": float(row["latitude"]), "longitude": float(row["longitude"])}
                visits = {"visits": None if number % 3 == 0 else number % 17}
                yield {"id": row.pop("iata"), **row, **place, **visits}
        return
    for number, row in enumerate(json.loads(file.read_text())[:count], 1):
        if name == "flights":
            day, _, hour = row["date"].partition(" ")
            row["date"] = f"{day.replace('/', '-')}T{hour}:00Z"
            row["late"] = row["delay"] / 60 if row["delay"] > 0 else None
            row |= {"carrier": f"c{number % 7}"} if number % 5 else {}
        yield row


_TABLES = {
    "airports": """
        CREATE TABLE airports AS SELECT iata AS id, name, city, state, country, latitude, longitude,
        CASE WHEN (row_number() OVER () - 1) % 3 = 0 THEN NULL ELSE (row_number() OVER () - 1) % 17 END AS visits
        FROM read_csv('{file}', header = true, nullstr = '', auto_type_candidates = ['DOUBLE', 'VARCHAR'])
    """,
    "flights": """
        CREATE TABLE flights AS SELECT *, CASE WHEN delay > 0 THEN delay / 60.0::DOUBLE END AS late,
        CASE WHEN id % 5 <> 0 THEN 'c' || (id % 7) END AS carrier FROM (
        SELECT row_number() OVER () AS id, delay, distance, origin, destination,
        strftime(strptime(date, '%Y/%m/%d %H:%M'), '%Y-%m-%dT%H:%M:%S.000000Z') AS date
        FROM read_json('{file}', columns = {{date: 'VARCHAR', delay: 'BIGINT', distance: 'BIGINT', origin: 'VARCHAR',
        destination: 'VARCHAR'}})) WHERE id <= {count}
    """,
    "delays": """
        CREATE TABLE delays AS SELECT * FROM (SELECT row_number() OVER () AS id, delay, distance, time
        FROM read_json('{file}', columns = {{delay: 'BIGINT', distance: 'BIGINT', time: 'DOUBLE'}})) WHERE id <= {count}
    """,
}


@contextmanager
def duck(counts: dict[str, int]) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the first rows of each file."""
    connection = duckdb.connect()
    try:
        for name, file in files().items():
            connection.execute(_TABLES[name].format(file=file, count=counts[name]))
        yield connection
    finally:
        connection.close()


async def load(api: Api, counts: dict[str, int]) -> None:
    """Import the first rows of each file."""
    for name, file in files().items():
        rows = [*_rows(name, file, counts[name])]
        for start in range(0, len(rows), _CHUNK):
            chunk = {"rows": rows[start : start + _CHUNK]}
            answer = await api("POST", f"/v1/admin/import/{name}", json=chunk, headers=api.admin)
            assert answer.status_code == 200, answer.text
            assert answer.json()["created"] == len(chunk["rows"]), answer.text
