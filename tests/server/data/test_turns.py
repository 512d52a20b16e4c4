"""Nobody's long request keeps the others from their turn on the loop, which everybody shares."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.kit.serial_worker import JobResult, SerialWorker
from hinterland.server.protocols.rest import bulk
from hinterland.server.storage import sqlite_reading
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, located, serving

T = TypeVar("T")
THINGS = "/v1/records/things"


class CommitsAtOnce(SerialWorker):
    """Runs COMMIT on the loop: the turns that others have while the disk works are not counted."""

    def submit(self, job: Callable[[], T]) -> JobResult[T]:
        """The finished job."""
        done: JobResult[T] = JobResult(loop=asyncio.get_running_loop())
        done.set_result(job())
        return done


async def turns(work: Awaitable[Any]) -> int:
    """How often others had their turn while `work` went on."""
    task = asyncio.ensure_future(work)
    count = 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    await task
    return count


async def filled(api: Api, count: int) -> None:
    """Some records with long texts."""
    await api.write(*(Write(act="create", collection="things", body={"text": "a" * 10_000}) for _ in range(count)))


async def test_a_filter_whose_single_steps_are_long(tmp_path: Path) -> None:
    """A search for a long text in long texts, which no look at a read interrupts, goes on beside the others."""
    async with serving(SqliteStorage(tmp_path / "data")) as api:
        await filled(api, 40)
        search = f"(record.text + record.text).contains('{'a' * 1_000}b')"
        for total in ("false", "true"):
            asked = api("GET", THINGS, params={"filter": search, "total": total})
            assert await turns(asked) > 100


class CountedThreads(ThreadPoolExecutor):
    """Counts the jobs that it gets."""

    jobs = 0

    def submit(self, *job: Any, **more: Any) -> Future[Any]:
        """A job."""
        self.jobs += 1
        return super().submit(*job, **more)


async def test_lists_that_read_every_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no index helps (a search, a sort, a page far from the start, a count of all) goes on in a thread as soon as
    it takes long; a read by id and a first page stay on the loop."""
    monkeypatch.setattr(sqlite_reading, "_SHARE", 5)  # so that thousands of records take as long as millions
    monkeypatch.setattr(sqlite_reading, "_LOOP_SECONDS", 60.0)  # but for a busy machine
    storage = SqliteStorage(tmp_path / "data")
    storage._readers.shutdown()
    storage._readers = threads = CountedThreads(3)
    async with serving(storage) as api:
        rows = [{"text": f"text {number}", "whole": number} for number in range(3_000)]
        written = await api.write(*[Write(act="create", collection="things", body=row) for row in rows])
        for path in ("/things?q=none", "/things?text_like=none", "/things?_sort=whole&_limit=5",
                     "/things?_start=2500&_limit=5", "/things?_page=500&_limit=5", "/things?whole_gte=2999",
                     f"{THINGS}?page=500&limit=5", f"{THINGS}?limit=1&total=true"):  # fmt: skip
            before = threads.jobs
            assert (await api("GET", path)).status_code == 200
            assert threads.jobs > before, path
        before = threads.jobs
        for path in (f"{THINGS}/{written.records[0].id}", f"{THINGS}?limit=5"):
            assert (await api("GET", path)).status_code == 200
        assert threads.jobs == before


async def test_a_push_of_many_writes(tmp_path: Path) -> None:
    """A device that pushes thousands of writes at once does not keep readers waiting until they are written."""
    storage = SqliteStorage(tmp_path / "data")
    storage._commits = CommitsAtOnce("commit")
    async with serving(storage) as api:
        ada = await api.sign_up("ada")
        writes = [{"act": "create", "collection": "things"}] * 100
        mutations = [{"seq": number, "id": f"m{number}", "writes": writes} for number in range(1, 11)]
        pushed = api("POST", "/v1/sync/push", json={"device": "d", "mutations": mutations}, headers=ada["headers"])
        assert await turns(pushed) > 60  # at least one for 17 writes


async def test_writes_of_large_records(tmp_path: Path) -> None:
    """Each write of a large record leaves the others their turn, however few there are in a request."""
    storage = SqliteStorage(tmp_path / "data")
    storage._commits = CommitsAtOnce("commit")
    async with serving(storage) as api:
        made = await api.write(
            *[Write(act="create", collection="things", body={"any": size * "a"}) for size in (1, 200_000)]
        )

        def batch(number: int) -> Awaitable[Any]:
            write = {"act": "patch", "collection": "things", "id": made.records[number].id, "body": {"whole": 1}}
            return api("POST", "/v1/batch", json={"returns": "minimal", "writes": [write] * 40})

        assert await turns(batch(1)) - await turns(batch(0)) > 30


