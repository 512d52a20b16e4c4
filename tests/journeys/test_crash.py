"""The server is killed again and again under keyed writes, of REST and of GraphQL; nothing that it acknowledged is lost
or doubled.

`KILLS` sets how often on SQLite (100 with `make crash`; three tenths of it on PostgreSQL). `SEED` repeats a run;
without it a small run is always the same, and one whose `KILLS` are set is another each time.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx2
import pytest

from tests.support.marks import marks_app
from tests.support.postgres import PostgresCluster
from tests.support.server import ServerProcess

KILLS = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("SEED", "0")) or (random.SystemRandom().randrange(1, 2**31) if "KILLS" in os.environ else 1)
WRITERS = 6
TWO = """mutation ($first: String!, $second: String!) {
  first: createMark(input: {mark: $first}) { id }
  second: createMark(input: {mark: $second}) { id }
}"""


class Writer(threading.Thread):
    """Posts marks, each with its own idempotency key, and asks again with the same key until it is answered."""

    def __init__(self, name: str, url: str, progress: threading.Semaphore, up: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.url = url
        self.progress = progress
        self.up = up
        self.stop = threading.Event()
        self.acknowledged: dict[str, str] = {}
        self.repeated = 0

    def run(self) -> None:
        """Write until it has to stop; the mark under way is settled first."""
        number = 0
        with httpx2.Client(base_url=self.url, timeout=10) as client:
            while not self.stop.is_set():
                number += 1
                self.acknowledged |= self._settle(client, f"{self.name}-{number}")
                self.progress.release()

    def _settle(self, client: httpx2.Client, mark: str) -> dict[str, str]:
        """Ask until it is answered; the ids of what was written, by their marks."""
        while True:
            try:
                answer = self._ask(client, mark)
            except httpx2.TransportError:
                self.repeated += 1
                self.up.wait(30)
                continue
            if (done := self._done(answer, mark)) is not None:
                return done

    def _ask(self, client: httpx2.Client, mark: str) -> httpx2.Response:
        return client.post("/v1/records/marks", json={"mark": mark}, headers={"Idempotency-Key": mark})

    def _done(self, answer: httpx2.Response, mark: str) -> dict[str, str] | None:
        if answer.status_code == 201:
            return {mark: str(answer.json()["id"])}
        assert answer.status_code in (409, 503), answer.text
        return None


class WriterOfTwo(Writer):
    """Writes two marks by each of its mutations in GraphQL, which a kill may come between."""

    def _ask(self, client: httpx2.Client, mark: str) -> httpx2.Response:
        body = {"query": TWO, "variables": {"first": f"{mark}/1", "second": f"{mark}/2"}}
        return client.post("/graphql", json=body, headers={"Idempotency-Key": mark})

    def _done(self, answer: httpx2.Response, mark: str) -> dict[str, str] | None:
        body = answer.json()
        if answer.status_code == 200 and "errors" not in body:
            return {f"{mark}/1": body["data"]["first"]["id"], f"{mark}/2": body["data"]["second"]["id"]}
        assert {error["extensions"]["code"] for error in body["errors"]} <= {"in_progress", "unavailable"}, body
        return None


def kill_and_restart(server: ServerProcess, kills: int) -> list[Writer]:
    """Kill the server `kills` times, each after a random number of answers, while the writers go on."""
    chance = random.Random(SEED)
    progress, up = threading.Semaphore(0), threading.Event()
    up.set()
    kinds = (Writer, Writer, WriterOfTwo)
    writers = [kinds[number % 3](f"w{number}", server.url, progress, up) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for number in range(kills):
        for _ in range(chance.randrange(1, 60)):
            assert progress.acquire(timeout=30), f"no answer for 30 s\n{server.log}"
        up.clear()
        server.kill()
        server.start()
        up.set()
        print(f"kill {number + 1} of {kills}: {sum(len(w.acknowledged) for w in writers)} acknowledged")
    for writer in writers:
        writer.stop.set()
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive()
    return writers


def all_records(url: str) -> list[dict[str, Any]]:
    """Every mark that the server has."""
    records: list[dict[str, Any]] = []
    cursor = ""
    with httpx2.Client(base_url=url) as client:
        while True:
            place = {"cursor": cursor} if cursor else {}
            page = client.get("/v1/records/marks", params={"limit": "1000", **place})
            records += page.json()["items"]
            cursor = page.json()["next"]
            if not cursor:
                return records


def check(writers: list[Writer], records: list[dict[str, Any]]) -> None:
    """Every acknowledged write is there, exactly once, under the id that was answered."""
    by_mark = Counter(record["mark"] for record in records)
    ids = {record["mark"]: record["id"] for record in records}
    acknowledged = {mark: id for writer in writers for mark, id in writer.acknowledged.items()}
    lost = acknowledged.keys() - ids.keys()
    doubled = [mark for mark, count in by_mark.items() if count > 1]
    print(f"{len(acknowledged)} acknowledged, {len(lost)} lost, {len(doubled)} doubled, "
          f"{sum(w.repeated for w in writers)} requests repeated, seed {SEED}")  # fmt: skip
    assert not lost
    assert not doubled
    assert {mark: ids[mark] for mark in acknowledged} == acknowledged
    assert len(records) == len(acknowledged)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app file of the marks."""
    return marks_app(tmp_path)


@pytest.mark.slow
def test_kills_on_sqlite(tmp_path: Path, app: Path) -> None:
    """kill -9 of the server at any step → every acknowledged write exists exactly once (SQLite)."""
    with ServerProcess(app, tmp_path / "data") as server:
        writers = kill_and_restart(server, KILLS)
        check(writers, all_records(server.url))
        assert server.terminate() == 0
    database = apsw.Connection(str(tmp_path / "data" / "data.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert [*database.execute("PRAGMA integrity_check")] == [("ok",)]
    count, last, first = next(iter(database.execute("SELECT count(*), max(revision), min(revision) FROM _log")))
    assert (count, first) == (last, 1)
    strange = "SELECT count(*) FROM marks m WHERE NOT EXISTS (SELECT 1 FROM _log l WHERE l.revision = m._revision)"
    assert next(iter(database.execute(strange))) == (0,)


@pytest.fixture
def database(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.mark.slow
def test_kills_on_postgres(
    tmp_path: Path, app: Path, database: str, server_process: Callable[..., ServerProcess]
) -> None:
    """kill -9 of the server at any step → every acknowledged write exists exactly once (PostgreSQL)."""
    server = server_process(app, tmp_path / "data", env={"HINTERLAND_DATABASE_URL": database})
    writers = kill_and_restart(server, max(2, KILLS * 3 // 10))
    check(writers, all_records(server.url))