async def test_a_parent_of_many(tmp_path: Path) -> None:
    """Nor does the deletion of a record with very many below it."""
    async with serving(SqliteStorage(tmp_path / "data")) as api:
        post = (await api("POST", "/v1/records/posts", json={})).json()["id"]
        await api.write(*[Write(act="create", collection="comments", parent=f"posts/{post}")] * 1_000)
        assert await turns(api("DELETE", f"/v1/records/posts/{post}")) > 80


async def test_a_large_body(tmp_path: Path) -> None:
    """A large body is checked beside the others, whatever becomes of it."""
    async with serving(SqliteStorage(tmp_path / "data")) as api:
        body = msgspec.json.encode({"any": [[]] * 200_000})
        assert await turns(api("POST", THINGS, content=body, headers={"Content-Type": "application/json"})) > 100


async def test_lines_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of empty lines are looked through in a thread."""
    places: list[threading.Thread] = []
    lines = bulk._lines

    def watched(data: bytes) -> list[bytes]:
        places.append(threading.current_thread())
        return lines(data)

    monkeypatch.setattr(bulk, "_lines", watched)
    async with serving(SqliteStorage(tmp_path / "data")) as api:
        many = await api(
            "POST", f"{THINGS}/bulk", content=b"\n" * 1_000_000, headers={"Content-Type": "application/jsonl"}
        )
    assert (many.status_code, many.json()["created"]) == (200, 0)
    assert places[0] is not threading.main_thread()


async def test_a_device_that_was_away_for_long(tmp_path: Path) -> None:
    """A caller who reads the log from far back leaves the others their turns, though nothing in it is for them."""
    async with serving(SqliteStorage(tmp_path / "data")) as api:
        first = (await api("POST", "/v1/sync/pull", json={"collections": ["posts"]})).json()["cursor"]
        await api.write(*[Write(act="create", collection="things")] * 2_000)
        assert await turns(api("POST", "/v1/sync/pull", json={"collections": ["posts"], "cursor": first})) > 80


async def test_costly_lists_leave_connections_to_the_others(tmp_path: Path, postgres_dsn: str) -> None:
    """However many search by costly filters at once, a caller who reads one record does not wait for their
    connections."""
    async with serving(PostgresStorage(postgres_dsn, connections=5)) as api:
        await filled(api, 40)
        thing = located(await api("POST", THINGS, json={"text": "cheap"}))
        search = {"filter": f"(record.text + record.text).contains('{'a' * 1_000}b')"}
        searching = [asyncio.ensure_future(api("GET", THINGS, params=search)) for _ in range(12)]
        await asyncio.sleep(0)
        await api("GET", thing)
        assert sum(task.done() for task in searching) < 6
        assert {answer.status_code for answer in await asyncio.gather(*searching)} == {200}


async def test_slow_lists_leave_connections_to_the_others(tmp_path: Path, postgres_dsn: str) -> None:
    """Nor does a list that turns out slow, though nothing in its question said so, take more than its share: it is
    stopped after a short time, and the slow ones go on one after the other."""
    async with serving(PostgresStorage(postgres_dsn, connections=4)) as api:
        await api.write(*[Write(act="create", collection="things")] * 4)
        async with api.backend.storage.transaction() as transaction:
            for statement in (
                "ALTER TABLE things RENAME TO kept",
                "CREATE VIEW things AS SELECT * FROM kept WHERE pg_sleep(0.1) IS NOT NULL",
            ):
                await transaction.execute(statement)  # type: ignore[attr-defined]
        slow = [asyncio.ensure_future(api("GET", THINGS, params={"total": total})) for total in ("true", *"00000")]
        await asyncio.sleep(0)
        for _ in range(3):
            assert (await api("GET", "/readyz")).status_code == 200
        assert not any(task.done() for task in slow)
        answers = await asyncio.gather(*slow)
        assert [(answer.status_code, len(answer.json()["items"])) for answer in answers] == [(200, 4)] * 6
        assert answers[0].json()["total"] == 4
